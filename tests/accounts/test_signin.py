"""The password step: what it keeps, what it renews, and where it leads."""

import re
from typing import Any

import pyotp
import pytest
from django.test import Client, RequestFactory

from accounts import people, signin
from accounts.models import AuditEvent, Session, User
from tests.enforcement.kit import (
    browser,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import PASSWORD, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

LEAVING = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "http://evil.example",
    "https://evil.example/",
    "https:///evil.example",
    "http:evil.example",
    "https:/evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "ftp://evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\n//evil.example",
    "//evil.example\\@testserver",
    "http://testserver@evil.example/",
    "http://testserver:80@evil.example/",
    "http://host\\@evil.example",
    "//testserver@evil.example",
    "//testserver.evil.example",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "mailto:a@b.example",
    "file:///etc/passwd",
    "//ⓔvil.example",
    "//evil。example",
    "http://[::1]/",
    "http://[::1",
    "//[evil",
    "http://\x00evil.example",
    "//%65vil.example",
    "evil.example",
    "evil",
    "?x=//evil",
    "#x",
    "",
    " ",
    ".",
    "..//evil.example",
    "http://testserver.evil.example",
    "http://testserver/",
    "//testserver/x",
    "x:y",
    ":",
    "http://",
    "//",
    "///",
    "/\\",
    "\\",
    "/a\0b",
    "/a\nb",
    "/" + signin.LONGEST_NEXT * "a",
]
STAYING = [
    "/",
    "/settings/",
    "/a/b?x=1&y=2",
    "/a/b?next=//evil.example",
    "/a#fragment",
    "/ä/?q=ü",
    "/a:b",
    "/a//b",
    "/%2F%2Fevil.example",
    "/%5Cevil.example",
    "/@evil.example",
]


@pytest.mark.parametrize("url", LEAVING)
def test_no_next_leads_off_the_site(url: str) -> None:
    assert signin.safe_next(RequestFactory().get("/"), url) == "/"


@pytest.mark.parametrize("url", STAYING)
def test_a_next_on_the_site_is_kept(url: str) -> None:
    assert signin.safe_next(RequestFactory().get("/"), url) == url


@pytest.mark.proves("B16", "S55")
@pytest.mark.parametrize("url", LEAVING)
def test_no_view_that_redirects_leads_off_the_site(url: str, clock: Clock) -> None:
    person = make_user()
    client = sign_in(person)
    page = client.get("/two-factor/replace/", {"next": url})
    assert page["Location"] == "/two-factor/setup/?next=%2F"
    answers = [
        browser().post("/login/", {"email": person.email, "password": PASSWORD, "next": url}),
        client.get("/login/", {"next": url}),
        client.post("/reauthenticate/", {"password": PASSWORD, "next": url}),
        client.post("/two-factor/backup-codes/", {"saved": "on", "next": url}),
        client.post("/logout/", {"next": url}),
    ]
    for answer in answers:
        if answer.status_code == 302:
            assert answer["Location"] in {"/", "/login/"}, answer["Location"]
        else:
            assert answer.status_code == 200  # a NUL byte is refused by the form


@pytest.mark.proves("B16")
def test_a_page_with_too_long_an_address_keeps_nobody_out(clock: Clock) -> None:
    """Its address is kept in a field that nobody sees, so nobody could mend it."""
    person, client = make_user(), browser()
    asked = f"/settings/?q={signin.LONGEST_NEXT * 'a'}"
    page = client.get(client.get(asked)["Location"])
    fields = {"email": person.email, "password": PASSWORD}
    answer = client.post("/login/", {**fields, "next": page.context["form"]["next"].value()})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_good_next_survives_password_and_code(clock: Clock) -> None:
    enrolled = enrolled_person()
    client = browser()
    answer = client.get("/settings/?x=1&y=2")
    next_url = client.get(answer["Location"]).context["form"]["next"].value()
    assert next_url == "/settings/?x=1&y=2"
    sign_in(enrolled.user, client=client, next_url=next_url)
    assert client.session["pending"]["next"] == next_url


# What changes with each step.


def key_and_token(client: Client) -> tuple[str, str]:
    page = client.get("/login/help/")
    if page.status_code != 200:
        page = client.get("/login/")
    return str(client.session.session_key), client.cookies["gatehouse_csrf"].value


@pytest.mark.proves("S31", "B86")
def test_key_and_token_change_at_the_password_and_at_the_code(clock: Clock) -> None:
    enrolled = enrolled_person()
    client = browser()
    client.get("/login/")
    planted = client.session
    planted["x"] = "planted"
    planted.save()
    client.cookies["gatehouse_session"] = str(planted.session_key)
    before = (str(planted.session_key), client.cookies["gatehouse_csrf"].value)
    sign_in(enrolled.user, client=client)
    half_way = key_and_token(client)
    assert not set(before) & set(half_way)
    assert "x" not in client.session
    assert not Session.objects.filter(session_key=before[0]).exists()
    client.post("/login/verify/", {"code": pyotp.TOTP(enrolled.secret).at(clock.now)})
    inside = (str(client.session.session_key), client.cookies["gatehouse_csrf"].value)
    assert not set(half_way) & set(inside)
    assert not Session.objects.filter(session_key=half_way[0]).exists()
    assert is_in(client)


