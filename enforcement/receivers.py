"""What the app below tells this one, and what it asks: signals and two registered questions."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import session_state
from accounts.models import Invitation, Membership, Notice, Provider, User
from accounts.signals import membership_deleted, membership_moved, objected, provider_ended
from accounts.signin import Pending
from accounts.words import filled
from enforcement import extensions, joining, leaving, objections, passes, visitor
from enforcement.standing import joining_due_at, standing_for
from twofactor import enrolment, setup_note
from twofactor.signals import device_confirmed, signed_in


@receiver(device_confirmed)
def end_pass(sender: Any, *, user: User, now: datetime, **kwargs: Any) -> None:
    passes.end_by_set_up(user=user, now=now)


@receiver(objected)
def follow_objection(
    sender: Any, *, notice: Notice, user: User, now: datetime, **kwargs: Any
) -> None:
    objections.follow(notice, user, now=now)


@receiver(provider_ended)
def extend_deadlines(
    sender: Any, *, provider: Provider, cut_off: bool, now: datetime, **kwargs: Any
) -> None:
    """Who came through a provider that is switched off gets time; cut off, it exempts nobody."""
    if not cut_off:
        extensions.keep_sessions(provider)
        extensions.give(provider, now=now)


@receiver(pre_delete, sender=Provider)
def extend_before_deletion(sender: Any, *, instance: Provider, origin: Any, **kwargs: Any) -> None:
    """A provider that is deleted, and not with its account, was switched off that moment."""
    if instance.is_live and getattr(origin, "model", type(origin)) is Provider:
        extensions.give(instance, now=timezone.now())


@receiver(membership_moved)
def move_deadline(
    sender: Any, *, membership: Membership, old: User, new: User, **kwargs: Any
) -> None:
    """The day of joining moves, and so does the deadline, a later one too."""
    extensions.move(membership.account, old=old, new=new)


@receiver(membership_deleted)
def tell_who_has_gone(sender: Any, *, membership: Membership, now: datetime, **kwargs: Any) -> None:
    leaving.tell_owners(membership, now=now)


@receiver(signed_in)
def join(
    sender: Any,
    *,
    request: HttpRequest,
    user: User,
    pending: Pending,
    now: datetime,
    **kwargs: Any,
) -> None:
    """Whoever came to sign-in to accept an invitation joins when the sign-in is complete."""
    if pending.invitation is None:
        return
    invitation = Invitation.objects.filter(pk=pending.invitation).first()
    if invitation is None:
        return
    request.session["invitation"] = invitation.pk
    try:
        joining.accept(invitation=invitation, user=user, now=now, sso=pending.sso)
    except (joining.NotJoinable, joining.SetUpFirst) as error:
        # The page that follows shows the invitation as it stands now.
        messages.warning(request, str(error) or _("Set up two-factor authentication to join."))
    else:
        messages.success(request, filled(_("Welcome to %(account)s."), account=invitation.account))


@receiver(signed_in)
def close_request(
    sender: Any, *, request: HttpRequest, user: User, now: datetime, **kwargs: Any
) -> None:
    """Whoever came in by an own factor waits for no pass any more."""
    if session_state.gave_factor(request, stamp=user.stamp, now=now):
        passes.close_request(user, now=now)


def is_required(user: User, now: datetime) -> bool:
    """Whether any account, or duty of staff, asks ``user`` for a second factor."""
    return bool(standing_for(user).deadlines)


def is_joining(request: HttpRequest, user: User, now: datetime) -> bool:
    """Whether the acceptance that led this browser to set-up still leads there."""
    number = request.session.get("joining")
    if number is None:
        return False
    sso = visitor.of(request).sso
    return joining_due_at(number, person=user, now=now, sso=sso) is not None


enrolment.register_requirement(is_required)
setup_note.register_joining(is_joining)
