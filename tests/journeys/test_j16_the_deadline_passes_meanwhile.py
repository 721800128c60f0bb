"""J16: the deadline passes while somebody stands in set-up, and while other tabs are open."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from enforcement.models import Policy
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import (
    CONFIRM_TEXT,
    LOGIN,
    SETUP,
    SETUP_APP,
    SETUP_MAILBOX,
    SETUP_TEXT,
    Browser,
)
from tests.journeys.post import run_jobs
from tests.journeys.world import Northwind
from twofactor.models import SMSDevice, TOTPDevice

WHY = "the time to set up two-factor authentication is over"
NUMBER = "+12025550123"


def last_text() -> str:
    """Read the code in the newest text of the outbox."""
    texts = sorted(Path(settings.OUTBOX_DIR).glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
    (code,) = re.findall(r"\b(\d{6})\b", texts[-1].read_text())
    return str(code)


def before_the_key(ada: Browser) -> None:
    ada.set_up_app_until_the_code()


def before_the_mailed_code(ada: Browser) -> None:
    ada.submit(SETUP, method="app")
    assert ada.page.path == SETUP_MAILBOX


def before_the_text(ada: Browser) -> None:
    ada.choose("text")
    ada.submit(SETUP_TEXT, phone=NUMBER)
    assert ada.page.path == CONFIRM_TEXT


@pytest.fixture
def ada(northwind: Northwind, policy: Policy, clock: Clock) -> Browser:
    """Ada, on the first page of set-up two minutes before the deadline."""
    clock.set(policy.deadline)
    clock.forward(minutes=-2)
    browser = Browser(northwind.ada)
    browser.sign_in()
    browser.open(SETUP)
    return browser


def finish_app(ada: Browser) -> None:
    ada.submit(SETUP_APP, code=ada.code())
    ada.backup_codes()


def finish_mailbox(ada: Browser) -> None:
    ada.submit(SETUP_MAILBOX, code=ada.read_mailed_code())
    ada.set_up_app()


def finish_text(ada: Browser) -> None:
    ada.submit(CONFIRM_TEXT, code=last_text())
    ada.backup_codes()


PLACES: dict[str, tuple[Callable[[Browser], None], Callable[[Browser], None]]] = {
    "at the QR code": (before_the_key, finish_app),
    "at the mailed code": (before_the_mailed_code, finish_mailbox),
    "at the texted code": (before_the_text, finish_text),
}
JOBS = pytest.mark.parametrize("jobs_run", [False, True], ids=["all jobs dead", "jobs run"])


def nothing_else_opens(ada: Browser) -> None:
    for path in ("/", "/settings/", "/accounts/northwind/", "/settings/security/", "/admin/"):
        other_tab = ada.first_answer(path)
        assert other_tab.status_code == 302, path
        assert other_tab["Location"].startswith(("/two-factor/setup/", LOGIN)), path
    assert not User.objects.filter(email=ada.email, enrolled_at__isnull=False).exists()


@JOBS
@pytest.mark.parametrize("place", PLACES)
def test_who_stands_in_set_up_goes_on_to_its_end(
    place: str, jobs_run: bool, ada: Browser, policy: Policy, clock: Clock
) -> None:
    stand, finish = PLACES[place]
    stand(ada)
    shown = ada.page
    clock.set(policy.deadline)
    if jobs_run:
        run_jobs()
    finish(ada)
    assert ada.is_in
    assert shown.path.startswith(SETUP)


@JOBS
@pytest.mark.parametrize("place", PLACES)
def test_meanwhile_all_else_is_closed(
    place: str, jobs_run: bool, ada: Browser, policy: Policy, clock: Clock
) -> None:
    stand, finish = PLACES[place]
    stand(ada)
    clock.set(policy.deadline)
    if jobs_run:
        run_jobs()
    ada.open(ada.page.path)  # the person looks at the same page once more
    nothing_else_opens(ada)
    finish(ada)
    assert ada.is_in


def test_a_millisecond_earlier_the_session_itself_goes_on(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    before_the_key(ada)
    clock.set(policy.deadline - MS)
    assert ada.first_answer("/settings/").status_code == 200
    finish_app(ada)
    assert ada.is_in


@pytest.mark.every_server
@pytest.mark.proves("B59")
def test_the_secret_stays_the_one_that_was_scanned(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    before_the_key(ada)
    scanned = ada.secret
    clock.set(policy.deadline)
    ada.submit(SETUP_APP, code="000000")
    assert ada.page.attribute("totp-secret", "data-secret") == scanned
    assert ada.open(SETUP_APP).attribute("totp-secret", "data-secret") == scanned
    finish_app(ada)
    assert TOTPDevice.objects.get(confirmed=True).open_secret() == scanned


def test_a_wrong_text_after_the_deadline_leaves_the_right_one_good(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    before_the_text(ada)
    code = last_text()
    clock.set(policy.deadline)
    ada.submit(CONFIRM_TEXT, code=str((int(code) + 1) % 1_000_000).zfill(6))
    assert ada.page.path == CONFIRM_TEXT
    ada.submit(CONFIRM_TEXT, code=code)
    ada.backup_codes()
    assert ada.is_in
    assert SMSDevice.objects.get(confirmed=True).user.email == ada.email


@pytest.mark.proves("B17")
@JOBS
def test_a_form_that_is_open_elsewhere_is_not_saved_and_not_replayed(
    jobs_run: bool, ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    before_the_key(ada)
    in_set_up = ada.page
    ada.open("/settings/")
    clock.set(policy.deadline)
    if jobs_run:
        run_jobs()
    ada.submit("/settings/", name="Countess of Lovelace")
    assert ada.page.path in {LOGIN, SETUP, SETUP_APP}
    northwind.ada.refresh_from_db()
    assert northwind.ada.name == "Ada Lovelace"
    ada.page = in_set_up
    if ada.open(SETUP_APP).path == LOGIN:  # the other tab's answer has ended the sign-in
        assert WHY in ada.page.text
        ada.give_password()
        ada.set_up_app()
    else:
        finish_app(ada)
    assert ada.is_in
    northwind.ada.refresh_from_db()
    assert northwind.ada.name == "Ada Lovelace"


@pytest.mark.proves("B10")
@JOBS
def test_a_background_poll_of_another_tab_gets_json_and_disturbs_nothing(
    jobs_run: bool, ada: Browser, policy: Policy, clock: Clock
) -> None:
    before_the_key(ada)
    scanned = ada.secret
    clock.set(policy.deadline)
    if jobs_run:
        run_jobs()
    before = dict(ada.session.items())
    for _ in range(20):
        status, answer = ada.call("/accounts/northwind/")
        assert status == 401
        assert set(answer) == {"code", "detail", "url"}
    assert answer["code"] == "signed_out_deadline"
    assert dict(ada.session.items()) == before
    ada.submit(SETUP_APP, code=ada.code())
    ada.backup_codes()
    assert ada.is_in
    assert TOTPDevice.objects.get(confirmed=True).open_secret() == scanned


def test_half_an_hour_later_the_set_up_is_over_and_begins_anew(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    before_the_key(ada)
    clock.forward(minutes=31)
    assert clock.now > policy.deadline
    ada.submit(SETUP_APP, code=ada.code())
    assert ada.page.path == LOGIN
    assert WHY in ada.page.text
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
