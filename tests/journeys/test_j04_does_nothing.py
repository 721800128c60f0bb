"""J4: a member does nothing, and the deadline passes."""

import json
from datetime import timedelta

import pytest

from accounts.models import AuditEvent, User
from enforcement.models import Policy
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_APP, SETUP_MAILBOX, VERIFY, Browser
from tests.journeys.post import SETUP_LINK, link_in, mails_to, run_jobs, subjects, the_mail
from tests.journeys.world import Northwind, enrol

WHY = "You were signed out: the time to set up two-factor authentication is over."
SIGNED_OUT = "You were signed out"
REMINDERS = {
    12: ["12 hours left to set up two-factor authentication for Northwind"],
    1: [
        "12 hours left to set up two-factor authentication for Northwind",
        "1 hour left to set up two-factor authentication for Northwind",
    ],
}
CLOSED = ["/", "/accounts/northwind/", "/settings/security/", "/settings/email/", "/admin/"]


@pytest.fixture
def ada(northwind: Northwind, policy: Policy, clock: Clock) -> Browser:
    """Ada, signed in an hour before the deadline, and doing nothing about it."""
    clock.set(policy.deadline)
    clock.forward(hours=-1)
    browser = Browser(northwind.ada)
    browser.sign_in()
    return browser


def test_a_millisecond_before_the_deadline_every_page_opens(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline - MS)
    assert ada.open("/accounts/northwind/").path == "/accounts/northwind/"
    assert ada.page.status == 200
    assert ada.call("/settings/") == (200, {})


