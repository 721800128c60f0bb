"""Switch a requirement for somebody who saw the preview, and tell the owners if support did it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import Account, Membership, User
from enforcement import notices, policies
from enforcement.models import Policy


@dataclass(frozen=True, slots=True)
class Switched:
    """The period that runs or ran, and whether this call, not an earlier one, made the change."""

    policy: Policy | None
    is_new: bool


def is_owner(actor: User, account: Account) -> bool:
    return Membership.objects.owners().filter(account=account, user=actor).exists()


@transaction.atomic
def switch(*, account: Account, is_on: bool, actor: User, reason: str, now: datetime) -> Switched:
    """Switch the requirement of ``account`` on or off, from ``now``.

    :raises enforcement.policies.NotSwitchable: if the plan, the role of ``actor`` or a missing
        reason forbids it.
    """
    done = _switch(account=account, is_on=is_on, actor=actor, reason=reason, now=now)
    if done.policy is not None and done.is_new and not is_owner(actor, account):
        notices.tell_support_switched(done.policy, is_on=is_on, actor=actor, reason=reason, now=now)
    return done


def _switch(*, account: Account, is_on: bool, actor: User, reason: str, now: datetime) -> Switched:
    if is_on:
        return Switched(
            *policies.get_or_begin(account=account, actor=actor, reason=reason, now=now)
        )
    ended = policies.switch_off(account=account, actor=actor, reason=reason, now=now)
    return Switched(ended, is_new=ended is not None)
