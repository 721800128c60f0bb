"""Mails of an account that did not arrive: which of them still concern its people of now.

Asked by ``accounts.delivery``, which tells the owners, and by the page that shows them.
"""

from datetime import datetime

from django.db.models import Q, QuerySet

from accounts import mail
from accounts.models import Invitation, Membership, Notice
from accounts.records import NoticeState

INVITATION = "invitation"


def concerning(account_id: int, *, now: datetime) -> QuerySet[Notice]:
    """Return the mails that its owners may know of, to its members and invitees of now.

    Whatever became of them; none that would come too late by now.
    """
    private = [kind.name for kind in mail.registered() if kind.is_private]
    in_time = Q(drop_at=None) | Q(drop_at__gt=now)
    members = Membership.objects.active().filter(account=account_id)
    to_members = Q(user__in=members.values("user")) & ~Q(kind=INVITATION)
    # Whom such a mail invites is no member yet; once it is accepted or revoked, nobody needs it.
    waiting = Invitation.objects.open().filter(account=account_id, expires_at__gt=now)
    keys = list(waiting.values_list("pk", flat=True))
    to_invitees = Q(kind=INVITATION, context__invitation__in=keys)
    found = Notice.objects.filter(in_time, to_members | to_invitees, account_id=account_id)
    return found.exclude(kind__in=private)


def failed(account_id: int, *, now: datetime) -> QuerySet[Notice]:
    return concerning(account_id, now=now).filter(state=NoticeState.FAILED)
