from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import sealing
from accounts.models import Notice, User
from enforcement import policies
from tests.factories import make_account, make_user
from tests.twofactor.people import (
    ADDRESS,
    NUMBER,
    Enrolled,
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    stamp_of,
    wrong,
)
from twofactor import backup_codes, devices, enrolment, phones
from twofactor.models import SMSDevice, TOTPDevice
from twofactor.redeem import CodeRejected, Kind, Reason, Try
from twofactor.signals import device_confirmed

pytestmark = pytest.mark.django_db

HALF_AN_HOUR = timedelta(minutes=30)
MS = timedelta(milliseconds=1)


def confirming(user: User, code: str, attempt: str = "setup") -> Try:
    return Try(user_id=user.pk, kind=Kind.NEW_APP, code=code, attempt=attempt, address=ADDRESS)


def begin(user: User, *, now: datetime, attempt: str = "setup") -> Enrolled:
    app = enrolment.begin_app(user, attempt=attempt, now=now)
    return Enrolled(user=user, codes=[], secret=app.open_secret(), app=app)


@pytest.mark.proves("S13", "B59")
def test_the_secret_stays_until_confirmed_or_half_an_hour_old(now: datetime) -> None:
    user = make_user()
    first = begin(user, now=now)
    assert begin(user, now=now + HALF_AN_HOUR - MS).secret == first.secret
    assert begin(user, now=now, attempt="other browser").secret != first.secret
    assert begin(user, now=now + HALF_AN_HOUR).secret != first.secret


@pytest.mark.proves("S13", "B61")
def test_a_pending_device_verifies_nothing(now: datetime) -> None:
    started = begin(make_user(), now=now)
    assert not devices.has_device(started.user)
    with pytest.raises(CodeRejected):
        redeem(attempt_of(started.user, started.code_at(now)), now=now)


@pytest.mark.proves("S13")
def test_a_code_half_an_hour_later_confirms_nothing(now: datetime) -> None:
    started = begin(make_user(), now=now)
    late = now + HALF_AN_HOUR
    given = confirming(started.user, started.code_at(late))
    with pytest.raises(CodeRejected) as error:
        enrolment.confirm(given, stamp_read=started.user.stamp, now=late)
    assert error.value.reason is Reason.EXPIRED


def test_confirming_enrols_mails_and_renews_the_stamp(now: datetime) -> None:
    user = make_user()
    heard: list[dict[str, Any]] = []

    def listen(**told: Any) -> None:
        heard.append(told)

    device_confirmed.connect(listen)
    before = User.objects.get(pk=user.pk)
    ada = enrol_app(user, now=now)
    device_confirmed.disconnect(listen)
    after = User.objects.get(pk=user.pk)
    assert devices.can_verify(after)
    assert after.enrolled_at == now - timedelta(minutes=5)
    assert after.stamp != before.stamp
    assert after.mailbox_nonce != before.mailbox_nonce
    assert [told["replaced"] for told in heard] == [False]
    assert Notice.objects.filter(user=user, kind="set_up_done").count() == 1
    assert len(ada.codes) == 10


@pytest.mark.proves("B60")
def test_of_two_browsers_one_gets_in_and_the_other_starts_over(now: datetime) -> None:
    user = make_user()
    stamp = user.stamp
    one, two = begin(user, now=now), begin(user, now=now, attempt="two")
    enrolment.confirm(confirming(user, one.code_at(now)), stamp_read=stamp, now=now)
    given = confirming(user, two.code_at(now), attempt="two")
    with pytest.raises((enrolment.StartOver, CodeRejected)):
        enrolment.confirm(given, stamp_read=stamp, now=now)
    assert TOTPDevice.objects.filter(user=user).count() == 1


def test_a_stale_stamp_changes_nothing(now: datetime) -> None:
    started = begin(make_user(), now=now)
    given = confirming(started.user, started.code_at(now))
    with pytest.raises(enrolment.StartOver):
        enrolment.confirm(given, stamp_read="older", now=now)
    assert not devices.has_device(started.user)
    assert backup_codes.codes_left(started.user) == 0


@pytest.mark.proves("B64")
def test_the_old_app_and_codes_count_until_the_new_one_is_proved(now: datetime) -> None:
    ada = enrol_app(now=now)
    new = begin(ada.user, now=now)
    given = confirming(ada.user, wrong(new.code_at(now)))
    with pytest.raises(CodeRejected):
        enrolment.confirm(given, stamp_read=stamp_of(ada.user), now=now)
    assert redeem(attempt_of(ada.user, ada.code_at(now)), now=now) is Kind.APP
    given = confirming(ada.user, new.code_at(now))
    enrolment.confirm(given, stamp_read=stamp_of(ada.user), now=now)
    later = now + timedelta(minutes=2)
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, ada.code_at(later)), now=later)
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP), now=later)
    assert redeem(attempt_of(ada.user, new.code_at(later)), now=later) is Kind.APP
    assert Notice.objects.filter(user=ada.user, kind="device_replaced").count() == 1


def test_an_enrolled_person_may_add_the_other_method(now: datetime) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    assert devices.app_of(both.user) is not None
    assert devices.phone_of(both.user) is not None
    assert Notice.objects.filter(user=both.user, kind="device_added").count() == 1


