"""The budget of wrong passwords and codes per client address, shared by every door.

An address that people got in from within a day earns room: in an office of three hundred behind
one address, somebody always mistypes. Nothing here counts per person, so nobody without the
password can lock anyone out.
"""

from datetime import datetime, timedelta

from accounts.client import bucket_of
from accounts.models import AddressFailure, GotIn

WINDOW = timedelta(minutes=5)
ALLOWED = 10
ALLOWED_PER_PERSON = 5
REMEMBERED = timedelta(hours=24)


class TooMany(Exception):
    """Too many failed tries; nothing was evaluated."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__("Too many failed tries.")
        self.retry_at = retry_at


def people_seen(address: str, *, now: datetime) -> int:
    """Return how many different people got in from ``address`` within 24 hours."""
    return GotIn.objects.filter(address=bucket_of(address), at__gt=now - REMEMBERED).count()


def check_address(address: str, *, now: datetime) -> None:
    """Let a try from ``address`` go on.

    :raises TooMany: when its budget of failures in five minutes is spent.
    """
    failures = AddressFailure.objects.filter(address=bucket_of(address), at__gt=now - WINDOW)
    spent = failures.count()
    if spent < ALLOWED:
        return
    allowed = ALLOWED + ALLOWED_PER_PERSON * people_seen(address, now=now)
    if spent >= allowed:
        # A place falls free when the failure that is ``allowed`` places back has aged out.
        blocking = failures.order_by("-at")[allowed - 1]
        raise TooMany(blocking.at + WINDOW)


def note_failure(address: str, *, now: datetime) -> None:
    AddressFailure.objects.create(address=bucket_of(address), at=now)


def note_entry(address: str, user_id: int, *, now: datetime) -> None:
    GotIn.objects.update_or_create(
        address=bucket_of(address), user_id=user_id, defaults={"at": now}
    )


def forget_old(*, now: datetime) -> None:
    """Housekeeping: drop what no limit looks at any more."""
    AddressFailure.objects.filter(at__lte=now - WINDOW).delete()
    GotIn.objects.filter(at__lte=now - REMEMBERED).delete()
