"""Who came through a provider is asked by it anew, in place of a password."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.audit import Event
from accounts.models import AuditEvent, Identity, User
from tests.enforcement.kit import PAGE
from tests.factories import PASSWORD
from tests.sso.kit import House, known_ada, refusals, signed_in_as
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S37")]

GUARDED = "/settings/password/"


def opens(client: Client, path: str = GUARDED) -> bool:
    return client.get(path, headers=PAGE).status_code == 200


def stale_session(house: House) -> User:
    """Sign Ada in through a provider that had asked her an hour ago."""
    ada = known_ada(house)
    house.idp.person["auth_time"] = int(timezone.now().timestamp()) - 3600
    house.come_back()
    del house.idp.person["auth_time"]
    assert signed_in_as(house.client) == ada.email
    return ada


def leave_to_prove(house: House, client: Client | None = None) -> str:
    browser = client or house.client
    answer: Any = browser.get(f"/sso/{house.provider.slug}/prove/", {"next": GUARDED}, headers=PAGE)
    assert answer.status_code == 302, answer
    return str(answer["Location"])


def prove(house: House) -> Any:
    return house.client.get(house.idp.authorize(leave_to_prove(house)))


def test_a_sign_in_at_the_provider_long_ago_is_no_fresh_proof(northwind: House) -> None:
    stale_session(northwind)
    assert not opens(northwind.client)
    page = northwind.client.get("/reauthenticate/", {"next": GUARDED}, headers=PAGE)
    assert f"/sso/{northwind.provider.slug}/prove/" in page.content.decode()


def test_a_sign_in_at_the_provider_just_now_is_fresh_proof(northwind: House) -> None:
    known_ada(northwind)
    northwind.come_back()
    assert opens(northwind.client)


def test_a_provider_that_does_not_say_when_it_asked_gives_none(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person["auth_time"] = None
    northwind.come_back()
    assert not opens(northwind.client)


def test_the_provider_is_told_to_ask_anew(northwind: House) -> None:
    stale_session(northwind)
    asked = parse_qs(urlsplit(leave_to_prove(northwind)).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])


def test_whom_it_asked_anew_may_go_on(northwind: House) -> None:
    stale_session(northwind)
    before = northwind.client.session.session_key
    answer = prove(northwind)
    assert answer["Location"] == GUARDED
    assert opens(northwind.client)
    assert northwind.client.session.session_key != before
    told = AuditEvent.objects.get(event=Event.REAUTHENTICATED).after or {}
    assert told["method"] == "sso"


@pytest.mark.parametrize("age", [None, 61, 3600, -61], ids=["unsaid", "old", "older", "to come"])
def test_a_provider_that_did_not_ask_anew_proves_nothing(age: int | None, northwind: House) -> None:
    stale_session(northwind)
    with time_machine.travel(timezone.now(), tick=False):
        now = int(timezone.now().timestamp())
        northwind.idp.person["auth_time"] = None if age is None else now - age
        assert prove(northwind).status_code == 403
    assert refusals() == ["not_asked_anew"]
    assert not opens(northwind.client)


def test_somebody_else_proves_nothing(northwind: House) -> None:
    stale_session(northwind)
    northwind.idp.person |= {"sub": "ben", "email": "ben@northwind.example"}
    assert prove(northwind).status_code == 403
    assert refusals() == ["other_person"]
    assert not opens(northwind.client)


def test_another_person_who_is_signed_in_meanwhile_gets_nothing(northwind: House) -> None:
    stale_session(northwind)
    back = northwind.idp.authorize(leave_to_prove(northwind))
    northwind.client.post("/logout/")
    assert northwind.client.get(back).status_code == 403
    assert refusals() == ["other_visitor"]


def test_a_sign_in_is_no_proof_by_another_purpose(northwind: House) -> None:
    """The answer to a plain sign-in adds nothing to the session but the provider."""
    stale_session(northwind)
    northwind.come_back()
    assert not opens(northwind.client)


@pytest.mark.proves("B65")
def test_the_factor_is_asked_beside_it(northwind: House) -> None:
    ada = stale_session(northwind)
    enrolled = enrol_app(ada, now=timezone.now())
    northwind.client.post("/logout/")
    northwind.come_back()
    northwind.client.post(
        "/login/verify/", {"code": pyotp.TOTP(enrolled.secret).at(timezone.now())}
    )
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        prove(northwind)
        assert not opens(northwind.client)
        page = northwind.client.get("/reauthenticate/", {"next": GUARDED}, headers=PAGE)
        assert 'name="password"' not in page.content.decode()
        code = pyotp.TOTP(enrolled.secret).at(timezone.now())
        northwind.client.post("/reauthenticate/", {"code": code, "next": GUARDED})
        assert opens(northwind.client)


def test_a_session_by_password_is_not_sent_to_a_provider(northwind: House) -> None:
    ada = known_ada(northwind)
    client = Client()
    client.post("/login/", {"email": ada.email, "password": PASSWORD})
    path = f"/sso/{northwind.provider.slug}/prove/"
    assert client.get(path, headers=PAGE).status_code == 404
    assert "/prove/" not in client.get("/reauthenticate/", headers=PAGE).content.decode()
    assert Client().get(path, headers=PAGE)["Location"].startswith("/login/")


def test_who_has_no_password_is_asked_for_none(northwind: House) -> None:
    ada = stale_session(northwind)
    ada.set_unusable_password()
    ada.save()
    northwind.client.logout()
    northwind.idp.person["auth_time"] = 1
    northwind.come_back()
    page = northwind.client.get("/reauthenticate/", {"next": GUARDED}, headers=PAGE)
    assert 'name="password"' not in page.content.decode()
    assert "/prove/" in page.content.decode()
    assert Identity.objects.get().user == ada
