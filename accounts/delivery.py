"""Sending the mails owed.

Workers claim rows for a short lease, send a batch over one connection and mark each row as soon as
it is sent: whatever is killed in between is repeated at most once.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from accounts import letters, locking, mail, undelivered
from accounts.mail import Kind
from accounts.models import Account, Membership, Notice, User
from accounts.records import NoticeState

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A batch stops half-way through its lease: the mail under way may take long on a slow server.
BATCH_SECONDS = LEASE.total_seconds() / 2
REFUSED_US = (SMTPAuthenticationError, SMTPConnectError, SMTPHeloError, SMTPSenderRefused)
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
ROLE = ("user", "account", "role")
Roles = Mapping[tuple[int | None, int | None], str]
GIVES_UP_AFTER = timedelta(days=3)


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to ``limit`` mails that are due; return how many rows were taken in hand."""
    claimed = _claim(now=now, limit=limit)
    if not claimed:
        return 0
    outgoing, roles = _Outgoing(), _roles(claimed)
    stop_at = time.monotonic() + BATCH_SECONDS
    try:
        for place, notice in enumerate(claimed):
            if time.monotonic() >= stop_at:
                _give_back(claimed[place:], now=now)
                break
            _send_one(notice, outgoing, roles, now=now)
    finally:
        outgoing.close()
    return len(claimed)


def _give_back(notices: Sequence[Notice], *, now: datetime) -> None:
    """Let others take what could not be sent within the lease, before it runs out under us."""
    unsent = Notice.objects.filter(pk__in=[notice.pk for notice in notices])
    unsent.filter(state=NoticeState.OWED).update(due_at=now)


@transaction.atomic
def _claim(*, now: datetime, limit: int) -> list[Notice]:
    """Take due rows for the length of a lease; who dies with them gives them back."""
    due = Notice.objects.filter(state=NoticeState.OWED, due_at__lte=now)
    rows = list(due.select_for_update(skip_locked=True).order_by("due_at", "pk")[:limit])
    Notice.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LEASE)
    return rows


def _roles(notices: Sequence[Notice]) -> Roles:
    """Return what the readers of ``notices`` are by now in the accounts that these are about.

    Asked once for a batch, which takes a minute at most.
    """
    about = [notice for notice in notices if notice.user_id and notice.account_id]
    members = Membership.objects.active().filter(
        user__in={notice.user_id for notice in about},
        account__in={notice.account_id for notice in about},
    )
    return {(user, account): role for user, account, role in members.values_list(*ROLE)}


class _Outgoing:
    """One connection for a batch; a broken one is replaced for the next mail."""

    def __init__(self) -> None:
        self.connection: BaseEmailBackend | None = None

    def send(self, message: EmailMultiAlternatives) -> None:
        if self.connection is None:
            connection: BaseEmailBackend = get_connection(fail_silently=False)
            connection.open()
            self.connection = connection
        message.connection = self.connection
        message.send()

    def close(self) -> None:
        if self.connection is not None:
            try:
                self.connection.close()
            except (OSError, SMTPException):
                logger.info("The mail connection was already gone.")
            self.connection = None


def _send_one(notice: Notice, outgoing: _Outgoing, roles: Roles, *, now: datetime) -> None:
    kind = mail.kind_of(notice)
    if kind is None:
        _settle(notice, NoticeState.DROPPED)
        return
    try:
        if _is_stale(notice, kind, roles, now=now):
            _settle(notice, NoticeState.DROPPED)
            return
        kind = mail.fit(notice, kind, now=now)
        outgoing.send(letters.build(notice, kind, now=now))
    except User.DoesNotExist:
        _settle(notice, NoticeState.DROPPED)  # deleted since the row was claimed, as the row was
    except Exception as error:  # noqa: BLE001 - one bad row must stop nobody else's mail
        outgoing.close()
        _note_trouble(notice, kind, error, now=now)
    else:
        _settle(notice, NoticeState.SENT, sent_at=now)
        _note_success(notice)


