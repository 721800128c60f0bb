"""Switching the requirement of an account: who may, what is written, and what it costs."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import memberships
from accounts.models import Account, AuditEvent, Membership, Notice, Plan, Role, User
from enforcement import policies, switching
from enforcement.models import Policy
from enforcement.policies import NotSwitchable
from tests.enforcement.kit import DAY, HOUR, MS
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("event", flat=True))


def test_switching_on_stores_start_and_deadline_once(
    northwind: Account, owner: User, now: datetime
) -> None:
    policy = policies.switch_on(account=northwind, actor=owner, now=now)
    stored = Policy.objects.get()
    assert stored == policy
    assert (stored.starts_at, stored.deadline) == (now, now + DAY)
    assert (stored.started_by, stored.ended_at) == (owner, None)


def test_the_length_of_the_window_is_a_setting(
    northwind: Account, owner: User, now: datetime, settings: Settings
) -> None:
    settings.TWO_FACTOR_GRACE = 2 * HOUR
    assert policies.switch_on(account=northwind, actor=owner, now=now).deadline == now + 2 * HOUR


def test_who_joined_while_the_switch_waited_has_the_window_of_everybody(
    northwind: Account, owner: User, clock: Clock
) -> None:
    """An acceptance under way holds the switch up, which was pressed before."""
    pressed_at = clock.now
    clock.forward(seconds=2)
    joined = Membership.objects.create(account=northwind, user=make_user(), joined_at=clock.now)
    policy = policies.switch_on(account=northwind, actor=owner, now=pressed_at)
    assert policy.starts_at == joined.joined_at
    assert policy.deadline == joined.joined_at + DAY


def test_switching_is_audited_with_before_and_after(
    northwind: Account, owner: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    policies.switch_off(account=northwind, actor=owner, now=now + HOUR)
    off, on = AuditEvent.objects.all()
    deadline = (now + DAY).isoformat()
    assert (on.event, on.actor_id, on.account_id) == ("policy_on", owner.pk, northwind.pk)
    assert on.before == {"required": False}
    assert on.after == {"required": True, "deadline": deadline, "reason": ""}
    assert (off.event, off.at) == ("policy_off", now + HOUR)
    assert off.before == {"required": True, "deadline": deadline}
    assert off.after == {"required": False, "reason": ""}


def test_a_second_click_gets_the_period_of_the_first(
    northwind: Account, owner: User, now: datetime
) -> None:
    first = policies.switch_on(account=northwind, actor=owner, now=now)
    second = policies.switch_on(account=northwind, actor=owner, now=now + HOUR)
    assert first == second
    assert second.deadline == now + DAY
    assert events() == ["policy_on"]


def test_switching_off_what_is_off_changes_nothing(
    northwind: Account, owner: User, now: datetime
) -> None:
    assert policies.switch_off(account=northwind, actor=owner, now=now) is None
    assert events() == []
    assert not Notice.objects.exists()


def test_ten_times_off_and_on_are_ten_periods_and_ten_pairs_of_audit_rows(
    northwind: Account, owner: User, clock: Clock
) -> None:
    for _ in range(10):
        policies.switch_on(account=northwind, actor=owner, now=clock.now)
        clock.forward(minutes=1)
        policies.switch_off(account=northwind, actor=owner, now=clock.now)
        clock.forward(minutes=1)
    assert Policy.objects.count() == 10
    assert events() == ["policy_on", "policy_off"] * 10
    assert len({policy.deadline for policy in Policy.objects.all()}) == 10


def test_the_database_itself_holds_one_open_period_per_account(
    northwind: Account, now: datetime
) -> None:
    policy = policies.switch_on(account=northwind, actor=None, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Policy.objects.create(account=northwind, starts_at=now, deadline=policy.deadline)
    with pytest.raises(IntegrityError), transaction.atomic():
        Policy.objects.create(account=make_account(), starts_at=now, deadline=now)


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.TEAM])
def test_only_enterprise_accounts_can_require_it(plan: Plan, owner: User, now: datetime) -> None:
    account = make_account(owner=owner, plan=plan)
    with pytest.raises(NotSwitchable, match="Enterprise"):
        policies.switch_on(account=account, actor=owner, now=now)
    assert not Policy.objects.exists()
    assert events() == []


def make_actor(who: str, account: Account) -> User:
    """Somebody who tries to switch the requirement of ``account``."""
    fields: dict[str, dict[str, Any]] = {
        "support": {"is_staff": True},
        "superuser": {"is_superuser": True},
        "inactive support": {"is_staff": True, "is_active": False},
        "inactive owner": {"is_active": False},
    }
    actor = make_user(**fields.get(who, {}))
    role = {"owner": Role.OWNER, "inactive owner": Role.OWNER, "admin": Role.ADMIN}.get(who)
    if who == "owner of another":
        make_account(owner=actor)
    elif role or who == "member":
        Membership.objects.create(account=account, user=actor, role=role or Role.MEMBER)
    return actor


@pytest.mark.parametrize(
    ("who", "may", "without_reason"),
    [
        ("owner", True, True),
        ("support", True, False),
        ("superuser", True, False),
        ("admin", False, False),
        ("member", False, False),
        ("stranger", False, False),
        ("owner of another", False, False),
        ("inactive owner", False, False),
        ("inactive support", False, False),
    ],
)
def test_who_may_switch(
    who: str, may: bool, without_reason: bool, northwind: Account, now: datetime
) -> None:
    actor = make_actor(who, northwind)
    for reason, is_allowed in (("", may and without_reason), ("An owner asked", may)):
        for switch in (policies.switch_on, policies.switch_off):
            if is_allowed:
                switch(account=northwind, actor=actor, reason=reason, now=now)
            else:
                with pytest.raises(NotSwitchable):
                    switch(account=northwind, actor=actor, reason=reason, now=now)
    assert Policy.objects.count() == sum([may and without_reason, may])


def test_an_owner_who_was_removed_meanwhile_may_not(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    Membership.objects.filter(user=ada).update(role=Role.OWNER)
    membership = Membership.objects.get(user=owner)
    memberships.remove(membership=membership, actor=ada, now=now)
    with pytest.raises(NotSwitchable):
        policies.switch_on(account=northwind, actor=owner, now=now)


@pytest.mark.proves("B28")
def test_switching_costs_the_same_for_any_number_of_members(
    northwind: Account, owner: User, now: datetime
) -> None:
    def cost(account: Account) -> list[int]:
        found = []
        for switch in (policies.switch_on, policies.switch_off):
            with CaptureQueriesContext(connection) as queries:
                switch(account=account, actor=owner, now=now)
            found.append(len(queries.captured_queries))
            touched = [q["sql"] for q in queries.captured_queries if "accounts_user" in q["sql"]]
            assert not [sql for sql in touched if sql.startswith("UPDATE")]
        return found

    cost(northwind)  # the very first row of the audit costs more
    few = cost(northwind)
    people = User.objects.bulk_create(User(email=f"p{n}@northwind.example") for n in range(300))
    Membership.objects.bulk_create(Membership(account=northwind, user=each) for each in people)
    assert cost(northwind) == few
    assert sum(few) < 40


def test_owners_are_told_when_it_ends(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    policies.switch_off(account=northwind, actor=owner, now=now)
    told = Notice.objects.filter(kind="owner_requirement_off")
    assert [notice.recipient for notice in told] == [owner.email]


def test_owners_are_told_when_support_switched(
    northwind: Account, owner: User, now: datetime
) -> None:
    support = make_user(is_staff=True)
    for is_on in (True, False):
        switching.switch(account=northwind, is_on=is_on, actor=support, reason="Call", now=now)
    told = Notice.objects.filter(kind="policy_support_switched").order_by("pk")
    assert [notice.recipient for notice in told] == [owner.email, owner.email]
    assert [notice.context["actor_name"] for notice in told] == ["our support", "our support"]
    assert [notice.context["is_on"] for notice in told] == [True, False]


def test_owners_are_told_of_support_s_switch_beside_somebody_who_joins(
    northwind: Account, owner: User, now: datetime
) -> None:
    """It waited for the account's lock, which an acceptance held for a moment."""
    support = make_user(is_staff=True)
    Membership.objects.create(account=northwind, user=make_user(), joined_at=now + 5 * MS)
    switch = partial(switching.switch, account=northwind, is_on=True, actor=support, now=now)
    assert switch(reason="Call").is_new
    assert Notice.objects.filter(kind="policy_support_switched", user=owner).count() == 1
    assert not switch(reason="Again").is_new


def test_owners_are_not_told_so_when_an_owner_switched(
    northwind: Account, owner: User, now: datetime
) -> None:
    switching.switch(account=northwind, is_on=True, actor=owner, reason="", now=now)
    assert not Notice.objects.filter(kind="policy_support_switched").exists()


def test_a_change_that_is_rolled_back_leaves_neither_period_nor_audit_nor_mail(
    northwind: Account, owner: User, now: datetime
) -> None:
    with transaction.atomic():
        policies.switch_on(account=northwind, actor=owner, now=now)
        policies.switch_off(account=northwind, actor=owner, now=now)
        transaction.set_rollback(True)
    assert not Policy.objects.exists()
    assert events() == []
    assert not Notice.objects.exists()
