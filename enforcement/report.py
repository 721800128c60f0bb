"""Where every member of an account stands: for the account's page, the admin and the report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account, Membership, User
from enforcement import policies
from enforcement.decision import Obligation, decide
from enforcement.models import Policy
from enforcement.notices import Outcome, outcome_of
from enforcement.standing import standings


@dataclass(frozen=True, slots=True)
class Row:
    """One member: where the person stands, what must be done, and what stands in the way."""

    membership: Membership
    outcome: Outcome
    obligation: Obligation
    has_device: bool
    mail_fails: bool
    is_outside: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the account's page shows one."""

    membership: Membership
    outcome: str
    may_be_changed: bool
    may_get_pass: bool

    @property
    def pk(self) -> int:
        return self.membership.pk

    @property
    def user(self) -> User:
        return self.membership.user

    @property
    def role(self) -> str:
        return self.membership.role

    def get_role_display(self) -> str:
        return self.membership.get_role_display()


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """An open period as pages show it."""

    policy: Policy
    deadline: datetime
    is_over: bool


def rows(account: Account, *, now: datetime) -> Iterator[Row]:
    """Yield every active member with the decision about the person at ``now``."""
    memberships = account.memberships.active().select_related("user").order_by("user__email")
    people = {
        person.pk: standing
        for person, standing in standings(User.objects.filter(memberships__account=account))
    }
    for membership in memberships:
        standing = people.get(membership.user_id)
        if standing is None:
            continue  # joined since the facts were read
        yield Row(
            membership=membership,
            outcome=outcome_of(standing, now=now),
            obligation=decide(standing, now=now),
            has_device=standing.has_device and standing.pass_until is None,
            mail_fails=membership.user.mail_failed_at is not None,
            is_outside=account.is_outside(membership.user.email),
        )


def shown_policy(account: Account, *, now: datetime) -> ShownPolicy | None:
    policy = policies.current(account)
    if policy is None:
        return None
    return ShownPolicy(policy, policy.deadline, is_over=policy.deadline <= now)


def members_for(viewer: Membership, *, now: datetime) -> list[Member]:
    """Return the members as ``viewer`` may see them: only managers see who is ready."""
    is_required = policies.current(viewer.account) is not None
    return [_member(row, viewer, is_required=is_required) for row in rows(viewer.account, now=now)]


def _member(row: Row, viewer: Membership, *, is_required: bool) -> Member:
    shown = row.outcome if is_required or row.has_device else ""
    is_lower = viewer.is_owner or not row.membership.is_owner
    return Member(
        membership=row.membership,
        outcome=str(shown) if viewer.is_manager else "",
        may_be_changed=viewer.is_manager and is_lower,
        may_get_pass=viewer.is_manager and (is_required or row.has_device),
    )
