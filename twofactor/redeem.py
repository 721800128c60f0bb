"""The one place where a code is evaluated.

Every code, whatever its kind and whichever door it came through, is redeemed here: under the lock
of its person's row, against the common budget, with the mark that it is spent (or the failure)
written before anybody else gets the lock. No other module may evaluate one.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from accounts import audit, current, keys, sealing, throttle
from accounts.audit import Event
from accounts.models import User
from accounts.sessions import was_only_signed_out
from accounts.throttle import Bucket, TooMany
from twofactor import backup_codes, budget, devices, phones, totp, typed
from twofactor.budget import Failures
from twofactor.models import BackupCode, SentCode, SentState, SMSDevice, TOTPDevice
from twofactor.signals import code_rejected

__all__ = [
    "CodeRejected",
    "Kind",
    "Reason",
    "Redeemed",
    "StartOver",
    "TooMany",
    "Try",
    "Void",
    "is_void",
    "redeemed",
]

logger = logging.getLogger(__name__)

NEVER_ARRIVED = (SentState.OURS, SentState.REFUSED)


class Kind(StrEnum):
    """What a typed code claims to be."""

    APP = "app"
    TEXT = "text"
    BACKUP = "backup"
    MAILBOX = "mailbox"
    NEW_APP = "new_app"  # confirms an app that is being set up
    NEW_TEXT = "new_text"  # confirms a number that is being set up


FACTORS = {Kind.APP, Kind.TEXT, Kind.BACKUP}


class Reason(StrEnum):
    """Why a code was refused; chooses the words that the person reads."""

    FORM = "form"
    WRONG = "wrong"
    REUSED = "reused"
    EXPIRED = "expired"  # the sent code is too old, was tried too often, or there is none
    BLOCKED = "blocked"  # this authenticator takes no code until it is replaced
    SET_ASIDE = "set_aside"  # a pass runs, or ran out: the old devices verify nothing


class CodeRejected(Exception):
    """The code was refused and, unless nothing was evaluated, counted as a failed try."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"The code was refused: {reason}.")
        self.reason = reason


class StartOver(Exception):
    """Something about this person changed in another browser since this one began."""


class Void(Exception):
    """The budget was spent since this sign-in began: it takes no code any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One code that somebody typed: for whom, as what, in which attempt, from where."""

    user_id: int
    kind: Kind
    code: str
    attempt: str
    address: str
    bucket: Bucket | None = None  # where a failure counts beside the person; None: at the address
    begun_at: datetime | None = None  # of a sign-in that does not outlive a spent budget
    purpose: str = ""  # of a sent code: ``SentPurpose``
    agent: str = ""
    stamp_read: str = ""  # where a change of the person's stamp voids what the code is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """An accepted code. ``user`` is locked for as long as the block of ``redeemed`` runs."""

    user: User
    kind: Kind
    device: TOTPDevice | SMSDevice | None = None
    codes_left: int | None = None


@contextmanager
def redeemed(given: Try, *, now: datetime) -> Iterator[Redeemed]:
    """Redeem ``given``; the block runs in the same transaction, with the person's row locked.

    What the block raises undoes the redemption with it. A refusal is counted and committed before
    it is raised.

    :raises TooMany: if a budget is spent; nothing was evaluated, a right code included.
    :raises Void: if it was since ``begun_at``; nothing was evaluated.
    :raises CodeRejected: for anything but a right code.
    :raises StartOver: if ``stamp_read`` is given and was renewed, but for a sign-out at a deadline;
        nothing was evaluated.
    """
    refused: CodeRejected | TooMany | Void
    with transaction.atomic():
        user = User.objects.locked(given.user_id)
        if given.stamp_read and not was_only_signed_out(given.stamp_read, now_is=user.stamp):
            raise StartOver
        failures = budget.failures_of(user, now=now)
        try:
            _check_budgets(failures, given, now=now)
            accepted = _evaluate(user, given, now=now)
        except (TooMany, Void) as error:
            audit.record(Event.CODES_THROTTLED, subject=user, after={"kind": given.kind}, now=now)
            refused = error
        except CodeRejected as error:
            _charge(failures, given, error.reason, now=now)
            refused = error
        else:
            yield accepted
            _note_success(failures, given, now=now)
            audit.record(
                Event.CODE_ACCEPTED, actor=user, subject=user, after={"kind": given.kind}, now=now
            )
            return
    raise refused


def _check_budgets(failures: Failures, given: Try, *, now: datetime) -> None:
    failures.check(now=now)
    if given.begun_at is not None and failures.spent_it_since(given.begun_at):
        raise Void
    throttle.hold(_bucket_of(given), now=now)


def is_void(user: User, begun_at: datetime | None, *, now: datetime) -> bool:
    """Whether a sign-in of ``user`` that began then takes no code any more."""
    return begun_at is not None and budget.failures_of(user, now=now).spent_it_since(begun_at)


def _bucket_of(given: Try) -> Bucket:
    return given.bucket or throttle.of_address(given.address)


def _note_success(failures: Failures, given: Try, *, now: datetime) -> None:
    if given.kind in FACTORS:
        failures.note_success(address=given.address, agent=given.agent, now=now)


def _charge(failures: Failures, given: Try, reason: Reason, *, now: datetime) -> None:
    """Count one failed try against the person and the client address, and tell who listens."""
    user = failures.user
    if reason not in {Reason.BLOCKED, Reason.SET_ASIDE}:
        failures.charge(address=given.address, agent=given.agent, now=now)
        throttle.note_failure(_bucket_of(given), now=now)
    event = Event.CODE_REUSED if reason is Reason.REUSED else Event.CODE_REJECTED
    after = {"kind": given.kind, "reason": reason, **current.browser()}
    audit.record(event, subject=user, after=after, now=now)
    code_rejected.send(sender=None, user=user, kind=given.kind, reason=reason, now=now)


