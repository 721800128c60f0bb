"""The whole site, crawled half-way in: no page tells anything about anybody."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from accounts import invitations, sessions
from accounts.models import Account, Role, Session, User
from enforcement import policies
from tests.enforcement.kit import browser, is_in, sign_in
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from tests.routes import routes
from tests.twofactor.people import enrol_app
from twofactor import mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S32")]

NAMES = ["Ada Lovelace", "Olga Owner", "Ben Bitdiddle", "ben@northwind.example"]
Kind = Callable[[Account, User, Clock], Client]


@pytest.fixture
def ada(clock: Clock) -> User:
    return make_user("ada@northwind.example", name="Ada Lovelace")


@pytest.fixture
def northwind(ada: User) -> Account:
    owner = make_user("owner@northwind.example", name="Olga Owner")
    ben = make_user("ben@northwind.example", name="Ben Bitdiddle")
    return make_account("northwind", owner=owner, members=(ada, ben))


def overdue(account: Account, clock: Clock) -> None:
    policies.switch_on(account=account, actor=None, now=clock.now)
    clock.forward(days=2)


def at_the_code(account: Account, ada: User, clock: Clock) -> Client:
    return sign_in(enrol_app(ada, now=clock.now).user)


def before_the_mailbox(account: Account, ada: User, clock: Clock) -> Client:
    overdue(account, clock)
    return sign_in(ada)


def after_the_mailbox(account: Account, ada: User, clock: Clock) -> Client:
    overdue(account, clock)
    client = browser()
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    return sign_in(ada, client=client)


def joining(account: Account, ada: User, clock: Clock) -> Client:
    overdue(account, clock)
    owner = User.objects.get(email="owner@northwind.example")
    guest = make_user("guest@other.example", name="Ada Lovelace")
    found = invitations.invite(
        account=account, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(found.pk).removeprefix("http://testserver"))
    return sign_in(guest, client=client)


KINDS = [at_the_code, before_the_mailbox, after_the_mailbox, joining]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def client(request: pytest.FixtureRequest, northwind: Account, ada: User, clock: Clock) -> Client:
    kind: Kind = request.param
    found = kind(northwind, ada, clock)
    assert "pending" in found.session
    return found


QUIET = {"outbox", "styleguide", "styleguide_mail", "styleguide_mail_html"}  # of samples


def test_no_page_shows_whose_it_is(client: Client) -> None:
    pages = 0
    for route in routes():
        if route.name in QUIET or route.name in {"logout", "login_cancel"}:
            continue
        answer = client.get(route.path)
        if answer.status_code == 200 and not answer.streaming:
            pages += 1
            body = answer.content.decode()
            shown = [name for name in NAMES if name in body]
            assert not shown, (route.name, shown)
    assert pages > 5
    assert not is_in(client)


def test_the_row_holds_no_more_than_the_rules_list(client: Client) -> None:
    key = str(client.session.session_key)
    row, kept = Session.objects.get(session_key=key), sessions.store(key).load()
    assert set(kept) <= {"pending", "setup", "invitation"}
    assert set(kept["pending"]) == {
        "user_id",
        "attempt",
        "step",
        "entered_at",
        "next",
        "method",
        "stamp",
        "mailbox_proved",
        "invitation",
        "sso",
        "vouched",
    }
    assert kept["pending"]["vouched"] is None  # nobody came by a provider
    assert row.user_id is None
    for secret in (PASSWORD, "ada@northwind.example", "guest@other.example", *NAMES):
        assert secret not in str(kept)


@pytest.mark.proves("B15")
def test_no_part_of_a_session_can_be_dropped_to_get_in(client: Client) -> None:
    client.get("/two-factor/setup/app/")
    kept = dict(client.session)
    parts: list[tuple[str, str | None]] = [(name, None) for name in kept]
    parts += [(name, part) for name in ("pending", "setup") for part in kept.get(name) or {}]
    # Whoever joins no more is a stranger to the account that required set-up, and let in as one.
    for name, part in (each for each in parts if each != ("pending", "invitation")):
        store = client.session
        store.clear()
        store.update({key: dict(v) if isinstance(v, dict) else v for key, v in kept.items()})
        if part is None:
            del store[name]
        else:
            del store[name][part]
        store.save()
        assert not is_in(client), (name, part)
        for path in ("/login/verify/", "/two-factor/setup/app/", "/login/continue/"):
            assert client.get(path).status_code in {200, 302}, (name, part, path)
        assert not is_in(client), (name, part)


@pytest.mark.proves("B15")
def test_another_language_changes_nothing(client: Client) -> None:
    for language in ("de", "fr", "xx", "en-GB"):
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        answer = client.get("/settings/", headers={"accept-language": language})
        assert answer.status_code == 302
        assert not is_in(client)
