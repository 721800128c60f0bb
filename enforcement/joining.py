"""Accept an invitation: set-up stands inside, the membership is written last."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import invitations, locking, mail, memberships
from accounts.emails import canonical_email
from accounts.models import Account, Invitation, Membership, User
from accounts.words import filled
from enforcement import notices, policies
from enforcement.decision import decide
from enforcement.notices import Outcome
from enforcement.reader import facts_of_session
from enforcement.standing import joining_due_at, standing_in, standing_of


class NotJoinable(Exception):
    """The invitation opens nothing, to this person; the text says why."""


class SetUpFirst(Exception):
    """The account requires two-factor authentication, which this person has yet to set up."""


def check_usable(invitation: Invitation | None, *, now: datetime) -> Invitation:
    """Return the invitation while it can be accepted.

    :raises NotJoinable: if it never was, is used, revoked or expired, or nobody vouches for it.
    """
    if invitation is None:
        raise NotJoinable(_("This invitation does not exist. Ask for a new one."))
    if invitation.accepted_at is not None:
        raise NotJoinable(_("This invitation was already used. Sign in to see your accounts."))
    if invitation.revoked_at is not None:
        raise NotJoinable(_("This invitation was withdrawn. Ask for a new one."))
    if now >= invitation.expires_at:
        raise NotJoinable(_("This invitation has expired. Ask for a new one."))
    if not invitations.is_vouched_for(invitation):
        raise NotJoinable(_("Whoever invited you can no longer invite people. Ask for a new one."))
    return invitation


def must_set_up(
    user: User, invitation: Invitation, *, now: datetime, sso: Sequence[int] = ()
) -> bool:
    """Whether joining leads through set-up: the same decision as everywhere, joining included.

    ``sso`` are the providers that the session passed which joins.
    """
    due_at = joining_due_at(invitation.pk, person=user, now=now, sso=sso)
    standing = standing_of(user, facts_of_session(user, sso), joining_due_at=due_at)
    return decide(standing, now=now).is_due


@transaction.atomic
def accept(
    *, invitation: Invitation, user: User, now: datetime, sso: Sequence[int] = ()
) -> Membership:
    """Make ``user`` a member as the invitation's row says; role and account come from there.

    :raises NotJoinable: if the invitation is not open, or is somebody else's.
    :raises SetUpFirst: if the account requires what the person has not set up.
    """
    # First, as at the end of a sign-in that accepts; what counts is what is so under the lock.
    user = User.objects.locked(user.pk)
    now = _wait_for_switch(invitation.account, now=now)
    locked = Invitation.objects.select_for_update().filter(pk=invitation.pk).first()
    invitation = check_usable(locked, now=now)
    if not user.is_active:
        raise NotJoinable(_("This sign-in is deactivated."))
    if canonical_email(user.email) != invitation.email:
        told = _("This invitation is for %(address)s.")
        raise NotJoinable(filled(told, address=invitation.email))
    if must_set_up(user, invitation, now=now, sso=sso):
        raise SetUpFirst
    membership = memberships.add(
        account=invitation.account,
        user=user,
        role=invitation.role,
        actor=invitation.invited_by,
        now=now,
    )
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now)
    _tell_if_due(membership, user, now=now)
    _tell_inviter(invitation, user, now=now)
    return membership


def _wait_for_switch(account: Account, *, now: datetime) -> datetime:
    """Let a switch of the requirement that is under way end, and hold up the next.

    A membership's own row would wait for it no sooner than at the commit, unseen. Taken before
    the invitation's row, as by whoever invites.

    Return ``now``, or an instant after the switch that this has waited for: whoever joins then
    has no window, and is not among those to whom the switch may have been told already.
    """
    locking.hold(Account.objects.filter(pk=account.pk))
    policy = policies.current(account)
    if policy is None or not now < policy.starts_at <= now + policies.LONGEST_WAIT:
        return now
    return policy.starts_at + datetime.resolution


def _tell_inviter(invitation: Invitation, user: User, *, now: datetime) -> None:
    if invitation.invited_by is None:
        return
    mail.owe(
        "invitation_joined",
        to=invitation.invited_by,
        occasion=f"invitation:{invitation.pk}",
        account=invitation.account,
        context={
            "account": invitation.account.name,
            "slug": invitation.account.slug,
            "member_name": user.get_full_name(),
            "member_email": user.email,
            "role": invitation.role,
        },
        now=now,
    )


@transaction.atomic
def add_by_hand(
    *, user: User, account: Account, role: str, actor: User | None, now: datetime
) -> Membership:
    """Make ``user`` a member without an invitation; who has to set up is mailed so."""
    user = User.objects.locked(user.pk)  # first, as where the person accepts
    now = _wait_for_switch(account, now=now)
    membership = memberships.add(account=account, user=user, role=role, actor=actor, now=now)
    _tell_if_due(membership, user, now=now)
    return membership


def _tell_if_due(membership: Membership, user: User, *, now: datetime) -> None:
    """Mail who joined without a window that set-up is due; a pass only puts it off."""
    policy = policies.current(membership.account)
    if policy is None or membership.joined_at <= policy.starts_at:
        return
    outcome = notices.outcome_of(standing_in(membership.account, user), now=now)
    if outcome in {Outcome.MUST_ACT, Outcome.ON_PASS}:
        notices.owe_due_at_once(membership=membership, policy=policy, now=now)