def _evaluate(user: User, given: Try, *, now: datetime) -> Redeemed:
    """Return what ``given`` redeems, marked as spent.

    :raises CodeRejected: with the failure charged to the device it was tried against, if any.
    """
    stands_aside = user.pass_until is not None
    if stands_aside and given.kind in FACTORS:
        raise CodeRejected(Reason.SET_ASIDE)
    try:
        return EVALUATORS[given.kind](user, given, now)
    except typed.InvalidForm:
        raise CodeRejected(Reason.FORM) from None
    except sealing.Unreadable:
        logger.exception("What is sealed for person %s can't be opened.", user.pk)
        raise CodeRejected(Reason.BLOCKED) from None


def _app(user: User, given: Try, now: datetime) -> Redeemed:
    device = devices.app_of(user)
    if device is None:
        raise CodeRejected(Reason.WRONG)
    if device.is_blocked:
        raise CodeRejected(Reason.BLOCKED)
    code = typed.six_digits(given.code)
    try:
        _spend_step(device, code, now=now)
    except CodeRejected:
        TOTPDevice.objects.filter(pk=device.pk).update(failures=F("failures") + 1)
        raise
    return Redeemed(user=user, kind=given.kind, device=device)


def _new_app(user: User, given: Try, now: datetime) -> Redeemed:
    device = devices.pending_app(user, attempt=given.attempt, now=now)
    if device is None:
        raise CodeRejected(Reason.EXPIRED)
    _spend_step(device, typed.six_digits(given.code), now=now)
    return Redeemed(user=user, kind=given.kind, device=device)


def _spend_step(device: TOTPDevice, code: str, *, now: datetime) -> None:
    """Accept ``code`` for its time step, once; the step is what must never come back."""
    steps = totp.matching_steps(device.open_secret(), code, now=now)
    unused = [step for step in steps if step > device.last_step]
    if not unused:
        raise CodeRejected(Reason.REUSED if steps else Reason.WRONG)
    device.last_step, device.failures = unused[0], 0
    device.save(update_fields=["last_step", "failures"])


def _text(user: User, given: Try, now: datetime) -> Redeemed:
    return _sent(user, given, now, device=devices.phone_of(user))


def _new_text(user: User, given: Try, now: datetime) -> Redeemed:
    return _sent(
        user, given, now, device=devices.pending_phone(user, attempt=given.attempt, now=now)
    )


def _sent(user: User, given: Try, now: datetime, *, device: SMSDevice | None) -> Redeemed:
    """Accept a texted code: the latest one, for this attempt, sent to exactly this phone."""
    code = typed.six_digits(given.code)
    sent = live_code(user, purpose=given.purpose, attempt=given.attempt)
    if device is None or sent is None or sent.device_id != device.pk:
        raise CodeRejected(Reason.EXPIRED)
    # Any of the keys: they may be rotated between the text and its code.
    if sent.destination_key not in phones.number_keys(device.open_number()):
        raise CodeRejected(Reason.EXPIRED)
    _spend_sent(sent, code, now=now)
    return Redeemed(user=user, kind=given.kind, device=device)


def _mailbox(user: User, given: Try, now: datetime) -> Redeemed:
    """Accept the code of the latest mail.

    It proves the mailbox of the person, not one sign-in: who begins anew while the mail is on its
    way can use it, and need not wait for another.
    """
    code = typed.six_digits(given.code)
    sent = live_code(user, purpose=given.purpose)
    if sent is None or sent.destination_key not in mailbox_keys(user.email):
        raise CodeRejected(Reason.EXPIRED)
    _spend_sent(sent, code, now=now)
    return Redeemed(user=user, kind=given.kind)


def mailbox_keys(email: str) -> list[str]:
    return [mac.hex() for mac in keys.macs("twofactor.mailbox", email)]


def live_code(user: User, *, purpose: str, attempt: str | None = None) -> SentCode | None:
    """Return the one sent code that may count: the latest that can have arrived."""
    sent = SentCode.objects.filter(user=user, purpose=purpose)
    if attempt is not None:
        sent = sent.filter(attempt=attempt)
    return sent.exclude(state__in=NEVER_ARRIVED).order_by("-created_at", "-pk").first()


def _spend_sent(sent: SentCode, code: str, *, now: datetime) -> None:
    if now >= sent.expires_at or not sent.checks_left:
        raise CodeRejected(Reason.EXPIRED)
    if not keys.is_mac(bytes(sent.code_hash), "twofactor.sent", sent.uid, code):
        SentCode.objects.filter(pk=sent.pk).update(checks_left=F("checks_left") - 1)
        raise CodeRejected(Reason.WRONG)
    if sent.used_at is not None:
        raise CodeRejected(Reason.REUSED)
    sent.used_at = now
    sent.save(update_fields=["used_at"])


def _backup(user: User, given: Try, now: datetime) -> Redeemed:
    code: BackupCode | None = backup_codes.matching(user, backup_codes.normalised(given.code))
    if code is None:
        raise CodeRejected(Reason.WRONG)
    if code.used_at is not None:
        raise CodeRejected(Reason.REUSED)
    left = backup_codes.spend(user, code, now=now)
    return Redeemed(user=user, kind=given.kind, codes_left=left)


EVALUATORS: dict[Kind, Callable[[User, Try, datetime], Redeemed]] = {
    Kind.APP: _app,
    Kind.NEW_APP: _new_app,
    Kind.TEXT: _text,
    Kind.NEW_TEXT: _new_text,
    Kind.MAILBOX: _mailbox,
    Kind.BACKUP: _backup,
}
