"""Set-up that was never finished, codes without a device, and codes that begin with zeros."""

from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest

from accounts.models import User
from enforcement import policies
from tests.factories import make_account, make_user
from tests.twofactor.browsing import Browser, shown_codes
from tests.twofactor.people import (
    STEP,
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    text,
    texted,
    wrong,
)
from twofactor import backup_codes, devices, enrolment, phones, sent_codes
from twofactor.models import BackupCode, SentCode, SMSDevice, TOTPDevice
from twofactor.redeem import CodeRejected, Kind

pytestmark = pytest.mark.django_db
SETUP, APP, TEXT = "/two-factor/setup/", "/two-factor/setup/app/", "/two-factor/setup/text/"
DAY = timedelta(hours=24)


@pytest.fixture
def ada(now: datetime) -> User:
    """A member with a minute left."""
    ada = make_user("ada@northwind.example")
    account = make_account(members=(ada,))
    account.memberships.update(joined_at=now - 3 * DAY)
    policies.switch_on(account=account, actor=None, now=now - DAY + timedelta(minutes=1))
    return ada


def begin_both(tab: Browser, person: User) -> str:
    """Begin an app and a phone, and confirm neither; return the secret of the app."""
    tab.give_password(person)
    tab.post(tab.post(SETUP, method="app").url, code=tab.mailed_code(person))
    tab.get(APP)
    tab.post(SETUP, method="text")
    tab.post(TEXT, country="US", phone="(202) 555-0123")
    return str(TOTPDevice.objects.get(user=person).open_secret())


@pytest.mark.proves("B61", "S13")
def test_what_was_never_confirmed_lets_nobody_past_the_deadline(ada: User, tab: Browser) -> None:
    secret = begin_both(tab, ada)
    code = pyotp.TOTP(secret).at(tab.now)
    tab.post(APP, code=wrong(code))
    assert SMSDevice.objects.filter(user=ada).exists()
    assert not devices.has_device(ada)
    tab.now += timedelta(minutes=1)
    other = Browser(now=tab.now)
    assert not tab.is_in()
    assert other.give_password(ada).url.startswith(SETUP)  # not to a code page
    assert not other.is_in()
    other.post("/login/verify/", code=pyotp.TOTP(secret).at(other.now))
    assert not other.is_in()


@pytest.mark.proves("B58", "S24")
def test_codes_without_a_device_are_not_enrolment(ada: User, tab: Browser) -> None:
    """Past the deadline the person is led to set-up, and the codes open nothing."""
    enrolled = enrol_app(ada, now=tab.now)
    devices.app_of(ada).delete()  # type: ignore[union-attr]
    tab.now += timedelta(minutes=1)
    assert backup_codes.codes_left(ada) == 10
    assert tab.give_password(ada).url.startswith(SETUP)
    tab.post("/login/recovery/", code=enrolled.codes[0])
    assert not tab.is_in()
    tab.post(tab.post(SETUP, method="app").url, code=tab.mailed_code(ada))
    tab.get(APP)
    secret = TOTPDevice.objects.get(user=ada, confirmed=False).open_secret()
    done = tab.post(APP, code=pyotp.TOTP(secret).at(tab.now))
    assert len(shown_codes(done)) == 10
    assert tab.is_in()


@pytest.mark.proves("B57", "S13")
def test_pages_with_secrets_are_kept_by_no_browser(ada: User, tab: Browser) -> None:
    begin_both(tab, ada)
    page = tab.get(APP)
    pages = [page, tab.get(SETUP), tab.get("/two-factor/backup-codes/")]
    secret = TOTPDevice.objects.get(user=ada).open_secret()
    pages.append(tab.post(APP, code=pyotp.TOTP(secret).at(tab.now)))
    assert len(shown_codes(pages[-1])) == 10
    assert ["no-store" in each.headers.get("Cache-Control", "") for each in pages] == [True] * 4
    again: Any = tab.get("/two-factor/backup-codes/")
    assert not [code for code in shown_codes(pages[-1]) if code in again.content.decode()]