@pytest.mark.proves("S31")
def test_key_and_token_change_when_the_password_is_given_again(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    client.get("/settings/")
    before = (str(client.session.session_key), client.cookies["gatehouse_csrf"].value)
    client.post("/reauthenticate/", {"password": PASSWORD, "next": "/settings/"})
    after = (str(client.session.session_key), client.cookies["gatehouse_csrf"].value)
    assert not set(before) & set(after)
    assert is_in(client)


@pytest.mark.proves("S31")
def test_an_old_key_is_nobody(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    old = client.cookies["gatehouse_session"].value
    client.post("/reauthenticate/", {"password": PASSWORD, "next": "/"})
    thief = browser()
    thief.cookies["gatehouse_session"] = old
    assert not is_in(thief)


def test_a_session_says_how_it_came_to_be_and_holds_no_secret(clock: Clock) -> None:
    enrolled = enrolled_person()
    client = sign_in_with_code(enrolled)
    row = Session.objects.get(user=enrolled.user)
    assert (row.method, row.is_verified, row.address) == ("password", True, "127.0.0.1")
    assert (row.born_at, row.seen_at) == (clock.now, clock.now)
    kept = str(dict(client.session))
    for secret in (PASSWORD, enrolled.secret, *enrolled.codes):
        assert secret not in kept


# Who is let through, and what others learn.


@pytest.mark.proves("B98")
@pytest.mark.parametrize("email", ["ADA@Northwind.example", "  ada@northwind.example "])
def test_an_address_is_one_whatever_its_case(email: str, ada: User, clock: Clock) -> None:
    client = browser()
    assert client.post("/login/", {"email": email, "password": PASSWORD}).status_code == 302
    assert is_in(client)


def masked(answer: Any) -> str:
    """The page without its token and without what the visitor typed."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())
    return re.sub(r'value="[^"]*@[^"]*"', "", text)


def test_everybody_who_is_refused_is_refused_alike(ada: User, clock: Clock) -> None:
    inactive, without = make_user(), make_user(password=None)
    people.deactivate(user=inactive, actor=None, now=clock.now)
    tries = [
        (ada.email, "wrong"),
        ("nobody@northwind.example", PASSWORD),
        (inactive.email, PASSWORD),
        (without.email, PASSWORD),
        (ada.email, f"{PASSWORD} "),
    ]
    answers = [
        browser().post("/login/", {"email": email, "password": password})
        for email, password in tries
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({masked(answer) for answer in answers}) == 1


def test_a_failed_sign_in_is_audited(ada: User, clock: Clock) -> None:
    browser().post("/login/", {"email": ada.email, "password": "wrong"})
    browser().post("/login/", {"email": "nobody@x.example", "password": "wrong"})
    failed = AuditEvent.objects.filter(event="sign_in_failed").order_by("number")
    assert [row.subject_id for row in failed] == [ada.pk, None]


def test_sign_in_and_sign_out_are_audited(ada: User, clock: Clock) -> None:
    sign_in(ada).post("/logout/")
    events = AuditEvent.objects.order_by("number")
    assert [row.event for row in events] == ["signed_in", "signed_out"]
    assert events[0].after == {"method": "password", "factor": None, "verified": False}


def test_signing_out_of_nothing_is_no_error(db: None) -> None:
    assert browser().post("/logout/")["Location"] == "/login/"
    assert browser().get("/logout/").status_code == 405


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/password/reset/", "/login/verify/"])
def test_a_form_from_elsewhere_is_refused(path: str, ada: User, clock: Clock) -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    answer = client.post(path, {"email": ada.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert not AuditEvent.objects.exists()


@pytest.mark.proves("B86")
def test_a_form_of_a_tab_opened_before_the_sign_in_gets_a_page_that_helps(
    ada: User, clock: Clock
) -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    first, second = (client.get("/login/").context["csrf_token"] for _ in range(2))
    fields = {"email": ada.email, "password": PASSWORD}
    client.post("/login/", {**fields, "csrfmiddlewaretoken": str(first)})
    assert is_in(client)
    answer = client.post("/login/", {**fields, "csrfmiddlewaretoken": str(second)})
    assert answer.status_code == 403
    assert "This page was out of date" in answer.content.decode()
    assert "What was done before stays as it is" in answer.content.decode()
    assert 'href="/"' in answer.content.decode()
    assert is_in(client)
