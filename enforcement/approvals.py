"""What waits for a second of support: asked for, approved or declined; each within an hour.

Called by the desk and by ``grant_pass --by``. Everything takes the lock of the person's row, as
granting does, so that of two approvals at once the second finds nothing left to approve.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts import audit, keys
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import User
from enforcement import four_eyes, passes, support
from enforcement.models import Approval, Decision, Help, Pass
from enforcement.passes import NotGrantable
from enforcement.support import NotAllowed

GOOD_FOR = timedelta(hours=1)


@transaction.atomic
def grant_or_ask(
    *, user: User, actor: User, reason: str, ticket: str, now: datetime
) -> Pass | Approval:
    """Grant a pass where one of support is enough; where two are needed, ask for the second.

    :raises NotGrantable: where the pass could not be granted, or one waits already.
    """
    try:
        return passes.grant_pass(user=user, actor=actor, reason=reason, ticket=ticket, now=now)
    except four_eyes.ApproverNeeded:
        return _ask(Help.PASS, user=user, actor=actor, reason=reason, ticket=ticket, now=now)


@transaction.atomic
def reset_or_ask(*, user: User, actor: User, reason: str, now: datetime) -> Approval | None:
    """Reset where one of support is enough; where two are needed, ask for the second.

    :raises NotAllowed: for who may not, or gives no reason.
    :raises NotGrantable: where a pass could not be granted either, or one waits already.
    """
    try:
        support.reset(user=user, actor=actor, reason=reason, now=now)
    except four_eyes.ApproverNeeded:
        return _ask(Help.RESET, user=user, actor=actor, reason=reason, now=now)
    return None


@transaction.atomic
def change_address_or_ask(
    *, user: User, email: str, actor: User, reason: str, now: datetime
) -> Approval | None:
    """Change the address where one of support is enough; where two are needed, ask for the second.

    Whoever reads the new mailbox can choose a new password, so it takes two where a pass does.

    :raises NotAllowed: for who may not, gives no reason or an address that can't be used.
    :raises NotGrantable: where something waits already.
    """
    try:
        support.change_address(user=user, email=email, actor=actor, reason=reason, now=now)
    except four_eyes.ApproverNeeded:
        email = canonical_email(email)
        return _ask(Help.EMAIL, user=user, actor=actor, reason=reason, address=email, now=now)
    return None


def _ask(
    what: Help,
    *,
    user: User,
    actor: User,
    reason: str,
    now: datetime,
    ticket: str = "",
    address: str = "",
) -> Approval:
    user = User.objects.locked(user.pk)
    _close_dead(user, now=now)
    if Approval.objects.filter(user=user, closed_at=None).exists():
        raise NotGrantable(_("For this person something waits for a second approver already."))
    asked = Approval.objects.create(
        user=user,
        what=what,
        asked_by=actor,
        address=address,
        reason=reason,
        ticket=ticket,
        asked_at=now,
        until=now + GOOD_FOR,
    )
    told = {**_told(asked), "until": asked.until}
    audit.record(Event.APPROVAL_ASKED, actor=actor, subject=user, after=told, now=now)
    return asked


def _told(asked: Approval) -> dict[str, Any]:
    """What the audit says of it; an address only as a pseudonym."""
    told = {"what": asked.what, "reason": asked.reason, "ticket": asked.ticket}
    return told | ({"to": keys.pseudonym(asked.address)} if asked.address else {})


def _close_dead(user: User, *, now: datetime) -> None:
    """Make room where what waits can't be approved any more: too old, or its asker is out."""
    for waiting in Approval.objects.filter(user=user, closed_at=None):
        if not waiting.is_open(now=now) or why_dead(waiting, now=now):
            _close(waiting, Decision.LAPSED, by=None, now=now)


def open_approval(user: User, *, now: datetime) -> Approval | None:
    """Return what waits for ``user`` and can still be approved."""
    found = Approval.objects.filter(user=user, closed_at=None, until__gt=now)
    return found.select_related("asked_by", "user").first()


def why_dead(waiting: Approval, *, now: datetime) -> str | Promise:
    """Return why whoever asked may not do it any more; empty where that still may."""
    if waiting.asked_by is None:
        return _("Whoever asked for it has no sign-in any more.")
    try:
        _check_asked(waiting, waiting.asked_by, now=now)
    except (NotGrantable, NotAllowed) as error:
        told = _("Whoever asked for it could not do it any more: {why}")
        return format_lazy(told, why=error.args[0])
    return ""


