"""Re-authentication, the security page, and the provider's callback."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from accounts.models import User
from tests.factories import PASSWORD, make_user
from tests.twofactor.browsing import Browser
from tests.twofactor.people import NUMBER, Enrolled, enrol_app, enrol_phone, text
from twofactor.models import SentCode, SentState

pytestmark = pytest.mark.django_db

ASK = "/reauthenticate/?next=/settings/security/"
STATUS = "/webhooks/twilio/status/"


@pytest.fixture
def tab(now: datetime) -> Browser:
    return Browser(now=now)


@pytest.fixture
def ada(now: datetime, tab: Browser) -> Enrolled:
    """An enrolled person, signed in twenty minutes ago."""
    ada = enrol_app(now=now - timedelta(minutes=20))
    tab.now = now - timedelta(minutes=20)
    tab.give_password(ada.user)
    tab.post("/login/verify/", code=ada.code_at(tab.now))
    tab.now = now
    return ada


def is_fresh(tab: Browser) -> bool:
    status: int = tab.get("/two-factor/setup/").status_code
    return status == 200


def test_password_and_code_make_a_session_fresh(ada: Enrolled, tab: Browser) -> None:
    assert not is_fresh(tab)
    key = tab.client.session.session_key
    done = tab.post(ASK, password=PASSWORD, code=ada.code_at(tab.now))
    assert done.url == "/settings/security/"
    assert is_fresh(tab)
    assert tab.client.session.session_key != key


@pytest.mark.parametrize("fields", [{"password": PASSWORD}, {"code": ""}, {"password": "wrong"}])
def test_half_of_it_does_not(fields: dict[str, str], ada: Enrolled, tab: Browser) -> None:
    given = {"password": PASSWORD, "code": ada.code_at(tab.now), **fields}
    if fields == {"password": PASSWORD}:
        given["code"] = ""
    assert tab.post(ASK, **given).status_code == 200
    assert not is_fresh(tab)


def test_a_wrong_password_spends_no_code(ada: Enrolled, tab: Browser) -> None:
    code = ada.code_at(tab.now)
    tab.post(ASK, password="wrong", code=code)
    tab.post(ASK, password=PASSWORD, code=code)
    assert is_fresh(tab)


@pytest.mark.proves("S03", "B40")
def test_a_code_used_to_sign_in_does_not_count_again(tab: Browser, now: datetime) -> None:
    ada = enrol_app(now=now)
    tab.give_password(ada.user)
    tab.post("/login/verify/", code=ada.code_at(now))
    page = tab.post(ASK, password=PASSWORD, code=ada.code_at(now))
    assert "used already" in page.content.decode()


def test_a_backup_code_counts_here(ada: Enrolled, tab: Browser) -> None:
    tab.post(ASK, password=PASSWORD, code=ada.codes[0])
    assert is_fresh(tab)


@pytest.mark.proves("S06")
def test_a_text_counts_in_the_session_that_asked(
    tab: Browser, now: datetime, texts_in_a_folder: Path
) -> None:
    ben = enrol_phone(now=now)
    tab.give_password(ben.user)
    tab.post("/login/verify/text/")

    def latest() -> str:
        code: str = json.loads(sorted(texts_in_a_folder.glob("*.json"))[-1].read_text())["body"][
            -6:
        ]
        return code

    tab.post("/login/verify/", code=latest())
    tab.now += timedelta(minutes=20)
    assert not is_fresh(tab)
    asked = tab.post("/reauthenticate/text/", next="/settings/security/")
    assert asked.url.startswith("/reauthenticate/?next=")
    tab.post(ASK, password=PASSWORD, code=latest())
    assert is_fresh(tab)


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil",
    ],
)
def test_next_stays_on_this_host(url: str, ada: Enrolled, tab: Browser) -> None:
    done = tab.post("/reauthenticate/", password=PASSWORD, code=ada.codes[0], next=url)
    assert done.url == "/"


def test_who_has_no_factor_gives_the_password_alone(tab: Browser, settings: Any) -> None:
    settings.TWO_FACTOR_SELF_SERVICE = True
    tab.give_password(make_user())
    tab.now += timedelta(minutes=20)
    assert not is_fresh(tab)
    tab.post(ASK, password=PASSWORD)
    assert is_fresh(tab)


def test_the_security_page_shows_two_digits_of_the_number(tab: Browser, now: datetime) -> None:
    ben = enrol_phone(now=now)
    tab.give_password(ben.user)
    tab.post("/login/recovery/", code=ben.codes[0])
    page = tab.get("/settings/security/").content.decode()
    assert "number ending in 23" in page
    assert NUMBER not in page
    assert "9 of 10 left" in page
    assert "This browser" in page


def test_on_a_pass_nothing_is_said_of_what_is_set_aside(ada: Enrolled, tab: Browser) -> None:
    other = Browser(now=tab.now)
    User.objects.filter(pk=ada.user.pk).update(pass_until=tab.now + timedelta(hours=24))
    other.give_password(ada.user)
    replacing = other.get("/two-factor/replace/?next=/settings/")
    assert replacing.url == "/two-factor/setup/?next=%2Fsettings%2F"
    assert other.get("/two-factor/backup-codes/").url == "/settings/security/"
    assert "rest while it runs" in other.get("/settings/security/").content.decode()


@pytest.fixture
def sent(now: datetime, settings: Any) -> SentCode:
    sent = text(enrol_phone(now=now), now=now)
    SentCode.objects.filter(pk=sent.pk).update(provider_id="SM1")
    settings.TWILIO_AUTH_TOKEN = "token"
    return sent


def report(fields: dict[str, str], *, signed: dict[str, str] | None = None, **extra: Any) -> int:
    url = f"http://testserver{STATUS}"
    made = RequestValidator("token").compute_signature(url, signed or fields)
    client = Client(enforce_csrf_checks=True)
    extra = {"HTTP_X_TWILIO_SIGNATURE": made, **extra}
    return client.post(STATUS, fields, **extra).status_code


LOST = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30007"}


def test_a_signed_report_is_noted(sent: SentCode) -> None:
    assert report(LOST) == 204
    sent.refresh_from_db()
    assert (sent.state, sent.error) == (SentState.UNDELIVERED, "30007")
    assert report({**LOST, "MessageStatus": "sent"}) == 204
    assert report({**LOST, "MessageSid": "SM-unknown"}) == 204
    sent.refresh_from_db()
    assert sent.state == SentState.UNDELIVERED


@pytest.mark.parametrize(
    "bad",
    [
        {"signed": {**LOST, "MessageStatus": "delivered"}},
        {"HTTP_X_TWILIO_SIGNATURE": ""},
        {"HTTP_X_TWILIO_SIGNATURE": "AAAA"},
    ],
)
def test_any_other_report_is_refused(bad: dict[str, Any], sent: SentCode) -> None:
    assert report(LOST, **bad) == 403
    sent.refresh_from_db()
    assert sent.state == SentState.HANDED_OVER


def test_without_a_token_no_report_is_believed(sent: SentCode, settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = ""
    assert report(LOST) == 403


def test_only_a_post_reports(client: Client) -> None:
    assert client.get(STATUS).status_code == 405
