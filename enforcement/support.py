"""What support does for and to one person besides passes, from a reset to adding staff.

Each is done by verified staff, never to oneself, and to staff by a superuser alone.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import addresses, audit, passwords, people, sessions
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.memberships import LastOwner
from accounts.models import EndReason, User
from enforcement import four_eyes, pass_mails, passes
from twofactor import backup_codes, devices, enrolment


class NotAllowed(Exception):
    """This person may not do this to that one; the text says why."""


class NotUsable(NotAllowed):
    """Another address would do: this one is the person's own, or somebody signs in with it."""


def check_may_handle(*, user: User, actor: User) -> None:
    """Check who acts on whom.

    :raises NotAllowed: saying why not.
    """
    if not actor.is_active or not actor.is_bound_staff:
        raise NotAllowed(_("Only support staff can do this."))
    if actor.pk == user.pk:
        raise NotAllowed(_("Nobody can do this to themselves."))
    if user.is_bound_staff and not actor.is_superuser:
        raise NotAllowed(_("Only a superuser can do this to staff."))
    if not devices.can_verify(actor):
        raise NotAllowed(_("Set up two-factor authentication for yourself first."))


def check_resettable(*, user: User, actor: User, now: datetime) -> None:
    """Check that ``actor`` may reset ``user``: the conditions of a pass, and support alone.

    :raises NotAllowed: for who may not.
    :raises enforcement.passes.NotGrantable: where a pass could not be granted either.
    """
    check_may_handle(user=user, actor=actor)
    passes.check_grantable(user=user, actor=actor, now=now)


@transaction.atomic
def reset(
    *, user: User, actor: User, reason: str, now: datetime, approver: User | None = None
) -> None:
    """Delete the devices and codes of ``user`` and end the sessions; whatever binds goes on.

    Where there is nothing to delete, nothing is done, written or mailed.

    :raises NotAllowed: for who may not, or gives no reason.
    :raises enforcement.passes.NotGrantable: where a pass could not be granted either.
    :raises enforcement.four_eyes.ApproverNeeded: where a second of support has to approve it.
    """
    if not reason.strip():
        raise NotAllowed(_("Give a reason."))
    user = User.objects.locked(user.pk)
    passes.settle_pass(user=user, now=now)
    user.refresh_from_db()
    check_resettable(user=user, actor=actor, now=now)
    if not devices.has_device(user) and not backup_codes.codes_left(user):
        return  # the first of two clicks did it
    four_eyes.check(user=user, actor=actor, approver=approver, now=now)
    enrolment.reset(user, actor=actor, reason=reason.strip(), now=now)
    passes.close_request(user, now=now)


@transaction.atomic
def sign_out(*, user: User, actor: User, now: datetime) -> None:
    """End every session of ``user``; a change of address under way goes with them.

    :raises NotAllowed: for who may not.
    """
    check_may_handle(user=user, actor=actor)
    user = User.objects.locked(user.pk)
    sessions.end_everything(user, reason=EndReason.BY_SUPPORT)
    audit.record(Event.SESSIONS_ENDED, actor=actor, subject=user, now=now)


@transaction.atomic
def change_address(
    *,
    user: User,
    email: str,
    reason: str,
    actor: User,
    now: datetime,
    approver: User | None = None,
) -> None:
    """Give ``user``, whose old mailbox is dead, another address; both and the owners are told.

    :raises NotAllowed: for who may not, or gives no reason.
    :raises NotUsable: if the address is somebody's.
    :raises enforcement.four_eyes.ApproverNeeded: where a second of support has to approve it.
    """
    check_may_handle(user=user, actor=actor)
    if not reason.strip():
        raise NotAllowed(_("Give a reason."))
    _check_usable(email, user=user)
    four_eyes.check(user=user, actor=actor, approver=approver, now=now)
    old = user.email
    try:
        addresses.change_by_support(user=user, email=email, actor=actor, reason=reason, now=now)
    except addresses.NotChangeable as error:
        raise NotUsable(str(error)) from None
    user.refresh_from_db()
    pass_mails.tell_address_changed(user, old=old, actor=actor, reason=reason, now=now)


def _check_usable(email: str, *, user: User) -> None:
    """Say it before a second of support is asked for what can't be."""
    holder = User.objects.filter(email=canonical_email(email)).first()
    if holder is not None:
        is_same = holder.pk == user.pk
        taken = _("There is a sign-in with this address.")
        raise NotUsable(_("This is the address already.") if is_same else taken)


@transaction.atomic
def deactivate(*, user: User, actor: User, now: datetime) -> None:
    """Keep ``user`` out.

    :raises NotAllowed: for who may not, and for a last owner, with the way out.
    """
    check_may_handle(user=user, actor=actor)
    try:
        people.deactivate(user=user, actor=actor, now=now)
    except LastOwner as error:
        raise NotAllowed(str(error)) from None


@transaction.atomic
def reactivate(*, user: User, actor: User, now: datetime) -> None:
    """Let ``user`` in again.

    :raises NotAllowed: for who may not.
    """
    check_may_handle(user=user, actor=actor)
    people.reactivate(user=user, actor=actor, now=now)


@transaction.atomic
def change_staff(
    *, user: User, is_staff: bool, is_superuser: bool, actor: User, now: datetime
) -> None:
    """Make or unmake ``user`` staff.

    :raises NotAllowed: unless ``actor`` is a superuser and somebody else.
    """
    check_may_handle(user=user, actor=actor)
    if not actor.is_superuser:
        raise NotAllowed(_("Only a superuser decides who is staff."))
    people.set_staff(user=user, is_staff=is_staff, is_superuser=is_superuser, actor=actor, now=now)


@transaction.atomic
def add_person(*, email: str, name: str, is_staff: bool, actor: User, now: datetime) -> User:
    """Make a sign-in without a password, and mail the link by which its person chooses one.

    :raises NotAllowed: unless ``actor`` is a superuser.
    :raises django.db.IntegrityError: if the address has a sign-in.
    """
    if not actor.is_superuser or not devices.can_verify(actor):
        raise NotAllowed(_("Only a superuser adds people here."))
    user = people.create(email=email, name=name, actor=actor, now=now)
    if is_staff:
        people.set_staff(user=user, is_staff=True, is_superuser=False, actor=actor, now=now)
    passwords.ask_to_choose(user, now=now)
    return user


def note_refusal(*, user: User, actor: User, tried: str, why: str, now: datetime) -> None:
    """Put into the audit that ``actor`` was refused; a try to overreach is worth a look."""
    audit.record(
        Event.PASS_REFUSED,
        actor=actor,
        subject=user,
        after={"tried": tried, "why": why},
        now=now,
    )