def _check_asked(waiting: Approval, asker: User, *, now: datetime) -> None:
    if waiting.what == Help.EMAIL:
        support.check_may_handle(user=waiting.user, actor=asker)
        return
    if waiting.what == Help.RESET:
        support.check_resettable(user=waiting.user, actor=asker, now=now)
    passes.check_grantable(user=waiting.user, actor=asker, now=now)


def check_approver(*, user: User, actor: User, now: datetime) -> Approval:
    """Return what ``actor`` may approve for ``user``.

    :raises NotAllowed: for whoever is not a second, verified one of support; or nothing waits.
    """
    waiting = open_approval(user, now=now)
    if waiting is None:
        raise NotAllowed(_("Nothing waits for approval: it was decided, or is over an hour old."))
    support.check_may_handle(user=user, actor=actor)
    if waiting.asked_by_id == actor.pk:
        raise NotAllowed(_("Whoever asked for it can't approve it: a second one has to look."))
    dead = why_dead(waiting, now=now)
    if dead:
        raise NotAllowed(dead)
    return waiting


@transaction.atomic
def approve(*, user: User, number: int, actor: User, now: datetime) -> Approval:
    """Do what waits: the pass begins now, the factors are reset or the address changes.

    ``number`` says which the approver has read: another may have taken its place since.

    :raises NotAllowed: for whoever may not, and for what is decided, too old or not what was read.
    :raises NotGrantable: where it can't be granted any more.
    """
    user = User.objects.locked(user.pk)
    passes.settle_pass(user=user, now=now)
    user.refresh_from_db()
    waiting = check_approver(user=user, actor=User.objects.get(pk=actor.pk), now=now)
    _check_read(waiting, number)
    _close(waiting, Decision.APPROVED, by=actor, now=now)
    audit.record(Event.APPROVAL_GIVEN, actor=actor, subject=user, after=_told(waiting), now=now)
    _carry_out(waiting, user=user, approver=actor, now=now)
    return waiting


def _carry_out(waiting: Approval, *, user: User, approver: User, now: datetime) -> None:
    asker, reason = User.objects.get(pk=waiting.asked_by_id or 0), waiting.reason
    if waiting.what == Help.RESET:
        support.reset(user=user, actor=asker, reason=reason, approver=approver, now=now)
        return
    if waiting.what == Help.EMAIL:
        support.change_address(
            user=user, email=waiting.address, reason=reason, actor=asker, approver=approver, now=now
        )
        return
    passes.grant_pass(
        user=user, actor=asker, reason=reason, ticket=waiting.ticket, approver=approver, now=now
    )


def may_decline(actor: User, user: User) -> bool:
    """Whether ``actor`` is support, or asked for what waits: an owner may have."""
    waiting = Approval.objects.filter(user=user, closed_at=None, asked_by=actor)
    return actor.is_bound_staff or waiting.exists()


def check_decliner(*, user: User, actor: User, now: datetime) -> Approval:
    """Return what ``actor`` may decline for ``user``: any of support may, who asked for it, too.

    :raises NotAllowed: for whoever is neither, and where nothing waits.
    """
    if not actor.is_active or actor.pk == user.pk or not may_decline(actor, user):
        raise NotAllowed(_("Only support staff can do this, and for others."))
    waiting = open_approval(user, now=now)
    if waiting is None:
        raise NotAllowed(_("Nothing waits for approval: it was decided, or is over an hour old."))
    return waiting


@transaction.atomic
def decline(*, user: User, number: int, reason: str, actor: User, now: datetime) -> Approval:
    """Refuse what waits, with a reason; it does nothing then.

    :raises NotAllowed: for whoever may not, and for what is decided, too old or not what was read.
    """
    if not reason.strip():
        raise NotAllowed(_("Give a reason."))
    user = User.objects.locked(user.pk)
    waiting = check_decliner(user=user, actor=actor, now=now)
    _check_read(waiting, number)
    _close(waiting, Decision.DECLINED, by=actor, now=now)
    told = {"what": waiting.what, "reason": reason}
    audit.record(Event.APPROVAL_DECLINED, actor=actor, subject=user, after=told, now=now)
    return waiting


def _check_read(waiting: Approval, number: int) -> None:
    if waiting.pk != number:
        raise NotAllowed(
            _("Another wish has taken the place of the one that you read. Look again.")
        )


def _close(waiting: Approval, how: Decision, *, by: User | None, now: datetime) -> None:
    waiting.closed_at, waiting.closed_as, waiting.closed_by = now, how, by
    waiting.save(update_fields=["closed_at", "closed_as", "closed_by"])