@pytest.mark.proves("B60")
@pytest.mark.parametrize("first", ["app", "text"])
def test_an_app_here_and_a_phone_there_make_one_device(first: str, now: datetime) -> None:
    """Both began before either was confirmed; the second is told to start over."""
    person = make_user()
    stamp = person.stamp
    given = {"app": begun_app(person, now=now), "text": begun_phone(person, now=now)}
    order = [first, *({"app", "text"} - {first})]
    enrolment.confirm(given[order[0]], stamp_read=stamp, now=now)
    codes = set(BackupCode.objects.values_list("pk", flat=True))
    with pytest.raises((enrolment.StartOver, CodeRejected)):
        enrolment.confirm(given[order[1]], stamp_read=stamp, now=now)
    assert (devices.app_of(person) is None) != (devices.phone_of(person) is None)
    assert set(BackupCode.objects.values_list("pk", flat=True)) == codes


def begun_app(person: User, *, now: datetime) -> Any:
    app = enrolment.begin_app(person, attempt="a", now=now)
    return attempt_of(person, pyotp.TOTP(app.open_secret()).at(now), kind=Kind.NEW_APP)


def begun_phone(person: User, *, now: datetime) -> Any:
    device = enrolment.begin_phone(
        person, phones.parse("+12025550123", country="US"), attempt="a", now=now
    )
    sent = enrolment.text_setup_code(person, device, attempt="a", address="192.0.2.1", now=now)
    code = sent_codes.code_of(sent)
    return attempt_of(person, code, kind=Kind.NEW_TEXT, purpose=sent.purpose)


@pytest.mark.proves("B44")
def test_codes_of_the_app_that_begin_with_two_zeros_are_codes(now: datetime) -> None:
    ada = enrol_app(now=now)
    at = now
    while not ada.code_at(at).startswith("00"):
        at += STEP
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, str(int(ada.code_at(at)))), now=at)
    assert redeem(attempt_of(ada.user, ada.code_at(at)), now=at) is Kind.APP


@pytest.mark.proves("B44")
def test_a_texted_code_that_begins_with_zeros_is_sent_whole(now: datetime) -> None:
    """Rows are made anew until the code of one begins so."""
    ben = enrol_phone(now=now)
    sent = text(ben, now=now)
    while not (code := sent_codes.code_of(sent)).startswith("00"):
        sent = sent_codes.new(
            ben.user,
            purpose=SentCode.Purpose.SIGN_IN,
            attempt="a",
            destination_key=sent.destination_key,
            address="192.0.2.1",
            now=now,
            device=ben.phone,
        )
    sent.save()
    assert len(code) == 6
    assert redeem(texted(ben, sent), now=now) is Kind.TEXT


@pytest.mark.proves("S24")
def test_of_the_old_set_not_one_code_is_left(now: datetime) -> None:
    ada = enrol_app(now=now)
    enrolment.new_codes(ada.user, stamp_read=ada.user.stamp, now=now)
    for number, code in enumerate(ada.codes, start=1):
        with pytest.raises(CodeRejected):
            redeem(
                attempt_of(ada.user, code, kind=Kind.BACKUP), now=now + number * timedelta(hours=3)
            )


@pytest.mark.proves("S22")
def test_the_same_code_is_stored_differently_for_two_people(now: datetime) -> None:
    """Salt and place both differ: a row copied to another set opens nothing there."""
    ada, ben = enrol_app(now=now), enrol_app(now=now)
    salts = {bytes(each.user.backup_codes.salt) for each in (ada, ben)}
    assert len({backup_codes.slow_hash("ACDEFGHJKMNPQRTWXY", salt) for salt in salts}) == 2
    copied = BackupCode.objects.filter(code_set__user=ada.user).first()
    assert copied is not None
    code_set = ben.user.backup_codes
    BackupCode.objects.create(code_set=code_set, sealed_hash=bytes(copied.sealed_hash))
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ben.user, ada.codes[0], kind=Kind.BACKUP), now=now)
