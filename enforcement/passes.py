"""The pass: time-limited leave for one person, granted by support, and its three ends.

Granting and revoking take the lock of the person's row, as enrolment and every code do.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import audit, sessions
from accounts.audit import Event
from accounts.models import Account, AuditEvent, EndReason, Membership, Role, User
from enforcement import four_eyes, pass_alarms, pass_mails
from enforcement.decision import Step, decide
from enforcement.models import Approval, Closing, Decision, Pass, PassRequest
from enforcement.standing import binding_accounts, may_be_joining, standing_for
from twofactor import devices, enrolment

LONGEST_REASON = Pass._meta.get_field("reason").max_length or 0
LONGEST_TICKET = Pass._meta.get_field("ticket").max_length or 0


class NotGrantable(Exception):
    """The pass can't be granted or revoked by this person; the text says why."""


class AlreadyGranted(NotGrantable):
    """A pass is running; the text says so."""


def check_grantable(*, user: User, actor: User | None, now: datetime) -> None:
    """Check who helps whom; ``actor`` is None for the operator at the command line.

    :raises NotGrantable: if ``actor`` may not help ``user``, or ``user`` needs no help.
    """
    if actor is not None:
        _check_actor(user=user, actor=actor)
    if not user.is_active:
        raise NotGrantable(_("This sign-in is deactivated."))
    standing = standing_for(user)
    if standing.pass_until is not None and now < standing.pass_until:
        raise AlreadyGranted(_("A pass is already running."))
    is_asked = standing.has_device or decide(standing, now=now).step is not Step.PROCEED
    if not is_asked and not may_be_joining(user, now=now):
        raise NotGrantable(_("Nothing asks this person for a second factor."))


def _check_actor(*, user: User, actor: User) -> None:
    if actor.pk == user.pk:
        raise NotGrantable(_("Nobody can grant a pass to themselves."))
    if not actor.is_active or not may_help(actor, user):
        raise NotGrantable(_("Only support can grant this person a pass."))
    if user.is_bound_staff and not actor.is_superuser:
        raise NotGrantable(_("Only a superuser can grant a pass to staff."))
    if not devices.can_verify(actor):
        raise NotGrantable(_("Set up two-factor authentication for yourself first."))


def may_help(actor: User, user: User) -> bool:
    """Whether ``actor`` is support or, where the operator allows it, owns all that is opened.

    A pass rests the whole sign-in: an owner opens no other account by it, required there or not.
    """
    if actor.is_bound_staff:
        return True
    if not settings.TWO_FACTOR_OWNER_PASSES:
        return False
    return owns_binding_account(actor, user) and not _reaches_beyond(actor, user)


def _reaches_beyond(actor: User, user: User) -> bool:
    owned = Membership.objects.filter(user=actor, role=Role.OWNER).values("account")
    return Membership.objects.filter(user=user).exclude(account__in=owned).exists()


def owns_binding_account(actor: User, user: User) -> bool:
    accounts = binding_accounts(user).values("account")
    return Membership.objects.filter(user=actor, role=Role.OWNER, account__in=accounts).exists()


@transaction.atomic
def grant_pass(
    *,
    user: User,
    actor: User | None,
    reason: str,
    now: datetime,
    ticket: str = "",
    approver: User | None = None,
) -> Pass:
    """Let ``user`` work without a second factor for ``TWO_FACTOR_PASS``.

    :raises NotGrantable: if ``actor`` may not help ``user``, a pass is running or no reason given.
    :raises enforcement.four_eyes.ApproverNeeded: where a second of support has to approve it.
    """
    check_words(reason, ticket)
    user = User.objects.locked(user.pk)
    settle_pass(user=user, now=now)
    user.refresh_from_db()
    check_grantable(user=user, actor=actor, now=now)
    four_eyes.check(user=user, actor=actor, approver=approver, now=now)
    until = now + settings.TWO_FACTOR_PASS
    granted = Pass.objects.create(
        user=user,
        granted_at=now,
        until=until,
        granted_by=actor,
        approved_by=approver,
        reason=reason,
        ticket=ticket,
    )
    User.objects.filter(pk=user.pk).update(pass_until=until)
    close_asked(user, now=now)
    pass_mails.tell_granted(granted, now=now)
    audit.record(
        Event.PASS_GRANTED,
        actor=actor,
        subject=user,
        after={"until": until.isoformat(), "reason": reason, "ticket": ticket},
        now=now,
    )
    pass_alarms.look(now=now)
    return granted


