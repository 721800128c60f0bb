"""Each kind of code: right, wrong, reused, and what a failure is charged to."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from accounts.models import AddressFailure, AuditEvent, Notice, User
from tests.twofactor.people import (
    ADDRESS,
    NUMBER,
    STEP,
    Enrolled,
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    text,
    texted,
    wrong,
)
from twofactor import budget, sent_codes
from twofactor.models import CodeFailure, SentCode, TOTPDevice
from twofactor.redeem import CodeRejected, Kind, Reason, TooMany, Try, redeemed

pytestmark = pytest.mark.django_db

MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
NO_CODE_OF_ANYBODY = "ACDEFG-HJKMNP-QRTWXY"


@pytest.fixture
def ada(now: datetime) -> Enrolled:
    return enrol_app(now=now)


@pytest.fixture
def ben(now: datetime) -> Enrolled:
    return enrol_phone(now=now)


def refused(given: Try, *, now: datetime) -> Reason:
    with pytest.raises(CodeRejected) as error:
        redeem(given, now=now)
    return error.value.reason


@pytest.mark.proves("S03", "B40")
def test_a_right_code_is_accepted_once(ada: Enrolled, now: datetime) -> None:
    given = attempt_of(ada.user, ada.code_at(now))
    assert redeem(given, now=now) is Kind.APP
    assert refused(given, now=now) is Reason.REUSED


@pytest.mark.proves("S03", "B40")
def test_an_older_step_after_a_newer_one_is_refused(ada: Enrolled, now: datetime) -> None:
    redeem(attempt_of(ada.user, ada.code_at(now + STEP)), now=now)
    older = attempt_of(ada.user, ada.code_at(now))
    assert refused(older, now=now) is Reason.REUSED
    events = AuditEvent.objects.filter(event="code_reused", subject_id=ada.user.pk)
    assert events.count() == 1


@pytest.mark.proves("S13", "B40")
def test_the_code_that_confirmed_can_not_sign_in(now: datetime) -> None:
    ada = enrol_app(now=now)
    before = now - timedelta(minutes=5)
    given = attempt_of(ada.user, ada.code_at(before))
    assert refused(given, now=before) is Reason.REUSED


@pytest.mark.proves("B44", "B45")
def test_leading_zeros_count(ada: Enrolled, now: datetime) -> None:
    at = now
    while not ada.code_at(at).startswith("0"):
        at += STEP
    code = ada.code_at(at)
    assert refused(attempt_of(ada.user, code[1:]), now=at) is Reason.FORM
    assert redeem(attempt_of(ada.user, code), now=at) is Kind.APP


@pytest.mark.proves("S06")
def test_a_code_of_somebody_else_is_wrong(ada: Enrolled, now: datetime) -> None:
    other = enrol_app(now=now)
    assert refused(attempt_of(ada.user, other.code_at(now)), now=now) is Reason.WRONG


def test_a_failure_is_charged_to_person_address_and_app(ada: Enrolled, now: datetime) -> None:
    given = attempt_of(ada.user, wrong(ada.code_at(now)))
    assert refused(given, now=now) is Reason.WRONG
    assert CodeFailure.objects.filter(user=ada.user).count() == 1
    assert AddressFailure.objects.filter(address=ADDRESS).count() == 1
    assert TOTPDevice.objects.get(user=ada.user).failures == 1
    redeem(attempt_of(ada.user, ada.code_at(now)), now=now)
    assert TOTPDevice.objects.get(user=ada.user).failures == 0


@pytest.mark.proves("S10", "B49")
def test_a_failure_on_a_backup_code_is_not_charged_to_the_app(ada: Enrolled, now: datetime) -> None:
    given = attempt_of(ada.user, NO_CODE_OF_ANYBODY, kind=Kind.BACKUP)
    assert refused(given, now=now) is Reason.WRONG
    assert TOTPDevice.objects.get(user=ada.user).failures == 0


def test_good_codes_never_count_as_failures(ada: Enrolled, now: datetime) -> None:
    for number in range(30):
        at = now + number * STEP
        redeem(attempt_of(ada.user, ada.code_at(at)), now=at)
    later = now + 31 * STEP
    backup = attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP)
    assert redeem(backup, now=later) is Kind.BACKUP


def fail(person: Enrolled, times: int, *, now: datetime) -> None:
    """Store failures as ``redeem`` does, without the other limits in the way."""
    for _ in range(times):
        budget.failures_of(person.user, now=now).charge(address=ADDRESS, agent="", now=now)


@pytest.mark.proves("S07")
@pytest.mark.parametrize(
    ("failures", "window"),
    [(5, timedelta(minutes=5)), (10, timedelta(hours=1)), (20, timedelta(hours=24))],
)
def test_each_limit_refuses_unevaluated_until_its_window_is_over(
    failures: int, window: timedelta, ada: Enrolled, now: datetime
) -> None:
    fail(ada, failures, now=now)
    free = now + window
    given = attempt_of(ada.user, ada.code_at(free))
    with pytest.raises(TooMany) as error:
        redeem(given, now=free - MS)
    assert error.value.retry_at == free
    assert redeem(given, now=free) is Kind.APP


@pytest.mark.proves("S07")
@pytest.mark.parametrize("failures", [4, 9, 19])
def test_one_failure_less_lets_a_right_code_through(
    failures: int, ada: Enrolled, now: datetime
) -> None:
    longest = timedelta(minutes=5) if failures == 4 else timedelta(hours=1)
    at = now if failures == 4 else now + longest - MS if failures == 9 else now + longest
    fail(ada, failures, now=now)
    assert redeem(attempt_of(ada.user, ada.code_at(at)), now=at) is Kind.APP


@pytest.mark.proves("S10")
def test_all_methods_share_one_budget(now: datetime) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    fail(both, 4, now=now)
    assert refused(attempt_of(both.user, "x", kind=Kind.BACKUP), now=now) is Reason.FORM
    with pytest.raises(TooMany):
        redeem(attempt_of(both.user, both.codes[0], kind=Kind.BACKUP), now=now)
    with pytest.raises(TooMany):
        redeem(attempt_of(both.user, "000000"), now=now)


def test_a_password_reset_lifts_the_limit_of_the_day_alone(ada: Enrolled, now: datetime) -> None:
    fail(ada, 20, now=now)
    later = now + timedelta(hours=2)
    given = attempt_of(ada.user, ada.code_at(later))
    with pytest.raises(TooMany):
        redeem(given, now=later)
    User.objects.filter(pk=ada.user.pk).update(password_reset_at=now + MS)
    assert redeem(given, now=later) is Kind.APP


@pytest.mark.proves("S08")
def test_the_address_has_a_budget_over_all_people(now: datetime) -> None:
    people = [enrol_app(now=now) for _ in range(11)]
    for person in people[:5]:
        refused(attempt_of(person.user, wrong(person.code_at(now))), now=now)
    for person in people[5:10]:
        refused(attempt_of(person.user, NO_CODE_OF_ANYBODY, kind=Kind.BACKUP), now=now)
    with pytest.raises(TooMany):
        redeem(attempt_of(people[10].user, people[10].code_at(now)), now=now)


def test_after_fifty_failures_only_replacing_the_app_helps(ada: Enrolled, now: datetime) -> None:
    TOTPDevice.objects.filter(user=ada.user).update(failures=49)
    refused(attempt_of(ada.user, wrong(ada.code_at(now))), now=now)
    right = attempt_of(ada.user, ada.code_at(now))
    assert refused(right, now=now) is Reason.BLOCKED
    assert CodeFailure.objects.filter(user=ada.user).count() == 1
    assert redeem(attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP), now=now) is Kind.BACKUP


@pytest.mark.proves("S05", "B43")
@pytest.mark.parametrize("code", ["", "12345", "1234567", "abc", "\0" * 6, "9" * 100_000])
def test_what_is_no_code_is_one_failed_try(code: str, ada: Enrolled, now: datetime) -> None:
    assert refused(attempt_of(ada.user, code), now=now) is Reason.FORM
    assert CodeFailure.objects.filter(user=ada.user).count() == 1


def test_three_failures_are_mailed_once_per_run_of_them(ada: Enrolled, now: datetime) -> None:
    for number in range(4):
        refused(attempt_of(ada.user, "000000" if number else "1"), now=now)
    warned = Notice.objects.filter(kind="codes_failed", user=ada.user)
    assert warned.count() == 1
    fail(ada, 3, now=now + timedelta(hours=2))
    assert warned.count() == 2


@pytest.mark.proves("S41", "B101")
def test_on_a_pass_the_old_devices_verify_nothing(ada: Enrolled, now: datetime) -> None:
    User.objects.filter(pk=ada.user.pk).update(pass_until=now + MINUTE)
    assert refused(attempt_of(ada.user, ada.code_at(now)), now=now) is Reason.SET_ASIDE
    backup = attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP)
    assert refused(backup, now=now) is Reason.SET_ASIDE
    ended = now + timedelta(hours=1)  # ran out, and nobody has settled it
    assert refused(attempt_of(ada.user, ada.code_at(ended)), now=ended) is Reason.SET_ASIDE
    assert not CodeFailure.objects.filter(user=ada.user).exists()


def test_an_exception_in_the_block_leaves_the_code_good(ada: Enrolled, now: datetime) -> None:
    given = attempt_of(ada.user, ada.code_at(now))
    with pytest.raises(ZeroDivisionError), redeemed(given, now=now):
        raise ZeroDivisionError
    assert redeem(given, now=now) is Kind.APP


@pytest.mark.proves("S06")
def test_a_secret_of_another_row_verifies_nothing(ada: Enrolled, now: datetime) -> None:
    other = enrol_app(now=now)
    assert other.app is not None
    TOTPDevice.objects.filter(user=ada.user).update(secret=bytes(other.app.secret))
    assert refused(attempt_of(ada.user, other.code_at(now)), now=now) is Reason.BLOCKED


@pytest.mark.proves("S04", "B43")
def test_a_device_verifies_nothing_by_itself(ada: Enrolled, now: datetime) -> None:
    assert ada.app is not None
    assert ada.app.verify_token(ada.code_at(now)) is False


@pytest.mark.proves("S25", "B79")
def test_a_texted_code_is_good_for_five_minutes(ben: Enrolled, now: datetime) -> None:
    sent = text(ben, now=now)
    over = now + 5 * MINUTE
    assert refused(texted(ben, sent), now=over) is Reason.EXPIRED
    assert redeem(texted(ben, sent), now=over - MS) is Kind.TEXT
    assert refused(texted(ben, sent), now=over - MS) is Reason.REUSED


@pytest.mark.proves("S25", "B79")
def test_a_new_text_replaces_the_old_one(ben: Enrolled, now: datetime) -> None:
    old = text(ben, now=now)
    new = text(ben, now=now + MINUTE)
    if sent_codes.code_of(old) == sent_codes.code_of(new):
        pytest.fail("One in a million: run again.")
    assert refused(texted(ben, old), now=now + MINUTE) is Reason.WRONG
    assert redeem(texted(ben, new), now=now + MINUTE) is Kind.TEXT


@pytest.mark.proves("S25", "B79")
def test_a_text_takes_five_checks(ben: Enrolled, now: datetime) -> None:
    sent = text(ben, now=now)
    assert sent.checks_left == 5
    SentCode.objects.filter(pk=sent.pk).update(checks_left=1)
    assert refused(texted(ben, sent, wrong(sent_codes.code_of(sent))), now=now) is Reason.WRONG
    assert refused(texted(ben, sent), now=now) is Reason.EXPIRED


@pytest.mark.proves("B79", "S06", "S25")
@pytest.mark.parametrize("change", [{"attempt": "b"}, {"purpose": "reauthenticate"}])
def test_a_text_is_good_for_its_attempt_and_purpose_alone(
    change: dict[str, str], ben: Enrolled, now: datetime
) -> None:
    sent = text(ben, now=now)
    other = replace(texted(ben, sent), **change)  # type: ignore[arg-type]
    assert refused(other, now=now) is Reason.EXPIRED
    assert redeem(texted(ben, sent), now=now) is Kind.TEXT


@pytest.mark.proves("S06")
@pytest.mark.parametrize("number", [NUMBER, "+12025550124"])
def test_a_text_sent_to_a_replaced_phone_is_dead(number: str, ben: Enrolled, now: datetime) -> None:
    sent = text(ben, now=now)
    enrol_phone(ben.user, number=number, now=now + timedelta(hours=2, minutes=1))
    assert refused(texted(ben, sent), now=now + MINUTE) is Reason.EXPIRED