@pytest.mark.every_server
def test_at_the_deadline_a_page_leads_to_sign_in_and_says_why(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    response = ada.first_answer("/accounts/northwind/?tab=members&n=2")
    assert response.status_code == 302
    page = ada.open("/accounts/northwind/?tab=members&n=2")
    assert page.path == LOGIN
    assert WHY in page.text
    assert page.form(LOGIN, {"next"}).fields["next"] == "/accounts/northwind/?tab=members&n=2"


def test_at_the_deadline_a_background_request_gets_json_and_writes_nothing(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    before = dict(ada.session.items())
    status, answer = ada.call("/settings/")
    assert status == 401
    assert answer["code"] == "signed_out_deadline"
    assert answer["detail"]
    assert answer["url"] == "/login/?next=%2F"
    assert dict(ada.session.items()) == before


@pytest.mark.parametrize("path", CLOSED)
def test_at_the_deadline_nothing_opens_though_no_job_ever_ran(
    path: str, ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    assert ada.open(path).path == LOGIN
    clock.forward(days=1)  # all workers dead for a day
    assert ada.open(path).path == LOGIN
    assert ada.call(path)[0] == 401
    policy.refresh_from_db()
    assert policy.swept_at is None


def test_every_tab_tells_the_reason_for_ten_minutes(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    assert WHY in ada.open("/").text
    clock.forward(minutes=10)
    clock.set(clock.now - MS)
    assert WHY in ada.open("/settings/").text
    clock.set(clock.now + MS)
    assert SIGNED_OUT not in ada.open("/settings/").text
    assert ada.page.path == LOGIN


def test_a_form_sent_after_the_deadline_is_neither_saved_nor_replayed(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    ada.open("/settings/")
    clock.set(policy.deadline)
    page = ada.submit("/settings/", name="Countess of Lovelace")
    assert page.path == LOGIN
    assert WHY in page.text
    assert page.form(LOGIN, {"next"}).fields["next"] == "/"
    ada.give_password()
    ada.set_up_app()
    assert ada.is_in
    northwind.ada.refresh_from_db()
    assert northwind.ada.name == "Ada Lovelace"


def test_a_form_sent_a_millisecond_earlier_is_saved(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    ada.open("/settings/")
    clock.set(policy.deadline - MS)
    ada.submit("/settings/", name="Countess of Lovelace")
    northwind.ada.refresh_from_db()
    assert northwind.ada.name == "Countess of Lovelace"


def test_who_stands_in_set_up_at_the_deadline_goes_on_with_the_same_key(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    clock.forward(minutes=-5)
    ada.sign_out()
    ada.sign_in()
    ada.open(SETUP)
    ada.choose("app")
    key = ada.scan()
    clock.set(policy.deadline)
    page = ada.submit(SETUP_APP, code="000000")
    assert page.path == SETUP_APP
    assert ada.scan() == key
    assert not ada.is_in
    assert ada.open("/settings/").path == SETUP
    assert ada.open(SETUP_APP).attribute("totp-secret", "data-secret") == key
    ada.submit(SETUP_APP, code=ada.code())
    ada.backup_codes()
    assert ada.is_in


def test_the_code_page_of_set_up_takes_a_right_code_at_the_very_deadline(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    clock.forward(minutes=-1)
    ada.sign_out()
    ada.sign_in()
    ada.open(SETUP)
    ada.choose("app")
    ada.scan()
    clock.set(policy.deadline)
    ada.submit(SETUP_APP, code=ada.code())
    ada.backup_codes()
    assert ada.is_in


def test_the_workers_sign_out_and_mail_each_overdue_person_once(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    ready = Browser(northwind.ben, secret=enrol(northwind.ben, clock=clock).secret)
    ready.sign_in()
    stamp = User.objects.get(pk=northwind.ada.pk).stamp
    clock.set(policy.deadline - MS)
    run_jobs()
    assert not mails_to(ada.email, SIGNED_OUT)
    assert ada.is_in

    clock.set(policy.deadline)
    for _ in range(3):
        run_jobs()
        clock.forward(minutes=1)
    mail = the_mail(ada.email, SIGNED_OUT)
    assert "Thursday, 26 November 2026, 10:30:10 UTC" in str(mail.body)
    assert User.objects.get(pk=northwind.ada.pk).stamp != stamp
    assert WHY in ada.open("/").text
    assert ada.call("/")[1]["code"] == "signed_out_deadline"
    assert not mails_to(ready.email, SIGNED_OUT)
    assert ready.is_in
    events = AuditEvent.objects.filter(event="deadline_passed")
    assert [event.subject_id for event in events] == [northwind.ada.pk]


def test_who_was_signed_in_nowhere_is_not_told_of_a_sign_out(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    run_jobs()
    assert not mails_to(northwind.ben.email, SIGNED_OUT)


def test_the_owner_is_told_how_it_came_out(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    enrol(northwind.ben, clock=clock)
    clock.set(policy.deadline)
    run_jobs()
    run_jobs()
    result = the_mail(northwind.owner.email, "the time to set up two-factor authentication is over")
    assert "Set up in time: 1" in str(result.body)
    assert "Ada Lovelace" in str(result.body)
    assert "Ben Bitdiddle" not in str(result.body)


def test_the_session_stays_over_though_the_requirement_ends_afterwards(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    run_jobs()
    northwind.release()
    assert ada.open("/").path == LOGIN


def test_without_the_jobs_the_session_goes_on_when_the_requirement_ends(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    assert ada.call("/")[0] == 401
    northwind.release()
    assert ada.is_in


@pytest.mark.parametrize("jobs_run", [True, False], ids=["jobs ran", "all jobs dead"])
def test_the_next_sign_in_leads_through_the_mailbox_to_set_up_and_only_its_end_lets_in(
    jobs_run: bool, ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    if jobs_run:
        run_jobs()
    clock.forward(hours=3)
    ada.open("/accounts/northwind/")
    ada.give_password()
    assert ada.page.path == SETUP_MAILBOX
    assert "Northwind" in ada.page.text
    nothing_else_opens(ada)

    ada.open(SETUP_MAILBOX)
    ada.submit(SETUP_MAILBOX, code=ada.read_mailed_code())
    assert ada.page.path == SETUP
    assert ada.page.link("Leave Northwind instead") == "/accounts/northwind/leave/"
    nothing_else_opens(ada)

    ada.open(SETUP)
    ada.choose("app")
    ada.scan()
    right = ada.code()
    ada.submit(SETUP_APP, code=right[:-1] + str((int(right[-1]) + 5) % 10))
    nothing_else_opens(ada)

    ada.open(SETUP_APP)
    ada.submit(SETUP_APP, code=right)
    ada.backup_codes()
    assert ada.is_in
    assert ada.follow("Continue without saving them").path == "/accounts/northwind/"


def nothing_else_opens(browser: Browser) -> None:
    """Each page leads back into set-up; in the background there is nothing to be had."""
    for path in CLOSED:
        assert browser.open(path).path in {SETUP, SETUP_MAILBOX}
        status, answer = browser.call(path)
        assert (status, answer["code"]) == (401, "sign_in_required")
    assert browser.open(VERIFY).path in {SETUP, SETUP_MAILBOX}


def test_the_link_of_the_mail_saves_the_code(
    ada: Browser, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    run_jobs()
    link = link_in(the_mail(ada.email, SIGNED_OUT), SETUP_LINK)
    fresh = Browser(northwind.ada)
    assert fresh.open(link).path == LOGIN
    assert fresh.give_password().path == SETUP
    assert fresh.choose("app").path == SETUP_APP
    fresh.set_up_app()
    assert fresh.is_in
    assert fresh.follow("Continue without saving them").path == "/"
    assert Browser(northwind.ada).open(link).status == 410  # used up by the set-up


def test_a_stranger_with_the_password_alone_binds_no_device(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    thief = Browser(northwind.ada)
    thief.give_password()
    thief.submit(SETUP_MAILBOX, code="123456")
    assert thief.page.path == SETUP_MAILBOX
    assert thief.open(SETUP_APP).path == SETUP
    assert thief.submit(SETUP, method="app").path == SETUP_MAILBOX
    assert not thief.is_in


def test_a_reminder_goes_to_who_must_act_twelve_hours_and_one_hour_before(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    enrol(northwind.ben, clock=clock)
    for hours, told in REMINDERS.items():
        clock.set(policy.deadline - timedelta(hours=hours) - MS)
        run_jobs()
        assert told[-1] not in reminders(northwind.ada.email)
        clock.set(clock.now + MS)
        run_jobs()
        run_jobs()
        assert reminders(northwind.ada.email) == told
    assert not reminders(northwind.ben.email)


def reminders(email: str) -> list[str]:
    return [subject for subject in subjects(email) if " left to set up" in subject]


@pytest.mark.parametrize(
    ("late_ms", "count"), [(-1, 1), (0, 0)], ids=["just within", "15 minutes late"]
)
def test_a_reminder_that_is_fifteen_minutes_late_is_dropped(
    late_ms: int, count: int, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    run_jobs()
    clock.set(policy.deadline)
    clock.forward(hours=-12, minutes=15, milliseconds=late_ms)
    run_jobs()
    assert len(reminders(northwind.ada.email)) == count


def test_json_is_never_a_redirect_for_a_script_that_names_no_type(
    ada: Browser, policy: Policy, clock: Clock
) -> None:
    clock.set(policy.deadline)
    response = ada.client.get("/", headers={"accept": "*/*", "sec-fetch-mode": "cors"})
    assert response.status_code == 401
    assert json.loads(response.content)["code"] == "signed_out_deadline"
    page = ada.client.get("/", headers={"accept": "*/*", "sec-fetch-mode": "navigate"})
    assert page.status_code == 302