def check_words(reason: str, ticket: str) -> None:
    """Check what goes into the row; the command line has no form that would."""
    if not reason.strip():
        raise NotGrantable(_("Give a reason."))
    if len(reason) > LONGEST_REASON:
        told = _("A reason has at most %(longest)d characters.")
        raise NotGrantable(told % {"longest": LONGEST_REASON})
    if len(ticket) > LONGEST_TICKET:
        told = _("A ticket has at most %(longest)d characters.")
        raise NotGrantable(told % {"longest": LONGEST_TICKET})


def may_revoke(actor: User, user: User) -> bool:
    """Support, the person, and the owners of the accounts that bind the person may."""
    if not actor.is_active:
        return False
    return actor.is_bound_staff or actor.pk == user.pk or owns_binding_account(actor, user)


@transaction.atomic
def revoke_pass(*, user: User, actor: User | None, now: datetime) -> Pass:
    """End a running pass early: the old devices verify again, and sessions end.

    At or after its end a pass can only be settled, which this does then.

    :raises NotGrantable: if there is no pass, or ``actor`` may not.
    """
    user = User.objects.locked(user.pk)
    if actor is not None and not may_revoke(actor, user):
        raise NotGrantable(_("This pass is not yours to revoke."))
    active = open_pass(user)
    if active is None:
        raise NotGrantable(_("There is no pass to revoke."))
    if not active.is_running(now=now):
        settle_pass(user=user, now=now)
        return active
    _close(active, Closing.REVOKED, by=actor, now=now)
    sessions.renew_stamp(User.objects.filter(pk=user.pk), reason=EndReason.PASS_REVOKED)
    pass_mails.tell_ended(active, "pass_revoked", now=now)
    audit.record(Event.PASS_REVOKED, actor=actor, subject=user, now=now)
    return active


@transaction.atomic
def settle_pass(*, user: User, now: datetime) -> bool:
    """Close a pass that ran out and delete what it had set aside; False where none ran out.

    Called by the sweep, and by the person's next sign-in before anything else.
    """
    user = User.objects.locked(user.pk)
    active = open_pass(user)
    if active is None or active.is_running(now=now):
        return False
    enrolment.void_all(user, now=now)
    _close(active, Closing.RAN_OUT, by=None, now=now)
    sessions.renew_stamp(User.objects.filter(pk=user.pk), reason=EndReason.PASS_ENDED)
    pass_mails.tell_ended(active, "pass_ended", now=now)
    audit.record(
        Event.PASS_ENDED, subject=user, before={"until": active.until.isoformat()}, now=now
    )
    return True


def end_by_set_up(*, user: User, now: datetime) -> None:
    """Set-up was completed: a pass is over, and whoever asked for one needs none.

    Enrolment has deleted the old set and renews the stamp; the acting session lives on.
    """
    close_asked(user, now=now)
    active = open_pass(user)
    if active is None:
        return
    _close(active, Closing.SET_UP, by=user, now=now)
    pass_mails.tell_owners_of_set_up(active, now=now)
    audit.record(Event.PASS_ENDED, actor=user, subject=user, after={"by": "set_up"}, now=now)


def close_asked(user: User, *, now: datetime) -> None:
    """Nothing that was asked for ``user`` waits any more, by the person or within support."""
    close_request(user, now=now)
    lapse_approvals(user, now=now)


def close_request(user: User, *, now: datetime) -> None:
    """The wish for a pass is answered, or needless: its person got in, or was reset."""
    PassRequest.objects.filter(user=user, closed_at=None).update(closed_at=now)


def close_needless(*, now: datetime) -> None:
    """Housekeeping: close the wishes of people whom nothing asks for a factor any more.

    They have left, or the requirement has ended: nobody could grant the pass, and it would wait
    on the desk for good.
    """
    for user_id in PassRequest.objects.filter(closed_at=None).values_list("user", flat=True):
        with suppress(User.DoesNotExist):
            _close_if_needless(user_id, now=now)


@transaction.atomic
def _close_if_needless(user_id: int, *, now: datetime) -> None:
    user = User.objects.locked(user_id)
    if not _may_have_one(user, now=now):
        close_request(user, now=now)


def _may_have_one(user: User, *, now: datetime) -> bool:
    try:
        check_grantable(user=user, actor=None, now=now)
    except AlreadyGranted:
        return True
    except NotGrantable:
        return False
    return True


