"""Invite, revoke, find. Joining is decided one app higher, where the requirement is known."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, keys, letters, mail
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import INVITATION_LIFE, Account, Invitation, Membership, User

DAY = timedelta(hours=24)
A_DAY, A_DAY_PER_MEMBER = 100, 5


class NotInvitable(Exception):
    """The invitation can't be made; the text says why."""


class InvitationsUsedUp(NotInvitable):
    """The account has sent its invitations of a day; more may go out at ``retry_at``."""

    def __init__(self, allowed: int, retry_at: datetime) -> None:
        told = _(
            "This account has sent all %(allowed)d invitations of a day. Those are good; the next"
            " can be sent when one of them is a day old."
        )
        super().__init__(told % {"allowed": allowed})
        self.retry_at = retry_at


def _token(invitation: Invitation) -> str:
    """256 bits, derived from the row under a server key: the row alone opens nothing.

    The newest key makes the token of a new row; a stored hash tells which key made an older one.
    """
    made = [_written(mac) for mac in keys.macs("invitation", invitation.nonce, invitation.email)]
    fitting = [token for token in made if hash_token(token) == invitation.token_hash]
    return (fitting or made)[0]


def _written(mac: bytes) -> str:
    return urlsafe_b64encode(mac).decode().rstrip("=")


def hash_token(token: str) -> str:
    """Return how a token is stored; plain SHA-256 does, as it holds 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(*, account: Account, email: str, role: str, actor: User, now: datetime) -> Invitation:
    """Invite ``email``; an open invitation to it is replaced, and its link is dead.

    :raises NotInvitable: for a member, and where the invitations of a day are used up.
    """
    email = canonical_email(email)
    Account.objects.locked(account.pk)
    if Membership.objects.filter(account=account, user__email=email).exists():
        raise NotInvitable(_("This person is already a member."))
    _check_limit(account, now=now)
    Invitation.objects.open().filter(account=account, email=email).update(revoked_at=now)
    invitation = Invitation(
        account=account,
        email=email,
        role=role,
        invited_by=actor,
        nonce=secrets.token_urlsafe(32),
        created_at=now,
        expires_at=now + INVITATION_LIFE,
    )
    invitation.token_hash = hash_token(_token(invitation))
    invitation.save()
    _owe_mail(invitation, actor, now=now)
    audit.record(
        Event.INVITED,
        actor=actor,
        account=account,
        after={"role": role, "person": keys.pseudonym(email)},
        now=now,
    )
    return invitation


def _check_limit(account: Account, *, now: datetime) -> None:
    """Mails in our name to anybody: a taken-over account must not send them without end."""
    sent = Invitation.objects.filter(account=account, created_at__gt=now - DAY)
    members = Membership.objects.active().filter(account=account).count()
    allowed = A_DAY + A_DAY_PER_MEMBER * members
    blocking = sent.order_by("-created_at")[allowed - 1 : allowed].first()
    if blocking is not None:
        raise InvitationsUsedUp(allowed, blocking.created_at + DAY)


def _owe_mail(invitation: Invitation, actor: User, *, now: datetime) -> None:
    # A person who has a sign-in is written to in the person's language and time zone.
    known = User.objects.filter(email=invitation.email, is_active=True).first()
    mail.owe(
        "invitation",
        to=known or invitation.email,
        occasion=f"invitation:{invitation.pk}",
        account=invitation.account,
        context={
            "account": invitation.account.name,
            "slug": invitation.account.slug,
            "inviter": actor.get_full_name(),
            "invitation": invitation.pk,
            "expires": invitation.expires_at.isoformat(),
            "language": actor.language,  # of a reader who has no sign-in, and so no choice, yet
        },
        now=now,
    )


@transaction.atomic
def revoke(*, invitation: Invitation, actor: User, now: datetime) -> None:
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=now):
        audit.record(
            Event.INVITATION_REVOKED,
            actor=actor,
            account=invitation.account,
            before={"person": keys.pseudonym(invitation.email)},
            now=now,
        )


def find(token: str) -> Invitation | None:
    """Return the invitation of a link, whatever its state; None for a link that never was."""
    return (
        Invitation.objects.select_related("account", "invited_by")
        .filter(token_hash=hash_token(token))
        .first()
    )


def link_of(pk: int) -> str:
    """Return the full link of an invitation, for its mail."""
    invitation = Invitation.objects.get(pk=pk)
    return letters.absolute(reverse("invitation", args=[_token(invitation)]))


def is_open(pk: int, *, now: datetime) -> bool:
    return Invitation.objects.usable(now=now).filter(pk=pk).exists()


def is_vouched_for(invitation: Invitation) -> bool:
    """Whether the inviter may still invite so; an invitation stands and falls with its sender."""
    return Invitation.objects.vouched().filter(pk=invitation.pk).exists()
