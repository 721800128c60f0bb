"""The audit trail: one row per security event, written with its change, never changed.

``record`` is called inside the transaction of the change and locks nothing; the row is sealed
into the chain right after the commit (``seals``). People stand in a row as id and keyed
pseudonym; deleting a sign-in leaves the chain whole. Retention alone removes rows: a whole
prefix, leaving a checkpoint.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from accounts import append_only, audit_check, current, keys, seals
from accounts.emails import canonical_email
from accounts.models import Account, AuditEvent, AuditSeal, User

ADDRESS = re.compile(r"""[^\s@"'<>(),;:]{1,64}@[^\s@"'<>(),;:]{1,255}\.\w+""")


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
    SETUP_LINK_MADE = "setup_link_made"
    MAILBOX_PROVED = "mailbox_proved"
    DEVICE_CONFIRMED = "device_confirmed"
    DEVICE_REMOVED = "device_removed"
    BACKUP_CODES_MADE = "backup_codes_made"
    BACKUP_CODES_REMOVED = "backup_codes_removed"
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
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_DECLINED = "approval_declined"
    NOT_ME = "not_me"
    KEYS_ROTATED = "keys_rotated"
    AUDIT_REMOVED = "audit_removed"
    AUDIT_CARRIED_OVER = "audit_carried_over"
    AUDIT_EXPORTED = "audit_exported"
    PERSON_DEACTIVATED = "person_deactivated"
    PERSON_REACTIVATED = "person_reactivated"
    STAFF_CHANGED = "staff_changed"
    PASSWORD_STOPPED = "password_stopped"
    MEMBERS_REMINDED = "members_reminded"
    MEMBERS_EXPORTED = "members_exported"
    ADVICE_SENT = "advice_sent"
    MAIL_SENT_AGAIN = "mail_sent_again"
    PROVIDER_ADDED = "provider_added"
    PROVIDER_CHANGED = "provider_changed"
    PROVIDER_SECRET_ROTATED = "provider_secret_rotated"
    PROVIDER_OFF = "provider_off"
    PROVIDER_CUT_OFF = "provider_cut_off"
    PROVIDER_TESTED = "provider_tested"
    SSO_REFUSED = "sso_refused"
    SSO_LINKED = "sso_linked"
    SSO_UNLINKED = "sso_unlinked"


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
    rows = [_row(entry, now=now) for entry in entries]
    AuditEvent.objects.bulk_create(rows, batch_size=500)
    seals.seal_soon()


def _row(entry: Entry, *, now: datetime) -> AuditEvent:
    here = current.get()
    row = AuditEvent(
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
    seals.prove(row)
    return row


def _plain(value: Any) -> Any:
    """Return ``value`` as the database will give it back, so that its hash stays the same.

    A fraction is kept as text: PostgreSQL gives -0.0 and 1e16 back as other numbers.
    """
    return _nameless(json.loads(json.dumps(value, default=str), parse_float=str))


def _nameless(value: Any) -> Any:
    """Return ``value`` with a pseudonym for each address, which people type as part of a reason."""
    if isinstance(value, dict):
        return {name: _nameless(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_nameless(part) for part in value]
    if isinstance(value, str) and "@" in value:
        return ADDRESS.sub(lambda found: keys.pseudonym(canonical_email(found[0])), value)
    return value


def first_bad_row() -> int | None:
    """Return the number of the first row that breaks the chain; None when it is whole."""
    fault = audit_check.check().fault
    return fault.row if fault else None


@transaction.atomic
def remove_older(*, than: datetime, now: datetime) -> int:
    """Remove the rows from before ``than`` as one prefix of the chain; return how many.

    The last seal always stays, so that the chain goes on from it. A row tells up to where was
    removed, under a key: it is the checkpoint that the chain then begins at.
    """
    seals.lock()
    last = _last_older(than)
    if last is None:
        return 0
    count = append_only.forget(up_to=last.number)
    record(Event.AUDIT_REMOVED, after={"up_to": last.number, "hash": seals.link_to(last)}, now=now)
    return count


def _last_older(than: datetime) -> AuditSeal | None:
    """Return the last seal of the prefix whose rows all are from before ``than``."""
    last = None
    tail = AuditSeal.objects.order_by("number").last()
    for seal, row in audit_check.in_order():
        if row is None or row.at >= than or seal == tail:
            break
        last = seal
    return last