def lapse_approvals(user: User, *, now: datetime) -> None:
    """What waits for a second of support can't be approved any more."""
    waiting = Approval.objects.filter(user=user, closed_at=None)
    waiting.update(closed_at=now, closed_as=Decision.LAPSED)


def open_pass(user: User) -> Pass | None:
    return Pass.objects.filter(user=user, closed_at=None).first()


def _close(active: Pass, how: Closing, *, by: User | None, now: datetime) -> None:
    active.closed_at, active.closed_as, active.closed_by = now, how, by
    active.save(update_fields=["closed_at", "closed_as", "closed_by"])
    User.objects.filter(pk=active.user_id).update(pass_until=None)


@transaction.atomic
def ask_for_pass(*, user: User, message: str, now: datetime) -> PassRequest:
    """Note that ``user`` can use none of the factors; one open request per person.

    Asking again keeps the first request and replaces its words; after a day it is told anew.
    """
    user = User.objects.locked(user.pk)
    asked, is_new = PassRequest.objects.get_or_create(
        user=user, closed_at=None, defaults={"message": message, "asked_at": now}
    )
    if not is_new:
        asked.message = message or asked.message
        asked.save(update_fields=["message"])
    if not pass_mails.was_told(asked, now=now):
        pass_mails.tell_asked(asked, now=now)
        audit.record(Event.PASS_ASKED, actor=user, subject=user, now=now)
    return asked


@transaction.atomic
def ask_for_member(
    *, membership: Membership, actor: User, message: str, now: datetime
) -> PassRequest:
    """Ask for a pass for a member, as ``actor`` who looks after the account; support decides.

    A request that is open already is vouched for. Nobody vouches for themselves.
    """
    if actor.pk == membership.user_id:
        return ask_for_pass(user=actor, message=message, now=now)
    user = User.objects.locked(membership.user_id)
    asked, _is_new = PassRequest.objects.get_or_create(
        user=user, closed_at=None, defaults={"asked_at": now}
    )
    pass_mails.tell_asked_for(
        asked, account=membership.account, actor=actor, message=message, now=now
    )
    endorse_request(asked=asked, account=membership.account, actor=actor, message=message, now=now)
    return asked


def without_strangers(
    requests: Iterable[PassRequest], accounts: QuerySet[Any] | Iterable[Any]
) -> list[PassRequest]:
    """Return ``requests`` as the managers of ``accounts`` may see them.

    Who vouched as an admin of another account, and in which words, is that account's business.
    """
    found = list(requests)
    vouching = {asked.endorsed_by_id for asked in found if asked.endorsed_by_id}
    members = Membership.objects.filter(account__in=accounts, user__in=vouching)
    known = set(members.values_list("user", flat=True)) if vouching else set()
    for asked in found:
        if asked.endorsed_by_id not in known:
            asked.endorsed_by, asked.endorsement = None, ""
    return found


@transaction.atomic
def endorse_request(
    *, asked: PassRequest, account: Account, actor: User, message: str, now: datetime
) -> None:
    """An admin of ``account`` vouches for the request; support still decides.

    Whoever vouched first stands by it for as long as they may. The audit has everybody, but no
    second click.
    """
    if not _is_vouched_for(asked) or (asked.endorsed_by_id == actor.pk and message):
        PassRequest.objects.filter(pk=asked.pk, closed_at=None).update(
            endorsed_by=actor, endorsement=message
        )
    if not _has_vouched(actor, asked, account, now=now):
        audit.record(Event.PASS_ASKED, actor=actor, subject=asked.user, account=account, now=now)


def _is_vouched_for(asked: PassRequest) -> bool:
    """Whether somebody did who still looks after an account of the person."""
    accounts = Membership.objects.filter(user=asked.user_id).values("account")
    managers = Membership.objects.managers().filter(account__in=accounts)
    return managers.filter(user=asked.endorsed_by_id).exists()


def _has_vouched(actor: User, asked: PassRequest, account: Account, *, now: datetime) -> bool:
    rows = AuditEvent.objects.filter(event=Event.PASS_ASKED, subject_id=asked.user_id)
    own = rows.filter(actor_id=actor.pk, account_id=account.pk, at__gte=asked.asked_at)
    return own.filter(at__gt=now - pass_mails.TOLD_FOR).exists()
