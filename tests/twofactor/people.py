"""People with second factors, set up by the product's own functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
import time_machine

from accounts import audit, mail
from accounts.audit import Entry, Event
from accounts.models import EndReason, User, random_value
from tests.factories import make_user
from twofactor import backup_codes, enrolment, phones, sent_codes, texts, totp
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
    if user is None:
        return make_enrolled(make_user(), now=now)
    before = now - timedelta(minutes=5)
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


def make_enrolled(user: User, *, now: datetime) -> Enrolled:
    """Leave the rows that ``enrol_app`` leaves of a new person, without its forty queries more.

    A test holds the two together. Whoever had a factor, a pass or an open request is not for this.
    """
    before, secret = now - timedelta(minutes=5), totp.new_secret()
    app = TOTPDevice(
        user=user, name="Authenticator app", confirmed=True, attempt="", created_at=before,
        confirmed_at=before, last_step=int(before.timestamp() // STEP.total_seconds()),
    )  # fmt: skip
    app.seal_secret(secret)
    app.save()
    codes = backup_codes.replace_codes(user, now=before)
    user.stamp, user.ended_reason = random_value(), EndReason.SET_UP
    user.enrolled_at, user.mailbox_nonce = before, random_value()
    user.save(update_fields=["stamp", "ended_reason", "enrolled_at", "mailbox_nonce"])
    told = {"method": "authenticator app", "at": before.isoformat()}
    occasion = f"totpdevice:{app.pk}:{before.isoformat()}"
    mail.owe("set_up_done", to=user, occasion=occasion, context=told, now=before)
    done = (
        (Event.DEVICE_CONFIRMED, {"method": "totpdevice", "replaced": False}),
        (Event.CODE_ACCEPTED, {"kind": Kind.NEW_APP}),
    )
    audit.record_many(
        [Entry(event=event, actor=user, subject=user, after=after) for event, after in done],
        now=before,
    )
    return Enrolled(user=user, codes=codes, secret=secret, app=app)


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
