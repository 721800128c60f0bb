"""The switch of a requirement: an owner's, with fresh proof; each flip is audited and mailed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from accounts import audit
from accounts.models import Account, AuditEvent, Membership, Notice, Role
from enforcement import notices
from enforcement.models import Policy
from tests.enforcement.desk import switch
from tests.enforcement.kit import HOUR, PAGE, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.integration.threads import at_once, raised
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, make_enrolled

pytestmark = pytest.mark.proves("S37")
MANY = 50


@pytest.fixture
def olga(db: None, clock: Clock) -> Enrolled:
    """An owner with a device; another owner is told of what she does."""
    return make_enrolled(make_user("olga@northwind.example"), now=clock.now)


@pytest.fixture
def account(olga: Enrolled) -> Account:
    account = make_account("northwind", owner=olga.user, members=(make_user(), make_user()))
    for role in (Role.OWNER, Role.ADMIN):
        Membership.objects.create(account=account, user=make_user(), role=role)
    return account


def switches() -> list[tuple[str, Any, Any]]:
    """Return what the audit says of the requirement, oldest first."""
    found = AuditEvent.objects.filter(event__in=("policy_on", "policy_off")).order_by("number")
    return [(row.event, row.before, row.after) for row in found]


@pytest.mark.both_databases
@pytest.mark.django_db
def test_ten_flips_are_ten_periods_each_audited_and_mailed_to_all_owners(
    olga: Enrolled, account: Account, clock: Clock
) -> None:
    client = sign_in_with_code(olga)
    for _ in range(10):
        for state in ("on", "off"):
            clock.forward(seconds=20)
            assert switch(client, account, state).status_code == 302
            notices.announce(now=clock.now)
    periods = list(Policy.objects.order_by("starts_at"))
    assert len(periods) == 10
    assert [one.deadline - one.starts_at for one in periods] == [24 * HOUR] * 10
    assert [one.ended_at for one in periods] == [one.starts_at + HOUR / 180 for one in periods]
    assert switches() == [row for one in periods for row in rows_of(one)]
    owners = Membership.objects.owners().filter(account=account)
    told = Notice.objects.filter(account_id=account.pk, user__in=owners.values("user"))
    for kind in ("owner_requirement_on", "owner_requirement_off"):
        assert told.filter(kind=kind).count() == 10 * len(owners) == 20, kind


def rows_of(period: Policy) -> list[tuple[str, Any, Any]]:
    """Return the pair of rows that a period leaves, which tells before and after."""
    on = {"required": True, "deadline": period.deadline.isoformat()}
    off = {"required": False}
    return [
        ("policy_on", off, {**on, "reason": ""}),
        ("policy_off", on, {**off, "reason": ""}),
    ]


def a_member(account: Account, olga: Enrolled, clock: Clock) -> Client:
    return sign_in(account.memberships.filter(role=Role.MEMBER).earliest("pk").user)


def an_account_admin(account: Account, olga: Enrolled, clock: Clock) -> Client:
    return sign_in(account.memberships.get(role=Role.ADMIN).user)


def another_accounts_owner(account: Account, olga: Enrolled, clock: Clock) -> Client:
    person = make_user()
    make_account("other", owner=person)
    return sign_in(person)


def a_former_owner(account: Account, olga: Enrolled, clock: Clock) -> Client:
    client = sign_in_with_code(olga)
    Membership.objects.filter(account=account, user=olga.user).update(role=Role.ADMIN)
    return client


def a_session_ten_minutes_old(account: Account, olga: Enrolled, clock: Clock) -> Client:
    client = sign_in_with_code(olga)
    clock.forward(minutes=10)
    return client


def a_backup_code(account: Account, olga: Enrolled, clock: Clock) -> Client:
    client = sign_in(olga.user)
    client.post("/login/recovery/", {"code": olga.codes[0]})
    assert client.get("/settings/").status_code == 200
    return client


def the_password_alone(account: Account, olga: Enrolled, clock: Clock) -> Client:
    return sign_in(olga.user)


def no_token(account: Account, olga: Enrolled, clock: Clock) -> Client:
    strict = Client(enforce_csrf_checks=True, headers=PAGE)
    strict.cookies = sign_in_with_code(olga).cookies
    return strict


REFUSED: dict[Callable[[Account, Enrolled, Clock], Client], tuple[int, str]] = {
    a_member: (403, ""),
    an_account_admin: (403, ""),
    another_accounts_owner: (404, ""),
    a_former_owner: (403, ""),
    a_session_ten_minutes_old: (302, "/reauthenticate/?next="),
    a_backup_code: (302, "/reauthenticate/?next="),
    the_password_alone: (302, "/login/verify/"),
    no_token: (403, ""),
}


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["on", "off"])
@pytest.mark.parametrize("opening", REFUSED, ids=lambda opening: opening.__name__)
def test_nobody_else_and_nothing_less_switches(
    opening: Callable[[Account, Enrolled, Clock], Client],
    state: str,
    olga: Enrolled,
    account: Account,
    clock: Clock,
) -> None:
    if state == "off":
        switch(sign_in_with_code(olga), account)
        clock.forward(minutes=1)
    before = list(Policy.objects.values()), switches()
    answer = switch(opening(account, olga, clock), account, state)
    status, sent_to = REFUSED[opening]
    assert answer.status_code == status
    assert answer.headers.get("Location", "").startswith(sent_to)
    assert (list(Policy.objects.values()), switches()) == before


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_at_once_are_one_change() -> None:
    owners = [make_user(), make_user()]
    account = make_account(owner=owners[0], members=(make_user(),))
    Membership.objects.create(account=account, user=owners[1], role=Role.OWNER)
    sessions = [sign_in(owner) for owner in owners]
    for state, number in (("on", 1), ("off", 2), ("on", 3)):
        answers = at_once([partial(click, sessions[i % 2], account, state) for i in range(MANY)])
        assert not raised(answers)
        assert answers == [302] * MANY
        assert len(switches()) == number
        assert Policy.objects.filter(ended_at=None).count() == number % 2
    assert Policy.objects.count() == 2
    assert [event for event, _, _ in switches()] == ["policy_on", "policy_off", "policy_on"]
    assert audit.first_bad_row() is None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_on_and_off_at_once_leave_a_row_for_each_change() -> None:
    owner = make_user()
    account, session = make_account(owner=owner), sign_in(owner)
    states = ("on", "off")
    answers = at_once([partial(click, session, account, states[i % 2]) for i in range(MANY)])
    assert answers == [302] * MANY
    periods = list(Policy.objects.order_by("pk"))
    assert [event for event, _, _ in switches()] == [
        event
        for one in periods
        for event in ("policy_on", "policy_off")[: 2 if one.ended_at else 1]
    ]
    assert all(one.ended_at for one in periods[:-1])


def click(session: Client, account: Account, state: str) -> int:
    """Press the button in a tab of its own of somebody's browser."""
    tab = Client(headers=PAGE)
    tab.cookies = session.cookies
    return int(switch(tab, account, state).status_code)
