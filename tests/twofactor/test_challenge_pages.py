"""The code pages of a sign-in, through the whole stack."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from accounts.models import Session
from tests.twofactor.browsing import Browser
from tests.twofactor.people import STEP, Enrolled, enrol_app, enrol_phone, wrong
from twofactor.models import SentCode

pytestmark = pytest.mark.django_db

VERIFY, RECOVERY = "/login/verify/", "/login/recovery/"
ANEW = "/login/?next=%2Fsettings%2Fsecurity%2F"  # with the target that was given there


@pytest.fixture
def ada(now: datetime) -> Enrolled:
    return enrol_app(now=now)


@pytest.fixture
def tab(now: datetime) -> Browser:
    return Browser(now=now)


def test_password_and_code_lead_to_next(ada: Enrolled, tab: Browser) -> None:
    step = tab.give_password(ada.user, next_url="/settings/security/?x=1&y=2")
    assert step.url == VERIFY
    assert not tab.is_in()
    done = tab.post(VERIFY, code=ada.code_at(tab.now))
    assert done.url == "/settings/security/?x=1&y=2"
    assert tab.is_in()


def test_session_key_and_token_change_at_each_step(ada: Enrolled, tab: Browser) -> None:
    seen = []
    tab.get("/login/")
    tab.give_password(ada.user)
    seen.append(tab.client.session.session_key)
    tab.post(VERIFY, code=ada.code_at(tab.now))
    seen.append(tab.client.session.session_key)
    assert len(set(seen)) == 2
    assert not Session.objects.filter(session_key=seen[0]).exists()


def test_a_wrong_code_is_explained_at_the_field(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    page = tab.post(VERIFY, code=wrong(ada.code_at(tab.now)))
    assert page.status_code == 200
    assert "id_code_error" in page.content.decode()
    assert "aria-invalid" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not tab.is_in()


@pytest.mark.proves("S05", "B43")
@pytest.mark.parametrize("fields", [{}, {"code": ""}, {"code": "\0\0\0\0\0\0"}, {"other": "1"}])
def test_odd_forms_are_no_error(fields: dict[str, str], ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    assert tab.post(VERIFY, **fields).status_code == 200
    assert tab.post(RECOVERY, **fields).status_code == 200
    assert not tab.is_in()


def test_too_many_wrong_codes_are_answered_with_when_to_try_again(
    ada: Enrolled, tab: Browser
) -> None:
    tab.give_password(ada.user)
    for _ in range(5):
        tab.post(VERIFY, code="000000" if ada.code_at(tab.now) != "000000" else "1")
    page = tab.post(VERIFY, code=ada.code_at(tab.now))
    assert page.status_code == 429
    assert page["Retry-After"] == "300"
    tab.now += timedelta(minutes=5)
    tab.give_password(ada.user)
    tab.post(VERIFY, code=ada.code_at(tab.now))
    assert tab.is_in()


@pytest.mark.proves("B51")
def test_a_sign_in_that_has_ended_sends_no_text(now: datetime, tab: Browser) -> None:
    pia = enrol_phone(now=now)
    tab.give_password(pia.user)
    for _ in range(5):
        tab.post(VERIFY, code="000000", method="text")
    assert tab.post(f"{VERIFY}text/").status_code == 429
    tab.now += timedelta(minutes=6)
    sent = SentCode.objects.count()
    assert tab.post(f"{VERIFY}text/")["Location"] == ANEW
    assert SentCode.objects.count() == sent


@pytest.mark.proves("B51")
def test_no_half_finished_sign_in_outlives_a_spent_budget(ada: Enrolled, tab: Browser) -> None:
    other = Browser(now=tab.now)
    tab.give_password(ada.user)
    other.give_password(ada.user)
    for _ in range(5):
        tab.post(VERIFY, code="1")
    page = tab.post(VERIFY, code=ada.code_at(tab.now)).content.decode()
    assert "begin again with your password" in page
    for half_way in (tab, other):
        half_way.now += timedelta(minutes=5)
        answer = half_way.post(VERIFY, code=ada.code_at(half_way.now))
        assert answer.url == ANEW
        assert "Please sign in again" in half_way.get("/login/").content.decode()
        assert not half_way.is_in()


@pytest.mark.proves("B51")
def test_a_sign_in_begun_while_the_budget_is_spent_goes_on_after_it(
    ada: Enrolled, tab: Browser
) -> None:
    tab.give_password(ada.user)
    for _ in range(5):
        tab.post(VERIFY, code="1")
    tab.now += timedelta(minutes=1)
    tab.give_password(ada.user)
    page = tab.post(VERIFY, code=ada.code_at(tab.now))
    assert page.status_code == 429
    assert "begin again with your password" not in page.content.decode()
    tab.now += timedelta(minutes=4)
    tab.post(VERIFY, code=ada.code_at(tab.now))
    assert tab.is_in()


@pytest.mark.proves("S03", "B40")
def test_the_same_code_opens_no_second_sign_in(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    tab.post(VERIFY, code=ada.code_at(tab.now))
    other = Browser(now=tab.now)
    other.give_password(ada.user)
    assert "used already" in other.post(VERIFY, code=ada.code_at(tab.now)).content.decode()
    assert not other.is_in()


def test_a_backup_code_leads_to_replacing_the_device(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    done = tab.get(tab.post(RECOVERY, code=ada.codes[0].lower()).url)
    assert "Replace your device" in done.content.decode()
    assert 'href="/settings/security/"' in done.content.decode()
    assert tab.is_in()


def test_who_came_by_a_device_is_told_of_no_backup_code(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    tab.post(VERIFY, code=ada.code_at(tab.now))
    page = tab.get("/two-factor/replace/").content.decode()
    assert "Replace your device" in page
    assert "You signed in with a backup code" not in page


def test_a_blocked_app_leads_to_the_recovery_page(ada: Enrolled, tab: Browser) -> None:
    assert ada.app is not None
    ada.app.failures = 50
    ada.app.save(update_fields=["failures"])
    tab.give_password(ada.user)
    assert tab.get(VERIFY).url == RECOVERY


def latest_text(folder: Path) -> str:
    text = json.loads(sorted(folder.glob("*.json"))[-1].read_text())
    code: str = text["body"][-6:]
    return code


@pytest.mark.proves("B75")
def test_a_text_is_sent_by_post_alone(now: datetime, tab: Browser, texts_in_a_folder: Path) -> None:
    ben = enrol_phone(now=now)
    before = len(list(texts_in_a_folder.iterdir()))
    tab.give_password(ben.user)
    for _ in range(3):
        tab.get(VERIFY)
    assert tab.get("/login/verify/text/").url == VERIFY
    assert len(list(texts_in_a_folder.iterdir())) == before
    assert tab.post("/login/verify/text/").url == VERIFY + "?method=text"
    assert len(list(texts_in_a_folder.iterdir())) == before + 1
    again = tab.post("/login/verify/text/")
    assert again.status_code == 429
    assert again["Retry-After"] == "30"
    assert len(list(texts_in_a_folder.iterdir())) == before + 1
    tab.post(VERIFY, code=latest_text(texts_in_a_folder))
    assert tab.is_in()


def test_a_person_with_both_is_asked_for_what_was_just_sent(
    now: datetime, tab: Browser, texts_in_a_folder: Path
) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    tab.give_password(both.user)
    assert tab.get(VERIFY).context["method"] == "app"
    tab.post("/login/verify/text/")
    assert tab.get(VERIFY).context["method"] == "text"
    assert tab.get(VERIFY + "?method=app").context["method"] == "app"
    tab.post(VERIFY, code=latest_text(texts_in_a_folder))
    assert tab.is_in()


def test_half_way_in_an_enrolled_person_can_not_set_up(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    for path in (
        "/two-factor/setup/",
        "/two-factor/setup/app/",
        "/two-factor/setup/text/",
        "/two-factor/setup/mailbox/",
        "/two-factor/backup-codes/",
        "/settings/security/",
        "/reauthenticate/",
    ):
        assert tab.get(path).status_code == 302
        assert tab.post(path, method="app", code="1", new="on").status_code == 302


def test_cancelling_forgets_the_sign_in(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    assert tab.post("/login/cancel/").url == "/login/"
    page = tab.post(VERIFY, code=ada.code_at(tab.now))
    assert page.url.startswith("/login/?")
    assert not tab.is_in()


def test_a_half_finished_sign_in_lives_ten_minutes(ada: Enrolled, tab: Browser) -> None:
    tab.give_password(ada.user)
    tab.now += timedelta(minutes=10)
    assert tab.post(VERIFY, code=ada.code_at(tab.now)).url.startswith("/login/")
    assert not tab.is_in()


def test_changed_devices_end_a_half_finished_sign_in(
    ada: Enrolled, tab: Browser, now: datetime
) -> None:
    tab.give_password(ada.user)
    enrol_app(ada.user, now=now)
    tab.post(VERIFY, code=ada.code_at(tab.now + STEP))
    assert not tab.is_in()
