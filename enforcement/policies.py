"""The one way a requirement changes.

Switching touches no member's row: one period is written, and everything else follows from it.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit, mail, wording
from accounts.audit import Event
from accounts.models import Account, Membership, Role, User
from enforcement.models import Policy
from enforcement.wake import wake_sweep

LONGEST_WAIT = timedelta(minutes=1)  # for the account's lock; no server lets a request wait longer


class NotSwitchable(Exception):
    """The requirement can't be switched; the text says why, for the person who tried."""


def current(account: Account) -> Policy | None:
    """Return the open period of ``account``."""
    return Policy.objects.filter(account=account, ended_at=None).first()


def may_switch(actor: User, account: Account) -> bool:
    """Whether ``actor`` is an active owner of ``account``, or support staff."""
    if not actor.is_active:
        return False
    if actor.is_bound_staff:
        return True
    return Membership.objects.filter(account=account, user=actor, role=Role.OWNER).exists()


def _check(account: Account, actor: User | None, reason: str) -> None:
    if actor is None:
        return  # the operator, at the command line
    if not may_switch(actor, account):
        raise NotSwitchable(_("Only an owner of the account can switch this."))
    is_owner = Membership.objects.filter(account=account, user=actor, role=Role.OWNER).exists()
    if not is_owner and not reason.strip():
        raise NotSwitchable(_("Give a reason: support switches only on an owner's request."))


def switch_on(*, account: Account, actor: User | None, now: datetime, reason: str = "") -> Policy:
    """Require two-factor authentication of ``account`` from ``now``; return the period.

    :raises NotSwitchable: if the plan or the role of ``actor`` does not allow it.
    """
    policy, _is_new = get_or_begin(account=account, actor=actor, now=now, reason=reason)
    return policy


@transaction.atomic
def get_or_begin(
    *, account: Account, actor: User | None, now: datetime, reason: str = ""
) -> tuple[Policy, bool]:
    """Require it as ``switch_on`` does; return the period, and whether this call made it.

    Whoever comes second gets the period that the first began: two clicks are one period.

    :raises NotSwitchable: if the plan or the role of ``actor`` does not allow it.
    """
    account = Account.objects.locked(account.pk)
    _check(account, actor, reason)
    if not account.can_require_two_factor:
        raise NotSwitchable(_("Only accounts on the Enterprise plan can require this."))
    running = current(account)
    if running is not None:
        return running, False
    starts_at = _after_who_joined(account, now=now)
    policy = Policy.objects.create(
        account=account,
        starts_at=starts_at,
        deadline=starts_at + settings.TWO_FACTOR_GRACE,
        started_by=actor,
        reason=reason.strip(),
    )
    audit.record(
        Event.POLICY_ON,
        actor=actor,
        account=account,
        before={"required": False},
        after={"required": True, "deadline": policy.deadline.isoformat(), "reason": reason},
        now=now,
    )
    transaction.on_commit(wake_sweep, robust=True)
    return policy, True


def _after_who_joined(account: Account, *, now: datetime) -> datetime:
    """Return ``now``, or when the last joined for whose acceptance this switch has waited.

    They were asked for no set-up, so they have the window of everybody.
    """
    meanwhile = Membership.objects.filter(
        account=account, joined_at__gt=now, joined_at__lte=now + LONGEST_WAIT
    )
    latest = meanwhile.order_by("-joined_at").values_list("joined_at", flat=True).first()
    return latest or now


@transaction.atomic
def switch_off(
    *, account: Account, actor: User | None, now: datetime, reason: str = ""
) -> Policy | None:
    """End the period of ``account``; return it, or None where none was open.

    :raises NotSwitchable: if the role of ``actor`` does not allow it.
    """
    account = Account.objects.locked(account.pk)
    _check(account, actor, reason)
    policy = current(account)
    if policy is None:
        return None
    policy.ended_at, policy.ended_by = now, actor
    policy.save(update_fields=["ended_at", "ended_by"])
    _tell_owners_off(policy, actor, now=now)
    audit.record(
        Event.POLICY_OFF,
        actor=actor,
        account=account,
        before={"required": True, "deadline": policy.deadline.isoformat()},
        after={"required": False, "reason": reason},
        now=now,
    )
    return policy


def _tell_owners_off(policy: Policy, actor: User | None, *, now: datetime) -> None:
    owners = Membership.objects.owners().filter(account=policy.account).select_related("user")
    mail.owe_many(
        mail.prepared(
            "owner_requirement_off",
            to=owner.user,
            occasion=f"policy:{policy.pk}",
            account=policy.account,
            context={
                "account": policy.account.name,
                "slug": policy.account.slug,
                "actor_name": wording.name_of(actor),
            },
            now=now,
        )
        for owner in owners
    )
