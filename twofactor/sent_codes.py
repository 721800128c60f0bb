"""Rows of codes that are sent out, by text or by mail; evaluated by ``redeem`` alone."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts import keys
from accounts.models import User, random_value
from twofactor.models import SentCode, SentPurpose, SentState, SMSDevice
from twofactor.typed import CODE_DIGITS

LIFE = {
    SentCode.Purpose.MAILBOX: timedelta(minutes=10),
    SentCode.Purpose.SIGN_IN: timedelta(minutes=5),
    SentCode.Purpose.SET_UP: timedelta(minutes=5),
    SentCode.Purpose.REAUTHENTICATE: timedelta(minutes=5),
}
WAITS = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120))
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
PER_HOUR, PER_DAY = 5, 10


def new(
    user: User,
    *,
    purpose: SentPurpose,
    attempt: str,
    destination_key: str,
    address: str,
    now: datetime,
    device: SMSDevice | None = None,
) -> SentCode:
    """Return the row of a fresh code, not saved yet; ``code_of`` tells the code."""
    sent = SentCode(
        user=user,
        device=device,
        purpose=purpose,
        attempt=attempt,
        nonce=random_value(),
        created_at=now,
        expires_at=now + LIFE[purpose],
        destination_key=destination_key,
        address=address,
    )
    code = _digits(keys.mac("twofactor.code", *_parts(sent)))
    sent.code_hash = keys.mac("twofactor.sent", sent.uid, code)
    return sent


def _parts(sent: SentCode) -> tuple[object, ...]:
    return sent.purpose, sent.uid, sent.nonce, sent.destination_key


def code_of(sent: SentCode) -> str:
    """Return the code of ``sent``, for the one text or mail that delivers it.

    It is derived anew each time. Keys may have been rotated since the row was written: the hash
    tells under which of them.
    """
    for made in keys.macs("twofactor.code", *_parts(sent)):
        code = _digits(made)
        if keys.is_mac(bytes(sent.code_hash), "twofactor.sent", sent.uid, code):
            return code
    raise LookupError("The key of a sent code is gone.")


def _digits(made: bytes) -> str:
    """Six digits out of 256 bits: too many for the remainder to favour any."""
    return f"{int.from_bytes(made, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def next_at(sent: QuerySet[SentCode], *, now: datetime) -> datetime | None:
    """Return when the next code may be sent after those of ``sent``; None means at once.

    What failed by our fault is not there for the person. What may have failed makes the person
    wait for it, but takes nothing of the hour and the day.
    """
    rows = list(
        sent.exclude(state=SentState.OURS)
        .filter(created_at__gt=now - DAY)
        .order_by("-created_at")
        .values_list("created_at", "state")
    )
    in_hour = [at for at, _ in rows if at > now - HOUR]
    counted = [at for at, state in rows if state != SentState.UNCERTAIN]
    free = [now]
    if in_hour:
        free.append(in_hour[0] + WAITS[min(len(in_hour), len(WAITS)) - 1])
    if len(counted) >= PER_HOUR:
        free.append(counted[PER_HOUR - 1] + HOUR)
    if len(counted) >= PER_DAY:
        free.append(counted[PER_DAY - 1] + DAY)
    latest = max(free)
    return latest if latest > now else None


def forget_old(*, now: datetime) -> None:
    """Housekeeping: drop what neither a limit nor a late callback looks at any more."""
    SentCode.objects.filter(created_at__lte=now - 2 * DAY).delete()
