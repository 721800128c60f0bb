"""The audit trail: one row per security event, chained by hash, never changed.

``record`` is called inside the transaction of the change, as its last write: it locks the head
of the chain until the commit, so that rows are numbered without gaps. People stand in a row as
id and keyed pseudonym; deleting a sign-in leaves the chain whole. Retention alone removes rows: a
whole prefix, leaving a checkpoint.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from accounts import current, keys
from accounts.models import Account, AuditEvent, AuditHead, User


class Event(StrEnum):
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_FAILED = "sign_in_failed"
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    REAUTHENTICATED = "reauthenticated"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET_ASKED = "password_reset_asked"
    PASSWORD_RESET = "password_reset"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    PROFILE_CHANGED = "profile_changed"
    PERSON_ADDED = "person_added"
    PERSON_DELETED = "person_deleted"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    INVITED = "invited"
    INVITATION_REVOKED = "invitation_revoked"
    JOINED = "joined"
    LEFT = "left"
    MEMBERSHIP_MOVED = "membership_moved"
    MEMBER_REMOVED = "member_removed"
    ROLE_CHANGED = "role_changed"
    CODE_ACCEPTED = "code_accepted"
    CODE_REJECTED = "code_rejected"
    CODE_REUSED = "code_reused"
    CODES_THROTTLED = "codes_throttled"
    TEXT_SENT = "text_sent"
    TEXT_REFUSED = "text_refused"
    MAILBOX_PROVED = "mailbox_proved"
    DEVICE_CONFIRMED = "device_confirmed"
    DEVICE_REMOVED = "device_removed"
    BACKUP_CODES_MADE = "backup_codes_made"
    BACKUP_CODE_USED = "backup_code_used"
    TWO_FACTOR_RESET = "two_factor_reset"
    POLICY_ON = "policy_on"
    POLICY_OFF = "policy_off"
    DEADLINE_PASSED = "deadline_passed"
    PASS_ASKED = "pass_asked"
    PASS_GRANTED = "pass_granted"
    PASS_REVOKED = "pass_revoked"
    PASS_ENDED = "pass_ended"
    PASS_REFUSED = "pass_refused"
    NOT_ME = "not_me"
    KEYS_ROTATED = "keys_rotated"
    AUDIT_REMOVED = "audit_removed"
    PERSON_DEACTIVATED = "person_deactivated"
    PERSON_REACTIVATED = "person_reactivated"
    STAFF_CHANGED = "staff_changed"
    PASSWORD_STOPPED = "password_stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one row says, before it has its place in the chain."""

    event: Event
    actor: User | None = None
    subject: User | None = None
    account: Account | None = None
    before: Any = None
    after: Any = None


def record(
    event: Event,
    *,
    now: datetime,
    actor: User | None = None,
    subject: User | None = None,
    account: Account | None = None,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one row about ``event``."""
    entry = Entry(
        event=event, actor=actor, subject=subject, account=account, before=before, after=after
    )
    record_many([entry], now=now)


@transaction.atomic
def record_many(entries: Iterable[Entry], *, now: datetime) -> None:
    """Write rows for many people at once, in one statement."""
    head, _ = AuditHead.objects.select_for_update().get_or_create(pk=1)
    rows = []
    for entry in entries:
        row = _row(entry, now=now)
        row.number, row.previous = head.count + 1, head.hash
        row.hash = digest(row)
        head.count, head.hash = row.number, row.hash
        rows.append(row)
    AuditEvent.objects.bulk_create(rows, batch_size=500)
    head.save()


def _row(entry: Entry, *, now: datetime) -> AuditEvent:
    here = current.get()
    return AuditEvent(
        at=now,
        event=entry.event,
        actor_id=entry.actor.pk if entry.actor else None,
        actor=keys.pseudonym(entry.actor.email) if entry.actor else "",
        subject_id=entry.subject.pk if entry.subject else None,
        subject=keys.pseudonym(entry.subject.email) if entry.subject else "",
        account_id=entry.account.pk if entry.account else None,
        before=_plain(entry.before),
        after=_plain(entry.after),
        address=here.address,
        request_id=here.request_id,
    )


def _plain(value: Any) -> Any:
    """Return ``value`` as the database will give it back, so that its hash stays the same.

    A fraction is kept as text: PostgreSQL gives -0.0 and 1e16 back as other numbers.
    """
    return json.loads(json.dumps(value, default=str), parse_float=str)


HASHED = (
    "number",
    "event",
    "actor_id",
    "actor",
    "subject_id",
    "subject",
    "account_id",
    "before",
    "after",
    "address",
    "request_id",
    "previous",
)


def digest(row: AuditEvent) -> str:
    """Return the hash of ``row``, which covers the hash of the row before."""
    values = {name: getattr(row, name) for name in HASHED}
    values["at"] = row.at.astimezone(UTC).isoformat()
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def first_bad_row() -> int | None:
    """Return the number of the first row that breaks the chain; None when it is whole.

    The chain goes on from retention's checkpoint. One that was cut at its end shows at the number
    after its last row.
    """
    head = AuditHead.objects.filter(pk=1).first() or AuditHead()
    previous, number = head.removed_hash, head.removed
    for row in AuditEvent.objects.order_by("number").iterator():
        number += 1
        if row.number != number or row.previous != previous or row.hash != digest(row):
            return number
        previous = row.hash
    return None if (head.count, head.hash) == (number, previous) else number + 1


@transaction.atomic
def remove_older(*, than: datetime, now: datetime) -> int:
    """Remove the rows from before ``than`` as one prefix; return how many there were.

    What stands at the head afterwards is the checkpoint, and a row that tells of it.
    """
    head, _ = AuditHead.objects.select_for_update().get_or_create(pk=1)
    kept = AuditEvent.objects.filter(at__gte=than).order_by("number").first()
    prefix = AuditEvent.objects.order_by("number")
    if kept is not None:
        prefix = prefix.filter(number__lt=kept.number)
    last = prefix.last()
    if last is None:
        return 0
    count, _ = AuditEvent.objects.filter(number__lte=last.number).delete()
    head.removed, head.removed_hash = last.number, last.hash
    head.save()
    record(Event.AUDIT_REMOVED, after={"up_to": last.number}, now=now)
    return count
