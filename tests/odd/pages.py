"""The pages with something to fill in, and how a person comes to stand before each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

from accounts import invitations, sso_linking
from accounts.models import Account, Notice, Role
from enforcement import approvals
from tests.enforcement.desk import (
    account_page,
    person_page,
    requirement_page,
    root_browser,
    support_browser,
)
from tests.enforcement.kit import browser, enrolled_person, sign_in
from tests.factories import make_account, make_identity, make_provider
from tests.journeys.driver import Browser
from tests.journeys.pages import Form, Page
from tests.journeys.post import link_in, mails_to, run_jobs
from tests.journeys.world import Northwind, enrol

SUPPORT_DOES = ("pass", "reset", "staff")
SUPPORT_DOES_AT_ONCE = ("address", "sign_out", "deactivate")


@dataclass(frozen=True, kw_only=True)
class Standpoint:
    """A browser before a page whose forms can be sent."""

    client: Client
    path: str


Opening = Callable[[Northwind], Iterator[Standpoint]]


def before(client: Client, *paths: str) -> Iterator[Standpoint]:
    for path in paths:
        yield Standpoint(client=client, path=path)


def nobody(world: Northwind) -> Iterator[Standpoint]:
    yield from before(browser(), "/login/", "/password/reset/", "/sso/")


def who_links_a_sign_in(world: Northwind) -> Iterator[Standpoint]:
    world.account.email_domains = ["northwind.example"]
    world.account.save()
    provider = make_provider(world.account, now=world.clock.now)
    session = (client := browser()).session
    session[sso_linking.KEY] = {
        "provider": provider.pk,
        "subject": "ada",
        "email": world.ada.email,
        "amr": [],
        "acr": "",
        "auth_time": None,
        "next": "/",
        "at": world.clock.now.isoformat(),
    }
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    yield from before(client, f"/sso/{provider.slug}/link/")


def who_forgot_the_password(world: Northwind) -> Iterator[Standpoint]:
    client = browser()
    client.post("/password/reset/", {"email": world.ben.email})
    run_jobs()
    link = link_in(mails_to(world.ben.email)[-1], "/password/reset/")
    yield from before(client, client.get(link)["Location"])


def who_is_invited(world: Northwind) -> Iterator[Standpoint]:
    invitations.invite(
        account=world.account,
        email="eve@northwind.example",
        role=Role.MEMBER,
        actor=world.owner,
        now=world.clock.now,
    )
    run_jobs()
    yield from before(browser(), link_in(mails_to("eve@northwind.example")[-1], "/invitations/"))


def at_the_code_page(world: Northwind) -> Iterator[Standpoint]:
    enrol(world.ben, clock=world.clock)
    yield from before(sign_in(world.ben), "/login/verify/", "/login/recovery/", "/login/help/")


def overdue(world: Northwind) -> Browser:
    world.require()
    world.clock.forward(hours=24)
    ada = Browser(world.ada)
    ada.give_password()
    return ada


def before_the_mailbox_is_proved(world: Northwind) -> Iterator[Standpoint]:
    yield from before(overdue(world).client, "/two-factor/setup/mailbox/", "/login/help/")


def in_set_up_by_app(world: Northwind) -> Iterator[Standpoint]:
    ada = overdue(world)
    ada.prove_mailbox()
    ada.choose("app")
    yield from before(ada.client, "/two-factor/setup/", "/two-factor/setup/app/")


def in_set_up_by_text(world: Northwind) -> Iterator[Standpoint]:
    ada = overdue(world)
    ada.prove_mailbox()
    ada.choose("text")
    yield from before(ada.client, "/two-factor/setup/text/")
    ada.submit("/two-factor/setup/text/", phone="+12025550123")
    yield from before(ada.client, "/two-factor/setup/text/confirm/")


def signed_in(world: Northwind) -> Iterator[Standpoint]:
    solo = make_account("solo", owner=world.ben)
    ben = Browser(world.ben, secret=enrol(world.ben, clock=world.clock).secret)
    ben.sign_in()
    yield from before(
        ben.client,
        "/settings/",
        "/settings/email/",
        "/settings/password/",
        f"/accounts/{solo.slug}/",
        "/settings/security/",
        "/two-factor/backup-codes/",
        "/two-factor/replace/",
        "/reauthenticate/",
    )


def owner(world: Northwind) -> Iterator[Standpoint]:
    client = sign_in(world.owner)
    ben = world.membership(world.ben)
    yield from before(
        client,
        "/accounts/northwind/",
        f"/accounts/northwind/members/{ben.pk}/pass/",
        account_page(world.account),
        requirement_page(world.account),
    )


def root(world: Northwind) -> Iterator[Standpoint]:
    enrol(world.ben, clock=world.clock)
    does = [person_page(world.ben, name) for name in SUPPORT_DOES]
    yield from before(
        root_browser(),
        *does,
        reverse("admin:accounts_user_add"),
        account_page(world.account),
        requirement_page(world.account),
    )


def support_at_a_provider(world: Northwind) -> Iterator[Standpoint]:
    """One account has a provider, which knows somebody; another account gets one."""
    provider = make_provider(world.account, now=world.clock.now)
    identity = make_identity(provider, world.ben, now=world.clock.now)
    add = reverse("admin:accounts_account_provider", args=[make_account("southwind").pk])
    acts = ("edit", "secret", "replace", "off", "cut_off")
    does = [reverse(f"admin:accounts_provider_{name}", args=[provider.pk]) for name in acts]
    unlink = reverse("admin:accounts_provider_unlink", args=[provider.pk, identity.pk])
    yield from before(support_browser(), add, f"{add}?protocol=saml", *does, unlink)


def owner_while_it_runs(world: Northwind) -> Iterator[Standpoint]:
    """A member to remind, one at a foreign address to advise, and a mail that failed."""
    Account.objects.filter(pk=world.account.pk).update(email_domains=["work.example"])
    world.require()
    client = sign_in(world.owner)
    run_jobs()
    Notice.objects.filter(user=world.ada).update(state=Notice.State.FAILED)
    world.clock.forward(minutes=5)
    yield from before(client, account_page(world.account), requirement_page(world.account))


def support_with_something_waiting(world: Northwind) -> Iterator[Standpoint]:
    """What somebody else of support asked for waits, for an owner."""
    world.require()
    colleague = enrolled_person(email="colleague@gatehouse.example", is_staff=True).user
    with override_settings(TWO_FACTOR_PASS_APPROVAL=True):
        approvals.grant_or_ask(
            user=world.owner, actor=colleague, reason="Lost", ticket="", now=world.clock.now
        )
    does = [person_page(world.owner, name) for name in ("approve", "decline")]
    does += [person_page(world.ben, name) for name in SUPPORT_DOES_AT_ONCE]
    yield from before(support_browser(), *does)


OPENINGS: tuple[Opening, ...] = (
    nobody,
    who_forgot_the_password,
    who_links_a_sign_in,
    who_is_invited,
    at_the_code_page,
    before_the_mailbox_is_proved,
    in_set_up_by_app,
    in_set_up_by_text,
    signed_in,
    owner,
    owner_while_it_runs,
    root,
    support_with_something_waiting,
    support_at_a_provider,
)


@dataclass(frozen=True, kw_only=True)
class Blank:
    """One form of one page, as the page holds it."""

    client: Client
    action: str
    fields: dict[str, str]
    names: set[str]


def blanks(standpoint: Standpoint, *, buttons: bool = False) -> Iterator[Blank]:
    """Return the forms of a page that can be sent, and mere ``buttons`` if they are asked for."""
    answer = standpoint.client.get(standpoint.path)
    assert answer.status_code == 200, (standpoint.path, answer.status_code, answer.headers)
    for form in Page(answer).forms:
        if form.method == "post" and (names_of(form) or buttons):
            yield Blank(
                client=standpoint.client,
                action=form.action or standpoint.path,
                fields=form.fields,
                names=names_of(form),
            )


def names_of(form: Form) -> set[str]:
    return {name for name in form.names if name and name != "csrfmiddlewaretoken"}