def _note_success(notice: Notice) -> None:
    """An address that takes mails again is no longer shown as one that does not."""
    person = notice.user
    if person is not None and person.mail_failed_at is not None:
        people = User.objects.filter(pk=person.pk, email=notice.recipient)
        people.update(mail_failed_at=None)


def _is_stale(notice: Notice, kind: Kind, roles: Roles, *, now: datetime) -> bool:
    if notice.drop_at is not None and now >= notice.drop_at:
        return True
    if not _may_read(notice, kind, roles):
        return True
    return kind.still_owed is not None and not kind.still_owed(notice, now)


def _may_read(notice: Notice, kind: Kind, roles: Roles) -> bool:
    """Whether the reader is one of those whom ``kind`` is for, and not removed or demoted since."""
    if kind.to.value is None or notice.account_id is None:
        return True
    return roles.get((notice.user_id, notice.account_id)) in kind.to.value


def _settle(notice: Notice, state: NoticeState, **values: Any) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, error="", **values)


def _note_trouble(notice: Notice, kind: Kind, error: Exception, *, now: datetime) -> None:
    """Try again later, or give up and tell the owners."""
    # The text of an exception may quote the mail; its type and code say enough.
    told = f"{type(error).__name__} {_code(error) or ''}".strip()
    logger.warning("Mail %s (%s) was not sent: %s", notice.pk, notice.kind, told)
    is_permanent = _is_permanent(error)
    if not is_permanent and now - _owed_since(notice) < GIVES_UP_AFTER:
        due_at = now + WAITS[min(notice.tries, len(WAITS) - 1)]
        Notice.objects.filter(pk=notice.pk).update(
            tries=notice.tries + 1, due_at=due_at, error=told
        )
        return
    _give_up(notice, kind, told, is_permanent=is_permanent, now=now)


def _owed_since(notice: Notice) -> datetime:
    """A mail that an owner sends again has its days of patience anew."""
    again = notice.context.get(mail.SENT_AGAIN_AT)
    return datetime.fromisoformat(again) if again else notice.created_at


@transaction.atomic
def _give_up(notice: Notice, kind: Kind, told: str, *, is_permanent: bool, now: datetime) -> None:
    """Mark the mail as failed; the address is marked only where it was the reason."""
    if notice.user_id:
        locking.hold(User.objects.filter(pk=notice.user_id))
    Notice.objects.filter(pk=notice.pk).update(
        state=NoticeState.FAILED, tries=notice.tries + 1, error=told
    )
    if notice.user_id and is_permanent:
        # Not of an address that the person has left since: theirs of now may well work.
        people = User.objects.filter(pk=notice.user_id, email=notice.recipient)
        people.update(mail_failed_at=now)
    if notice.account_id and kind.name != "mail_trouble":
        failed = undelivered.failed(notice.account_id, now=now)
        if failed.filter(pk=notice.pk).exists():
            owe_mail_trouble(notice.account_id, now=now)


@transaction.atomic
def owe_mail_trouble(account_id: int, *, now: datetime) -> None:
    """Tell the owners, at most once a day, that mails of their account do not arrive."""
    account = Account.objects.filter(pk=account_id).first()
    if account is not None:
        context = {"addresses": _failing(account_id, now=now)}
        mail.owe_owners("mail_trouble", account=account, context=context, now=now)


def _failing(account_id: int, *, now: datetime) -> list[str]:
    failed = undelivered.failed(account_id, now=now)
    return sorted(set(failed.order_by("-pk").values_list("recipient", flat=True)[:20]))


def _code(error: Exception) -> int | None:
    if isinstance(error, SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=None)
    return error.smtp_code if isinstance(error, SMTPResponseException) else None


def _is_permanent(error: Exception) -> bool:
    """RFC 5321 section 4.2.1: 5yz is final. An address that can't be put in a header is, too.

    Not where the server refuses us, not the recipient: no mail would be at fault for that.
    """
    if isinstance(error, REFUSED_US):
        return False
    if isinstance(error, SMTPRecipientsRefused | SMTPResponseException):
        return (_code(error) or 0) // 100 == 5
    return isinstance(error, ValueError)