def test_set_up_on_a_pass_deletes_the_whole_old_set(now: datetime) -> None:
    ben = enrol_phone(now=now)
    User.objects.filter(pk=ben.user.pk).update(pass_until=now + HALF_AN_HOUR)
    ada = enrol_app(ben.user, now=now)
    assert devices.phone_of(ada.user) is None
    assert devices.app_of(ada.user) is not None


@pytest.mark.proves("S16", "B64")
def test_the_last_device_can_not_be_removed(now: datetime) -> None:
    ada = enrol_app(now=now)
    with pytest.raises(enrolment.LastDevice):
        enrolment.remove(ada.user, method="app", stamp_read=ada.user.stamp, now=now)


def test_of_two_devices_one_can_be_removed(now: datetime) -> None:
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    stamp = both.user.stamp
    enrolment.remove(both.user, method="app", stamp_read=stamp, now=now)
    assert devices.app_of(both.user) is None
    assert backup_codes.codes_left(both.user) == 10
    assert stamp_of(both.user) != stamp
    with pytest.raises(enrolment.LastDevice):
        enrolment.remove(both.user, method="text", stamp_read=both.user.stamp, now=now)


def test_only_what_verifies_can_be_removed(now: datetime) -> None:
    ada = enrol_app(now=now)
    both = enrol_phone(enrol_app(now=now - timedelta(hours=3)).user, now=now)
    with pytest.raises(enrolment.NotEnrolled):
        enrolment.remove(ada.user, method="text", stamp_read=ada.user.stamp, now=now)
    User.objects.filter(pk=both.user.pk).update(pass_until=now + HALF_AN_HOUR)
    with pytest.raises(enrolment.NotEnrolled):
        enrolment.remove(both.user, method="app", stamp_read=both.user.stamp, now=now)


def test_by_self_service_the_last_device_goes_with_its_codes(now: datetime, settings: Any) -> None:
    settings.TWO_FACTOR_SELF_SERVICE = True
    other, ada = enrol_app(now=now), enrol_app(now=now)
    enrolment.remove(ada.user, method="app", stamp_read=ada.user.stamp, now=now)
    assert not devices.has_device(ada.user)
    assert backup_codes.codes_left(ada.user) == 0
    assert backup_codes.codes_left(other.user) == 10


def test_self_service_takes_nothing_away_that_an_account_requires(
    now: datetime, settings: Any
) -> None:
    settings.TWO_FACTOR_SELF_SERVICE = True
    ada = enrol_app(now=now)
    policies.switch_on(account=make_account(owner=ada.user), actor=None, now=now)
    with pytest.raises(enrolment.LastDevice):
        enrolment.remove(ada.user, method="app", stamp_read=ada.user.stamp, now=now)


@pytest.mark.parametrize(("age", "is_kept"), [(HALF_AN_HOUR - MS, True), (HALF_AN_HOUR, False)])
def test_only_a_set_up_that_nobody_finished_is_swept_away(
    age: timedelta, is_kept: bool, now: datetime
) -> None:
    done, begun = enrol_app(now=now), begin(make_user(), now=now)
    enrolment.discard_stale(now=now + age)
    assert TOTPDevice.objects.filter(user=begun.user).exists() is is_kept
    assert TOTPDevice.objects.filter(user=done.user).exists()


def test_a_reset_takes_everything_and_ends_sessions(now: datetime) -> None:
    ada = enrol_app(now=now)
    enrolment.reset(ada.user, actor=make_user(), reason="lost", now=now)
    assert not devices.has_device(ada.user)
    assert backup_codes.codes_left(ada.user) == 0
    assert stamp_of(ada.user) != ada.user.stamp
    assert Notice.objects.filter(user=ada.user, kind="reset").count() == 1


def test_one_spelling_of_a_number_or_another_is_the_same_phone(now: datetime) -> None:
    user = make_user()
    for given in (NUMBER, "(202) 555-0123", "001 202 555 0123"):
        phone = phones.parse(given, country="US")
        enrolment.begin_phone(user, phone, attempt="s", now=now)
    device = SMSDevice.objects.get(user=user)
    assert device.open_number() == NUMBER
    assert NUMBER.encode() not in bytes(device.number)


@pytest.mark.proves("S16")
@pytest.mark.parametrize("how", ["delete", "update", "save", "delete_all"])
def test_devices_changed_past_enrolment_end_sessions(how: str, now: datetime) -> None:
    ada = enrol_app(now=now)
    app = TOTPDevice.objects.get(user=ada.user)
    if how == "delete":
        app.delete()
    elif how == "update":
        TOTPDevice.objects.filter(pk=app.pk).update(confirmed=False)
    elif how == "save":
        app.seal_secret("JBSWY3DP" * 4)
        app.save()
    else:
        TOTPDevice.objects.all().delete()
    assert stamp_of(ada.user) != ada.user.stamp


def test_counting_failures_ends_no_session(now: datetime) -> None:
    ada = enrol_app(now=now)
    TOTPDevice.objects.filter(user=ada.user).update(failures=3)
    redeem(attempt_of(ada.user, ada.code_at(now)), now=now)
    assert stamp_of(ada.user) == ada.user.stamp


def test_swapped_secrets_can_not_be_opened(now: datetime) -> None:
    one, two = enrol_app(now=now), enrol_app(now=now)
    assert one.app is not None
    assert two.app is not None
    one.app.secret, two.app.secret = two.app.secret, one.app.secret
    for app in (one.app, two.app):
        with pytest.raises(sealing.Unreadable):
            app.open_secret()
