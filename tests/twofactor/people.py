"""People with second factors, set up by the product's own functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
import time_machine

from accounts.models import User
from tests.factories import make_user
from twofactor import enrolment, phones, sent_codes, texts
from twofactor.models import SentCode, SMSDevice, TOTPDevice
from twofactor.redeem import Kind, Try, redeemed

ADDRESS = "192.0.2.1"
NUMBER = "+12025550123"
STEP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    user: User
    codes: list[str]  # backup codes
    secret: str = ""
    app: TOTPDevice | None = None
    phone: SMSDevice | None = None

    def code_at(self, at: datetime) -> str:
        return pyotp.TOTP(self.secret).at(at)


def attempt_of(user: User, code: str, *, kind: Kind = Kind.APP, purpose: str = "") -> Try:
    return Try(user_id=user.pk, kind=kind, code=code, attempt="a", address=ADDRESS, purpose=purpose)


def redeem(given: Try, *, now: datetime) -> Kind:
    """Redeem ``given`` for nothing but itself."""
    with redeemed(given, now=now) as accepted:
        return accepted.kind


def enrol_app(user: User | None = None, *, now: datetime) -> Enrolled:
    """Set up an app, five minutes before ``now``, so that no code of now was used."""
    user, before = user or make_user(), now - timedelta(minutes=5)
    app = enrolment.begin_app(user, attempt="setup", now=before)
    secret = app.open_secret()
    given = Try(
        user_id=user.pk,
        kind=Kind.NEW_APP,
        code=pyotp.TOTP(secret).at(before),
        attempt="setup",
        address=ADDRESS,
    )
    confirmed = enrolment.confirm(given, stamp_read=stamp_of(user), now=before)
    user.refresh_from_db()
    return Enrolled(
        user=user,
        codes=confirmed.codes,
        secret=secret,
        app=TOTPDevice.objects.get(pk=confirmed.device.pk),
    )


def enrol_phone(
    user: User | None = None, *, number: str = NUMBER, address: str = ADDRESS, now: datetime
) -> Enrolled:
    """Set up a phone, two hours before ``now``, so that no wait is left of it."""
    user, before = user or make_user(), now - timedelta(hours=2)
    device = enrolment.begin_phone(
        user, phones.parse(number, country="US"), attempt="s", now=before
    )
    with time_machine.travel(before, tick=False):  # the outbox sorts by the machine's clock
        sent = enrolment.text_setup_code(user, device, attempt="s", address=address, now=before)
    given = Try(
        user_id=user.pk,
        kind=Kind.NEW_TEXT,
        code=sent_codes.code_of(sent),
        attempt="s",
        address=ADDRESS,
        purpose=SentCode.Purpose.SET_UP,
    )
    confirmed = enrolment.confirm(given, stamp_read=stamp_of(user), now=before)
    user.refresh_from_db()
    phone = SMSDevice.objects.get(pk=confirmed.device.pk)
    return Enrolled(user=user, codes=confirmed.codes, phone=phone)


def stamp_of(user: User) -> str:
    return User.objects.values_list("stamp", flat=True).get(pk=user.pk)


def wrong(code: str) -> str:
    """Return ``code`` with one digit altered."""
    return code[:-1] + str((int(code[-1]) + 5) % 10)


def text(person: Enrolled, *, now: datetime, purpose: str = "sign_in") -> SentCode:
    assert person.phone is not None
    return texts.send_code(
        person.user,
        person.phone,
        purpose=SentCode.Purpose(purpose),
        attempt="a",
        address=ADDRESS,
        now=now,
    )


def texted(person: Enrolled, sent: SentCode, code: str = "") -> Try:
    code = code or sent_codes.code_of(sent)
    return attempt_of(person.user, code, kind=Kind.TEXT, purpose=sent.purpose)
