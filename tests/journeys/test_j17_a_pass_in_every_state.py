"""J17: a pass is granted, ends or is revoked while its person stands in every possible place."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Account, User
from enforcement import passes, policies
from enforcement.models import Closing, Pass, Policy
from tests.factories import make_account, make_user
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.driver import (
    LOGIN,
    RECOVERY,
    SETUP,
    SETUP_MAILBOX,
    VERIFY,
    Browser,
)
from tests.journeys.post import mails_to, run_jobs
from tests.journeys.world import Northwind, Phone, enrol
from tests.twofactor.people import enrol_phone
from twofactor.models import SMSDevice, TOTPDevice

HELP = "/login/help/"
ENDED = "Your pass has ended"
REVOKED = "Your pass was ended early"
HOUR = timedelta(hours=1)


@pytest.fixture
def phone(northwind: Northwind, policy: Policy, clock: Clock) -> Phone:
    return enrol(northwind.ada, clock=clock)


def grant(person: User, *, clock: Clock) -> Pass:
    """Grant a pass, as the operator does at the command line."""
    return passes.grant_pass(user=person, actor=None, reason="lost the phone", now=clock.now)


def is_asked_to_set_up(person: Browser) -> bool:
    person.open("/")
    if person.page.path == LOGIN:
        person.give_password()
    return person.page.path in {SETUP, SETUP_MAILBOX}


# Granted, wherever the person is


def test_granted_while_the_person_sits_at_the_code_page(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    """The next request lets in, and the codes of before open nothing."""
    ada = Browser(northwind.ada, secret=phone.secret)
    ada.give_password()
    assert ada.page.path == VERIFY
    grant(northwind.ada, clock=clock)
    ada.submit(VERIFY, code=ada.code())
    assert ada.open("/").path == "/"
    assert "your password alone signs you in" in ada.page.banner
    assert not ada.session.get("verified")


def test_granted_while_the_person_waits_on_the_page_for_help(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    ada.give_password()
    ada.open(HELP)
    ada.submit(HELP, message="lost")
    assert not ada.is_in
    grant(northwind.ada, clock=clock)
    assert ada.open(HELP).path == "/"
    assert ada.is_in


def test_granted_to_who_is_blocked_after_fifty_wrong_codes(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    TOTPDevice.objects.update(failures=50)
    ada = Browser(northwind.ada, secret=phone.secret)
    ada.give_password()
    assert ada.page.path == RECOVERY
    grant(northwind.ada, clock=clock)
    ada.open("/")
    assert ada.is_in
    ada.open(SETUP)
    ada.set_up_app()
    ada.sign_out()
    clock.forward(minutes=1)
    ada.sign_in()
    assert ada.is_in, "the new device is not blocked"


def test_granted_to_who_has_text_messages_alone(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    enrol_phone(northwind.ada, now=clock.now)
    ada = Browser(northwind.ada)
    ada.give_password()
    assert ada.page.path == VERIFY
    granted = grant(northwind.ada, clock=clock)
    ada.open("/")
    assert ada.is_in
    clock.set(granted.until)
    run_jobs()
    assert is_asked_to_set_up(ada)
    assert not SMSDevice.objects.filter(user=northwind.ada).exists()


def test_granted_to_who_is_signed_in_already_changes_nothing_until_its_end(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    ada = Browser(northwind.ada, secret=phone.secret)
    ada.sign_in()
    granted = grant(northwind.ada, clock=clock)
    assert ada.is_in
    assert "your password alone signs you in" in ada.open("/").banner
    clock.set(granted.until - MS)
    assert ada.is_in
    clock.set(granted.until)
    assert ada.call("/")[1]["code"] == "signed_out_pass_ended"


@pytest.mark.proves("B101")
def test_it_is_good_for_its_whole_length_however_often_it_is_used(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    granted = grant(northwind.ada, clock=clock)
    for hours in (1, 10, 23):
        clock.set(granted.granted_at + hours * HOUR)
        ada = Browser(northwind.ada)
        ada.give_password()
        assert ada.is_in
    new = Browser(northwind.ada)
    new.give_password()
    new.open(SETUP)
    new.set_up_app()
    clock.set(granted.until + HOUR)
    assert new.is_in
    with_the_old = Browser(northwind.ada, secret=phone.secret)
    with_the_old.sign_in()
    assert not with_the_old.is_in
    assert not ada.is_in, "the session born under the pass is gated at its next request"


# Two accounts, and off and on


@pytest.fixture
def southwind(northwind: Northwind) -> Account:
    return make_account("southwind", owner=make_user(), members=(northwind.ada,))


def test_one_pass_rests_the_requirements_of_both_accounts(
    northwind: Northwind, southwind: Account, policy: Policy, clock: Clock
) -> None:
    clock.forward(hours=1)
    other = policies.switch_on(account=southwind, actor=None, reason="asked", now=clock.now)
    clock.set(other.deadline)
    granted = grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada)
    ada.give_password()
    for path in ("/accounts/northwind/", "/accounts/southwind/"):
        assert ada.open(path).path == path
    run_jobs()
    owners = [northwind.owner.email, southwind.memberships.get(role="owner").user.email]
    assert all(mails_to(owner, "Ada Lovelace has a") for owner in owners)
    clock.set(granted.until)
    assert is_asked_to_set_up(ada)


def test_a_pass_outlives_off_and_on_and_its_end_leads_to_set_up(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    clock.forward(hours=12)
    granted = grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada)
    ada.give_password()
    clock.forward(hours=1)
    northwind.release()
    assert ada.is_in
    clock.forward(hours=1)
    second = northwind.require()
    assert second.deadline > granted.until
    assert "your password alone signs you in" in ada.open("/").banner
    clock.set(granted.until)
    assert not ada.is_in
    assert is_asked_to_set_up(ada), "it ran out in a period that still binds"


def test_a_pass_that_ran_out_while_nothing_was_required_leaves_the_whole_new_window(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    granted = grant(northwind.ada, clock=clock)
    northwind.release()
    clock.set(granted.until)
    ada = Browser(northwind.ada)
    ada.give_password()
    assert ada.is_in
    clock.forward(hours=1)
    second = northwind.require()
    assert ada.is_in
    assert "You have 1 day left" in ada.open("/").banner
    clock.set(second.deadline)
    assert is_asked_to_set_up(ada)


# Its end


@pytest.mark.proves("B100")
@pytest.mark.parametrize("jobs_run", [False, True], ids=["all jobs dead", "jobs run"])
def test_who_sets_up_in_the_last_second_stays_in(
    jobs_run: bool, northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    granted = grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada)
    ada.give_password()
    clock.set(granted.until - timedelta(seconds=1))
    ada.open(SETUP)
    ada.prove_again()
    ada.set_up_app()
    clock.set(granted.until)
    if jobs_run:
        run_jobs()
    assert ada.is_in
    granted.refresh_from_db()
    assert granted.closed_as == Closing.SET_UP
    run_jobs()
    assert not mails_to(ada.email, ENDED)


def test_who_sends_the_code_at_its_very_end_is_signed_out_and_sets_up_anew(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    granted = grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada)
    ada.give_password()
    clock.set(granted.until - timedelta(seconds=1))
    ada.open(SETUP)
    ada.prove_again()
    ada.set_up_app_until_the_code()
    clock.set(granted.until)
    ada.submit("/two-factor/setup/app/", code=ada.code())
    assert not ada.is_in
    clock.forward(minutes=2)  # until the next mail can be had
    assert is_asked_to_set_up(ada)
    ada.set_up_app()
    assert ada.is_in
    run_jobs()
    assert len(mails_to(ada.email, ENDED)) == 1


# Revoked


@pytest.mark.every_server
def test_revoked_during_use_ends_the_sessions_and_brings_the_old_device_back(
    northwind: Northwind, phone: Phone, support: Browser, clock: Clock
) -> None:
    grant(northwind.ada, clock=clock)
    here, there = Browser(northwind.ada, secret=phone.secret), Browser(northwind.ada)
    here.give_password()
    there.give_password()
    clock.forward(minutes=1)
    revoke = reverse("admin:accounts_user_pass_revoke", args=[northwind.ada.pk])
    support.open(revoke)
    support.submit(revoke)
    assert not here.is_in
    assert not there.is_in
    here.open("/")
    here.give_password()
    assert here.page.path == VERIFY
    here.give_code()
    assert here.is_in
    assert TOTPDevice.objects.get(user=northwind.ada).open_secret() == phone.secret
    run_jobs()
    assert len(mails_to(here.email, REVOKED)) == 1


def test_a_backup_code_of_before_is_good_again_after_a_revoke(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada)
    ada.give_password()
    passes.revoke_pass(user=northwind.ada, actor=None, now=clock.now)
    ada.open("/")
    ada.give_password()
    ada.open(RECOVERY)
    ada.submit(RECOVERY, code=phone.codes[0])
    assert ada.is_in


def test_revoked_at_its_end_it_has_run_out(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    granted = grant(northwind.ada, clock=clock)
    clock.set(granted.until)
    passes.revoke_pass(user=northwind.ada, actor=None, now=clock.now)
    granted.refresh_from_db()
    assert granted.closed_as == Closing.RAN_OUT
    ada = Browser(northwind.ada, secret=phone.secret)
    assert is_asked_to_set_up(ada)


def test_the_person_ends_it_and_is_asked_for_the_code_again(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    grant(northwind.ada, clock=clock)
    ada = Browser(northwind.ada, secret=phone.secret)
    ada.give_password()
    ada.open("/pass/end/")
    ada.submit("/pass/end/")
    ada.open("/")
    ada.give_password()
    assert ada.page.path == VERIFY


def test_without_a_device_a_revoke_leaves_the_deadline_as_it_was(
    northwind: Northwind, policy: Policy, clock: Clock
) -> None:
    grant(northwind.ada, clock=clock)
    passes.revoke_pass(user=northwind.ada, actor=None, now=clock.now)
    ada = Browser(northwind.ada)
    ada.give_password()
    assert "You have 1 day left" in ada.page.banner
    clock.set(policy.deadline)
    assert policy.deadline == policy.starts_at + DAY
    assert is_asked_to_set_up(ada)
