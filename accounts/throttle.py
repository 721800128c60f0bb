"""The budgets of failures that are counted by where they come from: an address, or a browser.

An address that people got in from within a day earns room: in an office of three hundred behind
one address, somebody always mistypes. No password is counted against its person, so nobody without
it can lock anyone out. Rows hold all of it: no cache and no broker is asked.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import locks
from accounts.client import bucket_of
from accounts.models import AddressFailure, GotIn

WINDOW = timedelta(minutes=5)
ALLOWED = 10
ALLOWED_PER_PERSON = 5
REMEMBERED = timedelta(hours=24)
# A place whose try has not come to its end by then, because its process died, is a failure.
OPEN_FOR = timedelta(seconds=10)
SOON = timedelta(seconds=1)
RESETS, RESETS_ALLOWED = "reset ", 100
WAYS, WAYS_ALLOWED = "sso way ", 100
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # seconds in which a hash is computed


class TooMany(Exception):
    """Too many failed tries; nothing was evaluated.

    ``ends_by_reset``: a password reset lifts it, so that nobody need wait for ``retry_at``.
    """

    def __init__(self, retry_at: datetime, *, ends_by_reset: bool = False) -> None:
        super().__init__("Too many failed tries.")
        self.retry_at = retry_at
        self.ends_by_reset = ends_by_reset


class Busy(TooMany):
    """The rest of the budget is taken by tries that are being evaluated at this moment."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What failures are counted by; ``address`` names whose people earn it room."""

    name: str
    address: str = ""
    allowed: int = ALLOWED


def of_address(address: str) -> Bucket:
    """Return where wrong passwords and codes from ``address`` count, over all people."""
    bucket = bucket_of(address)
    return Bucket(bucket, bucket)


def of_links(address: str) -> Bucket:
    """Return where links that were never mailed count; an old link costs no password a try."""
    bucket = bucket_of(address)
    return Bucket(f"link {bucket}", bucket)


def of_resets(address: str) -> Bucket:
    """Return where the reset mails count that somebody at ``address`` has sent to others.

    They are no failures: a whole office may be told to choose new passwords.
    """
    bucket = bucket_of(address)
    return Bucket(f"{RESETS}{bucket}", bucket, allowed=RESETS_ALLOWED)


def of_answers(address: str) -> Bucket:
    """Return where the answers of identity providers count that let nobody in."""
    bucket = bucket_of(address)
    return Bucket(f"sso {bucket}", bucket)


def of_ways(address: str) -> Bucket:
    """Return where the ways to an identity provider count that were begun; no failures, either."""
    bucket = bucket_of(address)
    return Bucket(f"{WAYS}{bucket}", bucket, allowed=WAYS_ALLOWED)


def people_seen(address: str, *, now: datetime) -> int:
    """Return how many different people got in from ``address`` within 24 hours."""
    return GotIn.objects.filter(address=bucket_of(address), at__gt=now - REMEMBERED).count()


def check(bucket: Bucket, *, now: datetime) -> None:
    """Let a try go on.

    :raises TooMany: when the budget of failures in five minutes is spent.
    """
    tries = AddressFailure.objects.filter(address=bucket.name, at__gt=now - WINDOW)
    spent = tries.count()
    if spent < bucket.allowed:
        return
    people = people_seen(bucket.address, now=now) if bucket.address else 0
    allowed = bucket.allowed + ALLOWED_PER_PERSON * people
    if spent >= allowed:
        raise _refusal(tries, allowed, now=now)


def _refusal(tries: QuerySet[AddressFailure], allowed: int, *, now: datetime) -> TooMany:
    failed = tries.exclude(is_open=True, at__gt=now - OPEN_FOR).order_by("-at")
    # A place falls free when the failure that is ``allowed`` places back has aged out.
    blocking = failed[allowed - 1 : allowed].first()
    return TooMany(blocking.at + WINDOW) if blocking else Busy(now + SOON)


def hold(bucket: Bucket, *, now: datetime) -> None:
    """Check, and let no other try count there before the transaction under way has ended.

    :raises TooMany: as ``check``.
    """
    locks.hold("throttle", bucket.name)
    check(bucket, now=now)


def note_failure(bucket: Bucket, *, now: datetime) -> None:
    AddressFailure.objects.create(address=bucket.name, at=now)


class Place:
    """One try that is counted before it is evaluated, so that parallel ones can't overshoot."""

    def __init__(self, row: AddressFailure) -> None:
        self.row = row
        self.is_kept = False

    def keep(self) -> None:
        """The try failed: its place stays taken."""
        self.is_kept = True
        AddressFailure.objects.filter(pk=self.row.pk).update(is_open=False)


@contextmanager
def place(bucket: Bucket, *, now: datetime) -> Iterator[Place]:
    """Take a place of ``bucket`` for as long as the block runs; it is given back unless kept.

    For what takes long to evaluate, such as a password: no lock is held meanwhile. Who finds the
    last places in use waits a little: most tries of an office are right.

    :raises TooMany: as ``check``; nothing may be evaluated then.
    """
    taken = _take_patiently(bucket, now=now)
    try:
        yield taken
    finally:
        if not taken.is_kept:
            AddressFailure.objects.filter(pk=taken.row.pk).delete()


def _take_patiently(bucket: Bucket, *, now: datetime) -> Place:
    for pause in PAUSES:
        try:
            return _take(bucket, now=now)
        except Busy:
            time.sleep(pause)
    return _take(bucket, now=now)


@transaction.atomic
def _take(bucket: Bucket, *, now: datetime) -> Place:
    hold(bucket, now=now)
    return Place(AddressFailure.objects.create(address=bucket.name, at=now, is_open=True))


def failed_tries(*, now: datetime) -> int:
    """Return how many passwords, codes, links and SSO answers were wrong within five minutes."""
    tries = AddressFailure.objects.filter(at__gt=now - WINDOW, is_open=False)
    harmless = Q(address__startswith=RESETS) | Q(address__startswith=WAYS)
    return tries.exclude(harmless).count()


def note_entry(address: str, user_id: int, *, now: datetime) -> None:
    """Remember who got in from ``address``: one row each, in one statement, so none errs by it."""
    GotIn.objects.bulk_create(
        [GotIn(address=bucket_of(address), user_id=user_id, at=now)],
        update_conflicts=True,
        unique_fields=["address", "user_id"],
        update_fields=["at"],
    )


def forget_old(*, now: datetime) -> None:
    """Housekeeping: drop what no limit looks at any more."""
    AddressFailure.objects.filter(at__lte=now - WINDOW).delete()
    GotIn.objects.filter(at__lte=now - REMEMBERED).delete()
