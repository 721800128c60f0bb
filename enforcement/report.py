"""Where every member of an account stands: for the account's page, the admin and the report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from accounts.models import Account, Membership, User
from enforcement import policies, roster
from enforcement.decision import Obligation, Step, decide
from enforcement.models import PassRequest, Policy
from enforcement.notices import Outcome, outcome_of
from enforcement.reasons import Reason
from enforcement.standing import facts, facts_of, standing_of

CHUNK = 500
PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One member: where the person stands, why, and what stands in the way."""

    membership: Membership
    outcome: Outcome
    reason: Reason
    reason_at: datetime | None  # the instant that the reason names
    obligation: Obligation
    has_device: bool
    methods: tuple[str, ...]
    codes_left: int
    mail_fails: bool
    is_outside: bool
    was_signed_out: bool
    sso_at: datetime | None  # when the person last came through the account's provider
    by_password: bool  # though that provider knows the person

    @property
    def user(self) -> User:
        return self.membership.user


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the account's page shows one."""

    membership: Membership
    outcome: str
    may_be_changed: bool
    may_get_pass: bool
    asks_for_pass: bool

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


def rows(
    account: Account, *, now: datetime, members: QuerySet[Membership] | None = None
) -> Iterator[Row]:
    """Yield every active member, or those of ``members``, with the decision at ``now``.

    One query, read a chunk at a time: the memory taken does not grow with the members.
    """
    policy = policies.current(account)
    found = roster.members(account) if members is None else members
    known = roster.with_facts(found, policy).annotate(**facts("user__", spared=True))
    return (_row(each, account, policy, now=now) for each in known.iterator(chunk_size=CHUNK))


def _row(found: Any, account: Account, policy: Policy | None, *, now: datetime) -> Row:
    person: User = found.user
    standing = standing_of(person, facts_of(found))
    outcome, obligation = outcome_of(standing, now=now), decide(standing, now=now)
    was_signed_out = bool(getattr(found, "fact_signed_out", False))
    reason, at = _reason(found, outcome, obligation, policy, was_signed_out=was_signed_out)
    methods = [("app", found.fact_has_app), ("text", found.fact_has_phone)]
    return Row(
        membership=found,
        outcome=outcome,
        reason=reason,
        reason_at=at,
        obligation=obligation,
        has_device=standing.has_device and standing.pass_until is None,
        methods=tuple(method for method, is_there in methods if is_there),
        codes_left=found.fact_codes_left,
        mail_fails=person.mail_failed_at is not None,
        is_outside=account.is_outside(person.email),
        was_signed_out=was_signed_out,
        sso_at=found.fact_sso_at,
        by_password=found.fact_by_password,
    )


def _reason(
    membership: Membership,
    outcome: Outcome,
    obligation: Obligation,
    policy: Policy | None,
    *,
    was_signed_out: bool,
) -> tuple[Reason, datetime | None]:
    """Return why the outcome is what it is, and the instant that belongs to it."""
    person, step = membership.user, obligation.step
    if outcome is Outcome.ON_PASS:
        return Reason.ON_PASS, obligation.until
    if outcome is Outcome.READY:
        is_back = policy is not None and _is_since(policy.deadline, person.enrolled_at)
        return Reason.CAME_BACK if is_back else Reason.SET_UP, person.enrolled_at
    if outcome is Outcome.EXEMPT:
        return Reason.SSO, membership.fact_sso_at  # type: ignore[attr-defined]
    if step is Step.PASS_ENDED:
        return Reason.HAD_PASS, obligation.until
    if was_signed_out:
        return Reason.SIGNED_OUT, None
    if step is Step.ENROL_SOON:
        return Reason.IN_WINDOW, obligation.until
    if step is Step.ENROL_NOW:
        return _why_due(membership, obligation, policy)
    return Reason.NOT_YET, None


def _is_since(instant: datetime, at: datetime | None) -> bool:
    return at is not None and at >= instant


def _why_due(
    membership: Membership, obligation: Obligation, policy: Policy | None
) -> tuple[Reason, datetime | None]:
    if policy is not None and membership.joined_at > policy.starts_at:
        return Reason.JOINED_LATE, membership.joined_at
    if membership.user.is_bound_staff:
        return Reason.IS_STAFF, None
    return Reason.OVERDUE, obligation.until


# As a file, or printed

COLUMNS = (
    "email", "name", "role", "outcome", "step", "until", "no_working_email", "outside_domains",
    "reason", "method", "backup_codes_left", "set_up_at", "joined_at", "signed_out_at_deadline",
    "last_through_sso", "signs_in_by_password",
)  # fmt: skip


def told(row: Row) -> tuple[Any, ...]:
    """Return ``row`` under ``COLUMNS``: the same in the file, for a program and on the page."""
    person = row.user
    return (
        person.email,
        person.name,
        row.membership.role,
        str(row.outcome),
        row.obligation.step.value,
        _instant(row.obligation.until),
        row.mail_fails,
        row.is_outside,
        f"{row.reason.value} {_instant(row.reason_at)}".strip(),
        " and ".join(row.methods),
        row.codes_left,
        _instant(person.enrolled_at),
        _instant(row.membership.joined_at),
        row.was_signed_out,
        _instant(row.sso_at),
        row.by_password,
    )


def _instant(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""


def shown_policy(account: Account, *, now: datetime) -> ShownPolicy | None:
    policy = policies.current(account)
    if policy is None:
        return None
    return ShownPolicy(policy, policy.deadline, is_over=policy.deadline <= now)


def members_for(viewer: Membership, *, page: str = "", q: str = "", now: datetime) -> Page[Member]:
    """Return a page of the members as ``viewer`` may see them; only managers see who is ready."""
    account, policy = viewer.account, policies.current(viewer.account)
    found = roster.narrowed(account, roster.asked_of({"q": q}), policy=policy, now=now)
    keys: Page[Any] = Paginator(found.values_list("pk", flat=True), PER_PAGE).get_page(page)
    shown = roster.members(account).filter(pk__in=list(keys.object_list))
    is_required = policy is not None
    asking = _asking_for_a_pass(shown) if viewer.is_manager else set()
    members = [
        _member(row, viewer, is_required=is_required, asks_for_pass=row.user.pk in asking)
        for row in rows(account, now=now, members=shown)
    ]
    return Page(members, keys.number, keys.paginator)


def _asking_for_a_pass(members: QuerySet[Membership]) -> set[int]:
    """Return for which people of ``members`` a pass was asked for that nobody answered yet."""
    users = members.order_by().values("user")
    asking = PassRequest.objects.filter(closed_at=None, user__in=users)
    return set(asking.values_list("user", flat=True))


def _member(row: Row, viewer: Membership, *, is_required: bool, asks_for_pass: bool) -> Member:
    shown = row.outcome if is_required or row.has_device else ""
    is_lower = viewer.is_owner or not row.membership.is_owner
    return Member(
        membership=row.membership,
        outcome=str(shown) if viewer.is_manager else "",
        may_be_changed=viewer.is_manager and is_lower,
        may_get_pass=viewer.is_manager and (is_required or row.has_device),
        asks_for_pass=asks_for_pass,
    )
