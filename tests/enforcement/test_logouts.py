"""At the deadline: the sweep ends what the gate already refuses, and tells whom it met."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import sessions
from accounts.models import Account, AuditEvent, EndReason, Membership, Notice, Session, User
from enforcement import logouts, passes, policies, tasks
from enforcement.models import Closing, Pass, Policy
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    PAGE,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def stamp_of(person: User) -> str:
    return User.objects.get(pk=person.pk).stamp


def told(kind: str = "signed_out") -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("recipient", flat=True))


def sweep(now: datetime) -> None:
    logouts.end_overdue_sessions(now=now)


def test_the_sweep_ends_sessions_at_the_deadline_and_not_before(
    policy: Policy, ada: User, clock: Clock
) -> None:
    sign_in(ada)
    stamp = stamp_of(ada)
    sweep(policy.deadline - MS)
    assert stamp_of(ada) == stamp
    assert Policy.objects.get().swept_at is None
    sweep(policy.deadline)
    person = User.objects.get(pk=ada.pk)
    assert person.stamp != stamp
    assert person.ended_reason == EndReason.DEADLINE
    assert Policy.objects.get().swept_at == policy.deadline


def test_what_was_swept_stays_ended_when_the_requirement_ends(
    policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    clock.set(policy.deadline)
    sweep(clock.now)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert not is_in(client)
    assert is_in(sign_in(ada))


def test_only_who_was_signed_in_is_told(
    policy: Policy, owner: User, ada: User, clock: Clock
) -> None:
    sign_in(ada)
    sweep(policy.deadline)
    assert told() == [ada.email]
    rows = AuditEvent.objects.filter(event="deadline_passed")
    assert [(row.subject_id, row.account_id) for row in rows] == [(ada.pk, policy.account_id)]


def test_who_signed_out_or_was_idle_is_not_told(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    sign_in(owner).post("/logout/")
    sign_in(ada)
    clock.forward(days=6)
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    sweep(policy.deadline)  # seven days after Ada was last seen
    assert told() == []


@pytest.mark.proves("S62")
def test_sweeping_twice_is_sweeping_once(policy: Policy, ada: User, clock: Clock) -> None:
    sign_in(ada)
    sweep(policy.deadline)
    stamp, rows = stamp_of(ada), AuditEvent.objects.count()
    sweep(policy.deadline + HOUR)
    Policy.objects.update(swept_at=None)  # killed before the mark
    sweep(policy.deadline + 2 * HOUR)
    assert stamp_of(ada) == stamp
    assert told() == [ada.email]
    assert AuditEvent.objects.count() == rows
    assert len(told("owner_result")) == 1


@pytest.mark.proves("S62", "B33")
def test_who_signed_in_again_after_a_sweep_that_was_killed_keeps_the_session(
    policy: Policy, ada: User, clock: Clock
) -> None:
    sign_in(ada)
    clock.set(policy.deadline)
    sweep(clock.now)
    Policy.objects.update(swept_at=None)
    enrolled = enrol_app(ada, now=clock.now)
    clock.forward(minutes=1)
    client = sign_in_with_code(enrolled)
    sweep(clock.now)
    assert is_in(client)


@pytest.mark.proves("B21")
@pytest.mark.parametrize("how", ["enrolled", "on a pass", "left", "deactivated", "freed"])
def test_who_need_not_act_is_left_alone(
    how: str, policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    sign_in(ada)
    if how == "enrolled":
        client = sign_in_with_code(enrol_app(ada, now=clock.now))
    elif how == "on a pass":
        clock.forward(hours=1)
        passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
        client = sign_in(ada)
    else:
        client = sign_in(ada)
        if how == "left":
            Membership.objects.filter(user=ada).delete()
        elif how == "deactivated":
            User.objects.filter(pk=ada.pk).update(is_active=False)
        else:
            policies.switch_off(account=northwind, actor=None, now=clock.now)
    stamp = stamp_of(ada)
    clock.set(policy.deadline)
    sweep(clock.now)
    assert stamp_of(ada) == stamp
    assert told() == []
    assert is_in(client) is (how != "deactivated")


def test_people_of_other_accounts_are_left_alone(policy: Policy, clock: Clock) -> None:
    other = make_user()
    make_account(owner=other)
    client = sign_in(other)
    clock.set(policy.deadline)
    sweep(clock.now)
    assert is_in(client)


def test_a_member_of_two_accounts_is_told_once_and_by_the_first(
    policy: Policy, ada: User, clock: Clock
) -> None:
    other = make_account(members=(ada,))
    clock.forward(hours=1)
    second = policies.switch_on(account=other, actor=None, now=clock.now)
    sign_in(ada)
    sweep(policy.deadline)
    sweep(second.deadline)
    assert told() == [ada.email]
    assert Notice.objects.get(kind="signed_out").context["policy"] == policy.pk


@pytest.mark.proves("B36")
def test_a_sweep_three_hours_late_meets_all_who_became_due(
    policy: Policy, northwind: Account, clock: Clock
) -> None:
    people = [make_user() for _ in range(5)]
    for person in people:
        Membership.objects.create(account=northwind, user=person, joined_at=policy.starts_at)
        sign_in(person)
    sweep(policy.deadline + 3 * HOUR)
    assert told() == sorted(person.email for person in people)


def test_the_window_of_a_late_joiner_needs_no_sweep(
    policy: Policy, northwind: Account, clock: Clock
) -> None:
    late = make_user()
    client = sign_in(late)
    Membership.objects.create(account=northwind, user=late, joined_at=clock.now + MS)
    clock.forward(seconds=1)
    assert not is_in(client)
    sweep(policy.deadline)
    assert told() == []


def test_owners_are_told_how_it_came_out(
    policy: Policy, northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    ready, resting = enrolled_person(name="Rita").user, make_user(name="Pat")
    for person in (ready, resting):
        Membership.objects.create(account=northwind, user=person, joined_at=policy.starts_at)
    clock.forward(hours=1)
    passes.grant_pass(user=resting, actor=None, reason="Lost phone", now=clock.now)
    sweep(policy.deadline)
    (notice,) = Notice.objects.filter(kind="owner_result")
    assert notice.recipient == owner.email
    assert notice.context["done"] == 1
    assert notice.context["signed_out"] == 2  # the owner and Ada
    assert sorted(notice.context["names"]) == ["Ada Lovelace", "Olga Owner", "Pat"]


def test_many_people_are_met_in_few_queries(
    policy: Policy, northwind: Account, clock: Clock
) -> None:
    people = User.objects.bulk_create(User(email=f"p{n}@northwind.example") for n in range(60))
    Membership.objects.bulk_create(
        Membership(account=northwind, user=each, joined_at=policy.starts_at) for each in people
    )
    Session.objects.bulk_create(
        Session(
            session_key=f"{number:032}",
            session_data="",
            expire_date=policy.deadline + DAY,
            user=each,
            stamp=each.stamp,
            method="password",
            born_at=clock.now,
            seen_at=clock.now,
        )
        for number, each in enumerate(people)
    )
    with CaptureQueriesContext(connection) as queries:
        sweep(policy.deadline)
    assert len(told()) == 60
    assert len(queries.captured_queries) < 40


# Passes.


def test_the_sweep_settles_passes_that_ran_out(ada: User, policy: Policy, clock: Clock) -> None:
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    logouts.settle_passes(now=granted.until - MS)
    assert Pass.objects.get().closed_at is None
    logouts.settle_passes(now=granted.until)
    logouts.settle_passes(now=granted.until)
    assert Pass.objects.get().closed_as == Closing.RAN_OUT
    assert told("pass_ended") == [ada.email]


@pytest.mark.proves("S63")
def test_one_pass_that_fails_stops_no_other(
    policy: Policy, northwind: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [enrolled_person().user for _ in range(3)]
    for person in people:
        passes.grant_pass(user=person, actor=None, reason="Lost phone", now=clock.now)
    settle = passes.settle_pass

    def fail_once(*, user: User, now: datetime) -> bool:
        if user == people[1]:
            raise RuntimeError("disk on fire")
        return settle(user=user, now=now)

    monkeypatch.setattr(passes, "settle_pass", fail_once)
    logouts.settle_passes(now=clock.now + DAY)
    assert Pass.objects.filter(closed_at=None).get().user == people[1]


@pytest.mark.proves("S63")
def test_a_job_that_fails_stops_no_other(
    policy: Policy, ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(ada)

    def fail(*, now: datetime) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(tasks, "WORK", (fail, *tasks.WORK))
    tasks.carry_out(now=policy.deadline)
    assert told() == [ada.email]


# A sweep that comes late.


def open_pages_for_long(client: Client, person: User, clock: Clock) -> None:
    """Open a page at the deadline, and again when its reason is no longer shown."""
    assert not is_in(client)
    clock.forward(minutes=11)
    assert not is_in(client)
    assert client.get("/settings/", headers=PAGE).status_code == 302


def sign_in_half_way(client: Client, person: User, clock: Clock) -> None:
    sign_in(person, client=client)
    clock.forward(hours=1)
    assert not is_in(client)


def press_sign_out(client: Client, person: User, clock: Clock) -> None:
    client.post("/logout/")
    assert not is_in(client)


def stand_in_set_up(client: Client, person: User, clock: Clock) -> None:
    """Go on in the set-up that was begun before: the session becomes a pending sign-in."""
    assert client.get("/two-factor/setup/app/").status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize(
    "meanwhile", [open_pages_for_long, sign_in_half_way, press_sign_out, stand_in_set_up]
)
@pytest.mark.parametrize("late", [2 * HOUR, 20 * DAY])
def test_a_late_sweep_tells_whoever_was_signed_in_whatever_they_opened_meanwhile(
    meanwhile: Callable[[Client, User, Clock], None],
    late: timedelta,
    policy: Policy,
    ada: User,
    clock: Clock,
    settings: Any,
) -> None:
    settings.TWO_FACTOR_MAILBOX_PROOF = False
    clock.set(policy.deadline - MINUTE)
    clients = [sign_in(ada), sign_in(ada)]
    for client in clients:
        client.get("/two-factor/setup/app/")
    clock.set(policy.deadline)
    for client in clients:
        meanwhile(client, ada, clock)
    sweep(policy.deadline + late)
    assert told() == [ada.email]
    assert AuditEvent.objects.filter(event="deadline_passed").count() == 1


def test_a_late_sweep_does_not_tell_who_signed_out_before_the_deadline(
    policy: Policy, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    clock.set(policy.deadline - MS)
    client.post("/logout/")
    clock.forward(hours=3)
    sign_in(ada, client=client)
    assert not is_in(client)
    sweep(clock.now)
    assert told() == []


def test_what_a_sweep_has_yet_to_find_opens_nothing_and_is_in_no_list(
    policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    stolen = Client(headers=PAGE)
    stolen.cookies.update(client.cookies)
    clock.set(policy.deadline)
    press_sign_out(client, ada, clock)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert not is_in(stolen)
    sign_in(ada, client=client)
    assert len(sessions.live_sessions(User.objects.get(pk=ada.pk), now=clock.now)) == 1
