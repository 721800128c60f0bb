"""Support tries a provider: each step is told, whichever fails, and nobody is signed in by it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import oidc_metadata
from accounts.models import AuditEvent, Identity, Membership, SSOAttempt, User
from enforcement.admin_provider_trial import GO, MEND, OIDC_TITLES, TITLES
from tests.enforcement.desk import support_browser
from tests.factories import make_identity, make_user
from tests.services.idp import CLIENT_SECRET
from tests.sso.kit import House, refusals

pytestmark = pytest.mark.django_db

TRY = {GO: "1"}


@pytest.fixture
def desk(northwind: House) -> Client:
    northwind.client = support_browser()
    return northwind.client


def page_of(house: House) -> str:
    return reverse("admin:accounts_provider_test", args=[house.provider.pk])


def text_of(answer: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def tried(house: House, **changed: str) -> Any:
    """Go there and come back; return the page that tells of it."""
    left: Any = house.client.get(page_of(house), TRY)
    assert left.status_code == 302
    if left["Location"] == page_of(house):  # it was not even there
        return house.client.get(page_of(house))
    back = house.client.get(house.idp.authorize(left["Location"], **changed))
    assert back["Location"] == page_of(house)
    return house.client.get(page_of(house))


def results(answer: Any) -> list[str]:
    return [line.result for line in answer.context["lines"]]


def test_each_step_of_a_sign_in_that_goes_well_is_told(northwind: House, desk: Client) -> None:
    answer = tried(northwind)
    assert results(answer) == ["ok"] * len(OIDC_TITLES)
    shown = text_of(answer)
    assert northwind.idp.issuer in shown
    assert "ES256" in shown
    assert "ada@northwind.example verified" in shown


def test_nobody_is_signed_in_made_or_linked_by_it(northwind: House, desk: Client) -> None:
    ada = make_user("ada@northwind.example")
    Membership.objects.create(account=northwind.account, user=ada)
    people, session = User.objects.count(), desk.session["_auth_user_id"]
    tried(northwind)
    assert desk.session["_auth_user_id"] == session
    assert "sso" not in desk.session
    assert "pending" not in desk.session
    assert (User.objects.count(), Identity.objects.count()) == (people, 0)
    assert not AuditEvent.objects.filter(event="signed_in", account_id__isnull=False).exists()


def test_it_says_who_would_come_in(northwind: House, desk: Client) -> None:
    assert "Nobody would come in" in text_of(tried(northwind))
    northwind.provider.allow_creation = True
    northwind.provider.save()
    assert "become a member of Northwind" in text_of(tried(northwind))
    ada = make_user("ada@northwind.example")
    Membership.objects.create(account=northwind.account, user=ada)
    assert "its password would be asked once" in text_of(tried(northwind))
    identity = make_identity(northwind.provider, ada, now=northwind.provider.created_at)
    Identity.objects.filter(pk=identity.pk).update(subject="ada-at-the-provider")
    assert "Would come in as ada@northwind.example" in text_of(tried(northwind))


def test_it_says_why_nobody_would_come_in(northwind: House, desk: Client) -> None:
    northwind.idp.person["email_verified"] = False
    shown = text_of(tried(northwind))
    assert "not verified" in shown
    assert "does not vouch for your email address" in shown
    northwind.idp.person |= {"email_verified": True, "email": "ada@elsewhere.example"}
    assert "no work address of Northwind" in text_of(tried(northwind))


def wrong_issuer(house: House) -> None:
    house.idp.metadata = {"issuer": "https://other.example"}


def not_there(house: House) -> None:
    house.provider.issuer = house.idp.issuer + "/realm"
    type(house.provider).objects.update(issuer=house.provider.issuer)


def wrong_secret(house: House) -> None:
    house.provider.seal_client_secret("another")
    house.provider.save()


def no_keys(house: House) -> None:
    house.idp.metadata = {"jwks_uri": house.idp.issuer + "/nothing"}


def other_key(house: House) -> None:
    house.idp.bend = lambda header, claims: "e30.e30.e30"


def for_another_client(house: House) -> None:
    house.idp.bend = lambda header, claims: claims.update(aud="somebody else")


def silent_userinfo(house: House) -> None:
    house.idp.id_token_only = False


FAULTS: dict[Callable[[House], None], tuple[str, str]] = {
    not_there: ("discovery", "Compare the issuer"),
    wrong_issuer: ("issuer", "https://other.example"),
    wrong_secret: ("code", "Client ID and secret"),
    no_keys: ("keys", "keys can't be had"),
    other_key: ("signature", "RS256"),
    for_another_client: ("claims", "Compare the client ID"),
    silent_userinfo: ("userinfo", "into the ID token instead"),
}


def test_the_step_that_fails_is_told_with_what_to_mend(northwind: House, desk: Client) -> None:
    issuer = northwind.provider.issuer
    for fault, (step, told) in FAULTS.items():
        northwind.idp.clear()
        northwind.idp.person = {"sub": "ada", "email": "ada@northwind.example"}
        type(northwind.provider).objects.update(issuer=issuer)
        northwind.provider.issuer = issuer
        northwind.provider.seal_client_secret(CLIENT_SECRET)
        northwind.provider.save()
        oidc_metadata.forget()
        fault(northwind)
        answer = tried(northwind)
        number = list(OIDC_TITLES).index(step)
        reached = ["ok"] * number + ["failed"] + ["not_reached"] * (len(OIDC_TITLES) - number - 1)
        assert results(answer) == reached, fault
        assert told in text_of(answer), fault
        row: Any = AuditEvent.objects.filter(event="provider_tested").latest("pk")
        assert row.after["step"] == step
    assert not refusals()


def test_a_provider_that_refuses_is_told(northwind: House, desk: Client) -> None:
    answer = tried(northwind, error="access_denied", code="")
    assert results(answer)[:3] == ["ok", "ok", "failed"]
    assert "give this application to the person" in text_of(answer)


def test_one_that_is_down_is_told_at_once(northwind: House, desk: Client) -> None:
    type(northwind.provider).objects.update(issuer="http://127.0.0.1:9")
    northwind.provider.issuer = "http://127.0.0.1:9"
    answer = tried(northwind)
    assert results(answer)[0] == "failed"
    assert "is not there" in text_of(answer)


def test_one_that_sends_nobody_back_is_told_as_far_as_it_came(
    northwind: House, desk: Client
) -> None:
    assert desk.get(page_of(northwind), TRY).status_code == 302
    answer = desk.get(page_of(northwind))
    assert results(answer)[:3] == ["ok", "ok", "not_reached"]
    assert "has not sent you back yet" in text_of(answer)


def test_no_secret_token_or_code_stands_on_the_page_in_the_session_or_the_audit(
    northwind: House, desk: Client
) -> None:
    left: Any = desk.get(page_of(northwind), TRY)
    back = northwind.idp.authorize(left["Location"])
    secrets = [CLIENT_SECRET, *re.findall(r"(?:code|state)=([^&]+)", back)]
    secrets += re.findall(r"(?:nonce|state|code_challenge)=([^&]+)", left["Location"])
    desk.get(back)
    shown = desk.get(page_of(northwind)).content.decode()
    written = str(list(AuditEvent.objects.values_list("after", flat=True)))
    for secret in secrets:
        for place in (shown, str(dict(desk.session)), written):
            assert secret not in place
    assert "eyJ" not in shown


def test_it_is_good_once_and_in_this_browser(northwind: House, desk: Client) -> None:
    left: Any = desk.get(page_of(northwind), TRY)
    back = northwind.idp.authorize(left["Location"])
    assert Client().get(back).status_code == 403
    assert refusals() == ["state_of_other_browser"]
    assert desk.get(back).status_code == 302
    assert desk.get(back).status_code == 403
    assert SSOAttempt.objects.get().user_id == int(desk.session["_auth_user_id"])


def test_it_is_kept_for_half_an_hour_for_its_own_provider(
    northwind: House, desk: Client, contoso: House
) -> None:
    tried(northwind)
    assert desk.get(page_of(contoso)).context["trial"] is None
    session = desk.session
    session["sso_trial"] |= {"started_at": "2020-01-01T00:00:00+00:00"}
    session.save()
    assert desk.get(page_of(northwind)).context["trial"] is None


def test_every_step_says_what_to_mend() -> None:
    for protocol, titles in TITLES.items():
        assert set(titles) <= set(MEND[protocol])
        assert {name.split()[0] for name in MEND[protocol]} == set(titles)
