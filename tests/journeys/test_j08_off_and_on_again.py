"""J8: the requirement ends while people are held up, told and about to be told; then it returns."""

import pytest

from accounts.audit import Event
from accounts.models import AuditEvent, Notice
from enforcement.models import Policy
from tests.journeys.clock import DAY, Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_APP, SETUP_MAILBOX, Browser
from tests.journeys.post import mails_to, run_jobs, subjects
from tests.journeys.world import Northwind
from twofactor.models import TOTPDevice

ASKS = "will ask you for two-factor authentication"
MUST_ACT = "Northwind asks you to set up two-factor authentication"
SIGNED_OUT = "You were signed out"
OFF = "Two-factor authentication is no longer required in Northwind"


@pytest.fixture
def first(northwind: Northwind) -> Policy:
    policy = northwind.require()
    run_jobs()
    return policy


def held_up(person: Browser) -> bool:
    """Whether the right password leads to set-up, and to nothing else."""
    person.give_password()
    return person.page.path == SETUP_MAILBOX and not person.is_in


@pytest.mark.proves("B20", "B21")
def test_banners_stop_with_the_next_request(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    ada.sign_in()
    assert ASKS in ada.page.banner
    northwind.release()
    assert ada.open("/").banner == ""
    assert ada.open("/settings/security/").banner == ""
    clock.set(first.deadline + DAY)
    assert ada.is_in


@pytest.mark.proves("B20", "B96")
def test_who_is_held_up_in_set_up_gets_in_with_the_next_request(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    clock.set(first.deadline)
    at_the_mailbox, at_the_key = Browser(northwind.ada), Browser(northwind.ben)
    assert held_up(at_the_mailbox)
    assert held_up(at_the_key)
    at_the_key.set_up_app_until_the_code()
    northwind.release()
    assert at_the_mailbox.open("/accounts/northwind/").path == "/"  # where the sign-in led
    assert at_the_mailbox.is_in
    assert at_the_key.open("/").path == "/"
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_a_session_that_no_job_signed_out_lives_again(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    clock.set(first.deadline)
    clock.forward(hours=-1)
    ada.sign_in()
    clock.set(first.deadline)
    assert not ada.is_in
    northwind.release()
    assert ada.is_in


def test_a_session_that_was_signed_out_stays_so_and_a_password_lets_in(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    clock.set(first.deadline)
    clock.forward(hours=-1)
    ada.sign_in()
    clock.set(first.deadline)
    run_jobs()
    northwind.release()
    assert ada.open("/").path == LOGIN
    ada.give_password()
    assert ada.is_in


@pytest.mark.proves("B21")
def test_notices_that_wait_are_not_sent_and_none_is_owed_later(
    northwind: Northwind, clock: Clock
) -> None:
    """Switched off before any worker came: no first mail, no reminder, no sign-out."""
    policy = northwind.require()
    ada = Browser(northwind.ada)
    ada.sign_in()
    northwind.release()
    run_jobs()
    clock.set(policy.deadline)
    clock.forward(hours=-12)
    run_jobs()
    clock.set(policy.deadline)
    run_jobs()
    assert subjects(northwind.ada.email) == []
    assert ada.is_in
    waiting = Notice.objects.filter(user=northwind.ada, state=Notice.State.OWED)
    assert not waiting.exists()


@pytest.mark.proves("B21")
def test_a_reminder_that_is_owed_already_is_dropped(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    clock.set(first.deadline)
    clock.forward(hours=-1)
    ada = Browser(northwind.ada)
    ada.sign_in()
    northwind.release()
    run_jobs()
    assert subjects(northwind.ada.email) == [f"{MUST_ACT}: 24 hours left"]
    assert subjects(northwind.owner.email)[-1] == OFF


def test_a_device_that_was_set_up_stays_and_its_code_is_asked_for(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    """Whoever is enrolled stays protected after the requirement ends."""
    ada = Browser(northwind.ada)
    ada.sign_in()
    ada.open(SETUP)
    ada.choose("app")
    ada.set_up_app()
    northwind.release()
    assert ada.is_in
    ada.sign_out()
    clock.forward(seconds=30)
    ada.give_password()
    assert not ada.is_in
    ada.give_code()
    assert ada.is_in


@pytest.mark.proves("B20")
@pytest.mark.every_server
def test_on_again_is_a_new_window_with_new_mails_and_a_row_of_the_audit(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    clock.set(first.deadline)
    run_jobs()
    northwind.release()
    run_jobs()
    clock.forward(hours=1)
    second = northwind.require()
    run_jobs()
    assert (second.starts_at, second.deadline) == (clock.now, clock.now + DAY)
    assert len(mails_to(northwind.ada.email, MUST_ACT)) == 2
    assert Policy.objects.get(pk=first.pk).deadline == first.deadline
    rows = AuditEvent.objects.filter(
        account_id=northwind.account.pk, event__in=[Event.POLICY_ON, Event.POLICY_OFF]
    )
    events = list(rows.order_by("at").values_list("event", flat=True))
    assert events == [Event.POLICY_ON, Event.POLICY_OFF, Event.POLICY_ON]

    ada = Browser(northwind.ada)
    ada.sign_in()
    assert ASKS in ada.page.banner
    clock.set(second.deadline)
    clock.forward(hours=-12)
    run_jobs()
    assert len(mails_to(northwind.ada.email, "12 hours left")) == 1
    clock.set(second.deadline)
    run_jobs()
    assert not ada.is_in
    assert len(mails_to(northwind.ada.email, SIGNED_OUT)) == 1


def test_the_secret_of_an_interrupted_set_up_is_not_what_the_next_window_asks(
    northwind: Northwind, first: Policy, clock: Clock
) -> None:
    """An unconfirmed device verifies nothing, in no window."""
    ada = Browser(northwind.ada)
    ada.sign_in()
    ada.open(SETUP)
    ada.choose("app")
    key = ada.scan()
    northwind.release()
    clock.forward(minutes=31)
    second = northwind.require()
    clock.set(second.deadline)
    assert held_up(Browser(northwind.ada))
    again = Browser(northwind.ada)
    again.give_password()
    again.prove_mailbox()
    again.choose("app")
    assert again.page.path == SETUP_APP
    assert again.scan() != key
