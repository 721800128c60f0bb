"""Support's pages for identity providers: what they show, what they do, and to whom they open."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import providers
from accounts.models import (
    Account,
    AuditEvent,
    Identity,
    Membership,
    Notice,
    Protocol,
    Provider,
    User,
)  # fmt: skip
from enforcement import policies
from enforcement.models import Extension, Policy
from tests.accounts.entered import DETAILS, ORIGIN, REASON, SECRET
from tests.accounts.pem import make_pem, private_pem
from tests.enforcement.desk import account_page, owner_browser, support_browser
from tests.enforcement.kit import PAGE
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import make_enrolled

pytestmark = pytest.mark.django_db
ENTERED = {
    "name": "Northwind Login",
    "issuer": ORIGIN.issuer,
    "client_id": "gatehouse",
    "secret": SECRET,
    "email_domains": "northwind.example\n@Nw.example",
    "allow_creation": "on",
    "reason": REASON,
}


@pytest.fixture
def desk(northwind: Account) -> Client:
    return support_browser()


@pytest.fixture
def provider(northwind: Account, now: datetime) -> Provider:
    Account.objects.filter(pk=northwind.pk).update(email_domains=["northwind.example"])
    northwind.refresh_from_db()
    return make_provider(northwind, now=now, name="Northwind Login")


def page_of(provider: Provider, act: str = "change") -> str:
    return reverse(f"admin:accounts_provider_{act}", args=[provider.pk])


def add_page(account: Account, protocol: str = "oidc") -> str:
    page = reverse("admin:accounts_account_provider", args=[account.pk])
    return f"{page}?protocol={protocol}"


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


# Adding


def test_support_adds_a_provider_and_reads_what_to_enter_there(
    desk: Client, northwind: Account
) -> None:
    answer = desk.post(add_page(northwind), ENTERED, follow=True)
    provider = Provider.objects.get()
    assert answer.redirect_chain[-1][0] == page_of(provider)
    shown = text_of(answer)
    assert "http://testserver/sso/northwind/callback/" in shown
    assert "northwind.example, nw.example" in shown
    assert provider.open_client_secret() == SECRET
    assert SECRET not in answer.content.decode()
    assert AuditEvent.objects.filter(event="provider_added").count() == 1
    assert Notice.objects.filter(kind="provider_changed").count() == 1


def test_a_provider_of_saml_is_added_with_its_certificates(
    desk: Client, northwind: Account, now: datetime
) -> None:
    given = {
        **ENTERED,
        "issuer": "urn:northwind:idp",
        "sso_url": "https://login.northwind.example/sso",
        "certificates": make_pem(now=now, good_for=timedelta(days=1)),
        "subject_attribute": "employeeNumber",
    }
    answer = desk.post(add_page(northwind, "saml"), given, follow=True)
    provider = Provider.objects.get()
    assert (provider.protocol, provider.client_id) == (Protocol.SAML, "")
    shown = text_of(answer)
    assert "CN=idp.example good until" in shown
    assert "the attribute employeeNumber" in shown
    assert "http://testserver/sso/northwind/metadata/" in shown
    assert "expired" not in shown


def test_an_expired_certificate_is_marked(desk: Client, provider: Provider, now: datetime) -> None:
    pem = make_pem(now=now, good_for=-timedelta(days=1))
    Provider.objects.update(protocol=Protocol.SAML, certificates=pem)
    assert "expired good until" in text_of(desk.get(page_of(provider)))


WRONG = (
    ("issuer", "http://login.example", "https://"),
    ("issuer", "https://10.0.0.1", "from the internet"),
    ("email_domains", "gmail.com", "Everybody can get an address"),
    ("email_domains", "", "required"),
    ("email_domains", "taken.example", "another account"),
    ("secret", "", "required"),
    ("client_id", "", "required"),
    ("name", "", "required"),
    ("reason", " ", "required"),
)


def test_what_is_wrong_stands_beside_its_field(
    desk: Client, northwind: Account, now: datetime
) -> None:
    make_provider(make_account(email_domains=["taken.example"]), now=now)
    for field, value, told in WRONG:
        answer = desk.post(add_page(northwind), {**ENTERED, field: value})
        assert answer.status_code == 200
        errors = answer.context["form"].errors[field]
        assert any(told in each for each in errors), (field, value)
        assert SECRET not in answer.content.decode()
    assert not Provider.objects.filter(account=northwind).exists()


def test_a_private_key_that_was_pasted_is_not_shown_again(desk: Client, northwind: Account) -> None:
    key = private_pem()
    given = {**ENTERED, "sso_url": "https://login.example/sso", "certificates": key}
    answer = desk.post(add_page(northwind, "saml"), given)
    assert "private key" in text_of(answer)
    assert key.splitlines()[1] not in answer.content.decode()


def test_an_account_that_has_a_provider_gets_no_second(
    desk: Client, provider: Provider, northwind: Account
) -> None:
    assert "has a provider already" in text_of(desk.get(add_page(northwind)))
    assert desk.post(add_page(northwind), ENTERED).status_code == 409


# Changing


def test_support_changes_a_provider(desk: Client, provider: Provider, northwind: Account) -> None:
    form = text_of(desk.get(page_of(provider, "edit")))
    assert "Save" in form
    given = {**ENTERED, "name": "Renamed", "issuer": "https://evil.example"}
    assert desk.post(page_of(provider, "edit"), given)["Location"] == page_of(provider)
    stored = Provider.objects.get()
    northwind.refresh_from_db()
    assert (stored.name, stored.allow_creation) == ("Renamed", True)
    assert northwind.email_domains == ["northwind.example", "nw.example"]
    assert stored.issuer == provider.issuer
    assert bytes(stored.client_secret) == bytes(provider.client_secret)


def test_support_replaces_the_secret(desk: Client, provider: Provider) -> None:
    given = {"secret": SECRET, "reason": REASON}
    answer = desk.post(page_of(provider, "secret"), given, follow=True)
    provider.refresh_from_db()
    assert provider.open_client_secret() == SECRET
    assert SECRET not in answer.content.decode()


def test_support_replaces_the_issuer(
    desk: Client, provider: Provider, ada: User, now: datetime
) -> None:
    make_identity(provider, ada, now=now)
    page = text_of(desk.get(page_of(provider, "replace")))
    assert "gets a new deadline" in page
    assert "People who come through it 1" in page
    desk.post(page_of(provider, "replace"), ENTERED)
    new = Provider.objects.live().get()
    provider.refresh_from_db()
    assert (new.issuer, new.slug, provider.is_live) == (ORIGIN.issuer, provider.account.slug, False)


def test_a_replacement_may_speak_the_other_protocol(
    desk: Client, provider: Provider, now: datetime
) -> None:
    given = {
        **ENTERED,
        "issuer": "urn:idp",
        "sso_url": "https://login.example/sso",
        "certificates": make_pem(now=now),
    }
    desk.post(f"{page_of(provider, 'replace')}?protocol=saml", given)
    assert Provider.objects.live().get().protocol == Protocol.SAML


def test_switching_off_says_how_many_get_a_new_deadline(
    desk: Client, provider: Provider, northwind: Account, now: datetime
) -> None:
    bare = make_user(password=None)
    Membership.objects.create(account=northwind, user=bare, joined_at=northwind.created_at)
    make_identity(provider, bare, now=now)
    assert "new deadline 0" in text_of(desk.get(page_of(provider, "off")))
    policy = policies.switch_on(account=northwind, actor=None, now=now)
    Policy.objects.filter(pk=policy.pk).update(deadline=now + timedelta(hours=1))
    assert "new deadline 1" in text_of(desk.get(page_of(provider, "off")))
    assert "new deadline 1" not in text_of(desk.get(page_of(provider, "cut_off")))
    desk.post(page_of(provider, "off"), {"reason": REASON})
    assert Extension.objects.get().user == bare


@pytest.mark.parametrize("act", ["off", "cut_off"])
def test_the_end_of_a_provider_says_whom_it_meets(
    act: str, desk: Client, provider: Provider, ada: User, northwind: Account, now: datetime
) -> None:
    ready = make_enrolled(make_user(), now=now).user
    bare, gone = make_user(password=None), make_user()
    for person in (ready, bare):
        Membership.objects.create(account=northwind, user=person)
    for person in (ada, ready, bare, gone):
        make_identity(provider, person, now=now)
    page = text_of(desk.get(page_of(provider, act)))
    assert "People who come through it 3" in page
    assert "without two-factor authentication 2" in page
    assert "without a password 1" in page
    answer = desk.post(page_of(provider, act), {"reason": REASON}, follow=True)
    provider.refresh_from_db()
    assert not provider.is_live
    assert "What can be done" in text_of(answer) if act == "off" else True
    assert desk.post(page_of(provider, "off"), {"reason": REASON}).status_code == 409
    assert "as it stands" in text_of(desk.get(page_of(provider, "edit")))


def test_support_unlinks_a_person(
    desk: Client, provider: Provider, ada: User, now: datetime
) -> None:
    identity = make_identity(provider, ada, now=now)
    shown = desk.get(page_of(provider)).content.decode()
    page = reverse("admin:accounts_provider_unlink", args=[provider.pk, identity.pk])
    assert page in shown
    assert identity.subject not in shown
    assert ada.email in text_of(desk.get(page))
    desk.post(page, {"reason": REASON})
    assert not Identity.objects.exists()
    assert desk.get(page).status_code == 404


def test_an_identity_of_another_provider_is_not_found_there(
    desk: Client, provider: Provider, ada: User, now: datetime
) -> None:
    other = make_provider(make_account(), now=now)
    identity = make_identity(other, ada, now=now)
    page = reverse("admin:accounts_provider_unlink", args=[provider.pk, identity.pk])
    assert desk.post(page, {"reason": REASON}).status_code == 404
    assert Identity.objects.exists()


# What is shown


def test_the_list_tells_state_people_and_last_sign_in(
    desk: Client, provider: Provider, ada: User, now: datetime
) -> None:
    make_identity(provider, ada, now=now)
    old = make_provider(make_account("southwind"), now=now, name="Old", off_at=now)
    page = reverse("admin:accounts_provider_changelist")
    shown = text_of(desk.get(page))
    assert "Northwind Login Northwind live OpenID Connect 1" in shown
    assert "Old Southwind switched off OpenID Connect 0 -" in shown
    assert list(desk.get(f"{page}?state=live").context["cl"].result_list) == [provider]
    found = desk.get(f"{page}?state=off").context["cl"].result_list
    assert list(found) == [old]
    found = desk.get(f"{page}?q=south").context["cl"].result_list
    assert list(found) == [old]
    assert desk.get(f"{page}?client_secret__startswith=a").status_code == 400


def test_the_people_it_knows_are_found_by_name_and_leafed_through(
    desk: Client, provider: Provider, ada: User, now: datetime
) -> None:
    make_identity(provider, ada, now=now)
    for _ in range(51):
        make_identity(provider, make_user(), now=now)
    assert "Page 1 of 2" in text_of(desk.get(page_of(provider)))
    assert desk.get(f"{page_of(provider)}?q=lovelace").context["people"].paginator.count == 1
    assert "Nobody." in text_of(desk.get(f"{page_of(provider)}?q=nobody"))


def test_an_owner_reads_that_there_is_one_and_no_more(
    provider: Provider, northwind: Account, owner: User
) -> None:
    client = owner_browser(owner)
    shown = client.get(account_page(northwind)).content.decode()
    assert "Members sign in with Northwind Login, for addresses in northwind.example." in shown
    for hidden in (provider.issuer, provider.client_id, page_of(provider)):
        assert hidden not in shown
    Provider.objects.update(off_at=provider.created_at)
    assert "ask our support" in text_of(client.get(account_page(northwind)))


def test_support_comes_from_the_account_to_its_provider(
    desk: Client, provider: Provider, northwind: Account
) -> None:
    assert page_of(provider) in desk.get(account_page(northwind)).content.decode()
    Provider.objects.update(off_at=provider.created_at)
    add = reverse("admin:accounts_account_provider", args=[northwind.pk])
    assert add in desk.get(account_page(northwind)).content.decode()


def test_the_accounts_own_page_takes_no_domains_that_its_provider_can_not_speak_for(
    desk: Client, provider: Provider, northwind: Account, now: datetime
) -> None:
    make_provider(make_account(email_domains=["taken.example"]), now=now)
    page = account_page(northwind)
    given = {"name": northwind.name, "plan": northwind.plan}
    for domains in ("", "gmail.com", "taken.example"):
        answer = desk.post(page, {**given, "email_domains": domains})
        assert answer.status_code == 200, domains
    northwind.refresh_from_db()
    assert northwind.email_domains == ["northwind.example"]
    assert desk.post(page, {**given, "email_domains": "nw.example"}).status_code == 302
    Provider.objects.filter(pk=provider.pk).update(off_at=now)
    assert desk.post(page, {**given, "email_domains": ""}).status_code == 302


# Who may


ACTS = ("change", "edit", "secret", "replace", "off", "cut_off")


@pytest.mark.proves("S53")
def test_nobody_else_finds_any_of_it(provider: Provider, owner: User) -> None:
    client = owner_browser(owner)
    pages = [page_of(provider, act) for act in ACTS]
    pages += [reverse("admin:accounts_provider_changelist"), add_page(provider.account)]
    for page in pages:
        assert client.get(page).status_code == 404, page
        assert client.post(page, {**ENTERED}).status_code == 404, page
    provider.refresh_from_db()
    assert provider.is_live


def test_every_act_asks_for_a_factor_given_lately(
    desk: Client, provider: Provider, clock: Clock
) -> None:
    clock.forward(minutes=11)
    for page in [page_of(provider, act) for act in ACTS[1:]] + [add_page(provider.account)]:
        for method in (desk.get, desk.post):
            answer: Any = method(page, headers=PAGE)
            assert answer.status_code == 302, page
            assert answer["Location"].startswith("/reauthenticate/"), page
    assert desk.get(page_of(provider)).status_code == 200


def test_an_ended_provider_is_not_taken_back_by_a_page_that_stood_open(
    desk: Client, provider: Provider
) -> None:
    providers.cut_off(
        provider=provider, actor=User.objects.get(is_staff=True), reason=REASON,
        now=provider.created_at,
    )  # fmt: skip
    for act in ("edit", "secret", "replace"):
        assert desk.post(page_of(provider, act), ENTERED).status_code == 409
    assert DETAILS.name in text_of(desk.get(page_of(provider)))
