"""Who may come in through an account's identity provider. Decides, and writes nothing.

Called by ``accounts.sso``, and by support's test of a provider, which tells who would come in.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import Event
from accounts.claims import Claims, Refused
from accounts.emails import LONGEST_EMAIL, canonical_email, domain_of
from accounts.models import AuditEvent, Identity, Invitation, Membership, Provider, User
from accounts.words import filled


class Entry(Enum):
    """How somebody comes in."""

    KNOWN = auto()  # by an identity of this provider
    NEW = auto()  # nobody has the address: a sign-in is made
    LINK = auto()  # a sign-in has it: its password, and its factor, are asked once


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who would come in by some claims, and what that would make."""

    entry: Entry
    user: User | None = None
    invitation: Invitation | None = None
    joins: bool = False  # becomes a member without an invitation


def admission(provider: Provider, claims: Claims, *, now: datetime) -> Admission:
    """Decide who comes in by ``claims``.

    :raises Refused: where nobody does. Nobody is looked up before the address is found to be
        verified and the account's own: until then known and unknown people are told the same.
    """
    check_live(provider)
    email = check_address(provider, claims)
    known = Identity.objects.filter(provider=provider, subject=claims.subject)
    identity = known.select_related("user").first()
    if identity is not None:
        return _of_known(provider, identity.user, now=now)
    user = User.objects.filter(email=email).first()
    if user is None:
        return _of_new(provider, email, now=now)
    return _of_other_sign_in(provider, user, now=now)


def check_live(provider: Provider) -> None:
    """:raises Refused: for a provider that was switched off or cut off."""
    if not provider.is_live:
        raise _is_over(provider)


def _is_over(provider: Provider) -> Refused:
    text = _("%(provider)s no longer signs anybody in here. Sign in with your password.")
    return Refused("provider_off", filled(text, provider=provider.name))


def still_live(provider: Provider) -> Provider:
    """Return ``provider`` as it is by now: to ask it takes time, in which it may be ended.

    :raises Refused: if it was, or is gone altogether.
    """
    found = Provider.objects.select_related("account").filter(pk=provider.pk).first()
    if found is None:
        raise _is_over(provider)
    check_live(found)
    return found


def check_address(provider: Provider, claims: Claims) -> str:
    """Return the address as it is stored: verified, and of the account's domains.

    :raises Refused: for any other.
    """
    names = {"provider": provider.name, "account": provider.account.name}
    if claims.email_verified is not True or not _is_address(claims.email):
        text = _(
            "%(provider)s does not vouch for your email address: it must say that the address is"
            " verified. Ask whoever looks after it in your company."
        )
        raise Refused("email_unverified", filled(text, **names))
    email = canonical_email(claims.email)
    if domain_of(email) not in provider.account.email_domains:
        text = _("The address that %(provider)s has of you is no work address of %(account)s.")
        raise Refused("email_outside", filled(text, **names))
    return email


def _is_address(text: str) -> bool:
    stored = canonical_email(text)  # which can be longer
    try:
        validate_email(stored)
    except ValidationError:
        return False
    return len(stored) <= LONGEST_EMAIL


def _of_known(provider: Provider, user: User, *, now: datetime) -> Admission:
    """A person who left the account is no new one: ``allow_creation`` brings nobody back."""
    if not user.is_active:
        raise _not_invited(provider, "deactivated")
    if _is_member(provider, user):
        return Admission(entry=Entry.KNOWN, user=user)
    invitation = open_invitation(provider, user.email, now=now)
    if invitation is None:
        raise _not_invited(provider, "not_member")
    return Admission(entry=Entry.KNOWN, user=user, invitation=invitation)


def _of_new(provider: Provider, email: str, *, now: datetime) -> Admission:
    invitation = open_invitation(provider, email, now=now)
    if invitation is None and not provider.allow_creation:
        raise _not_invited(provider, "not_invited")
    return Admission(entry=Entry.NEW, invitation=invitation, joins=invitation is None)


def _of_other_sign_in(provider: Provider, user: User, *, now: datetime) -> Admission:
    """The address is somebody's whom this provider does not know by this subject."""
    if not user.is_active:
        raise _not_invited(provider, "deactivated")
    if Identity.objects.filter(provider=provider, user=user).exists():
        text = _(
            "Another person at %(provider)s had this address before. Ask an owner of %(account)s"
            " to sort it out with our support."
        )
        names = {"provider": provider.name, "account": provider.account.name}
        raise Refused("other_subject", filled(text, **names))
    if _is_member(provider, user):
        return Admission(entry=Entry.LINK, user=user)
    invitation = open_invitation(provider, user.email, now=now)
    if invitation is None and not may_join(provider, user):
        raise _not_invited(provider, "not_invited")
    return Admission(entry=Entry.LINK, user=user, invitation=invitation, joins=invitation is None)


def may_join(provider: Provider, user: User) -> bool:
    """Whether ``user``, who is no member, becomes one without an invitation, as new to the account.

    The audit remembers who was one before: removed, gone or moved, they need an invitation. So
    does who had a membership by a move, and from whom it was taken back.
    """
    gone = Q(subject_id=user.pk, event__in=[Event.LEFT, Event.MEMBER_REMOVED])
    moved = Q(event=Event.MEMBERSHIP_MOVED) & (Q(actor_id=user.pk) | Q(subject_id=user.pk))
    before = AuditEvent.objects.filter(gone | moved, account_id=provider.account_id)
    return provider.allow_creation and not before.exists()


def _is_member(provider: Provider, user: User) -> bool:
    return Membership.objects.filter(account=provider.account_id, user=user).exists()


def open_invitation(provider: Provider, email: str, *, now: datetime) -> Invitation | None:
    """Return the invitation of ``email`` to the provider's account that can be accepted now."""
    waiting = Invitation.objects.usable(now=now).filter(account=provider.account_id, email=email)
    return waiting.select_related("account", "invited_by").first()


def _not_invited(provider: Provider, code: str) -> Refused:
    text = _(
        "%(provider)s knows you, but you do not belong to %(account)s here. Ask an owner of it to"
        " invite you."
    )
    return Refused(code, filled(text, provider=provider.name, account=provider.account.name))
