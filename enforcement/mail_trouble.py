"""Mails of an account that did not arrive: shown by member, and sent again on an owner's click."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, mail, undelivered
from accounts.audit import Event
from accounts.audit_words import words_of
from accounts.models import Account, Notice, User

SHOWN = 100


class NotFailed(Exception):
    """The mail is under way again already, or was no longer needed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One mail that did not arrive."""

    pk: int
    recipient: str
    what: str
    error: str
    tries: int
    created_at: datetime


def of(account: Account, *, now: datetime) -> list[Failed]:
    """Return the mails that failed, the newest first, to its members and invitees of now."""
    found = undelivered.failed(account.pk, now=now).order_by("-pk")[:SHOWN]
    return [
        Failed(one.pk, one.recipient, words_of(one.kind), one.error, one.tries, one.created_at)
        for one in found
    ]


@transaction.atomic
def send_again(*, account: Account, pk: int, actor: User, now: datetime) -> Notice:
    """Owe a mail of ``account`` once more, from now.

    :raises accounts.models.Notice.DoesNotExist: for a mail that the page does not show to owners.
    :raises NotFailed: if it has not failed, or has been sent again already.
    """
    found = undelivered.concerning(account.pk, now=now).select_for_update().get(pk=pk)
    if found.state != Notice.State.FAILED:
        raise NotFailed(_("This mail is on its way, or was sent, already."))
    found.state, found.due_at, found.tries, found.error = Notice.State.OWED, now, 0, ""
    found.context[mail.SENT_AGAIN_AT] = now.isoformat()
    found.save(update_fields=["state", "due_at", "tries", "error", "context"])
    audit.record(
        Event.MAIL_SENT_AGAIN,
        actor=actor,
        subject=found.user,
        account=account,
        after={"mail": found.kind},
        now=now,
    )
    transaction.on_commit(mail.wake, robust=True)
    return found
