"""Change an account's own fields. Its requirement changes in ``enforcement.policies`` alone."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, locks, provider_checks, providers
from accounts.audit import Event
from accounts.models import Account, Plan, User
from enforcement import policies

FIELDS = ("name", "plan", "email_domains")


class PlanNeeded(Exception):
    """The requirement is on, and only the Enterprise plan can have it."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This account requires two-factor authentication, which only the Enterprise plan"
                " can. Switch the requirement off first; then change the plan."
            )
        )


def check_plan(account: Account, plan: str) -> None:
    """Check that ``account`` may have ``plan``.

    :raises PlanNeeded: while the requirement is on.
    """
    if plan != Plan.ENTERPRISE and policies.current(account) is not None:
        raise PlanNeeded


def check_domains(account: Account, domains: list[str]) -> None:
    """Check what a live provider speaks for; an account without one may name any domains.

    What was found holds until the transaction under way ends: nobody else is given a domain
    meanwhile. So the form that asks first tells what is wrong, and ``change`` finds it so.

    :raises accounts.provider_checks.NotValid: saying why not.
    """
    locks.hold("email domains")
    if providers.live_of(account) is not None:
        provider_checks.check_domains(account, domains)


@transaction.atomic
def change(
    *, account: Account, actor: User, now: datetime, asked: Collection[str] = FIELDS
) -> None:
    """Store those ``asked`` of the fields of ``account`` that differ from the stored ones.

    The others may have been changed by somebody else since ``account`` was read.

    :raises PlanNeeded: while the requirement is on. Switching takes the same lock, so neither
        can slip past the other.
    :raises accounts.provider_checks.NotValid: for domains that its provider can't speak for.
    """
    stored = Account.objects.locked(account.pk)
    named = [name for name in FIELDS if name in asked]
    changed = [name for name in named if getattr(stored, name) != getattr(account, name)]
    if not changed:
        return
    if "plan" in changed:
        check_plan(stored, account.plan)
    if "email_domains" in changed:
        check_domains(stored, account.email_domains)
    account.save(update_fields=changed)
    audit.record(
        Event.ACCOUNT_CHANGED,
        actor=actor,
        account=account,
        before={name: getattr(stored, name) for name in changed},
        after={name: getattr(account, name) for name in changed},
        now=now,
    )
