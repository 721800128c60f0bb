"""From rows to facts: whose deadlines bind, and which passes count."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import invitations, memberships, people
from accounts.models import Account, Membership, Role, User
from enforcement import joining, passes, policies
from enforcement.decision import Step, decide
from enforcement.models import Closing, Pass
from enforcement.standing import (
    facts_of,
    joining_due_at,
    people_with_facts,
    standing_for,
    standing_of,
    standings,
)
from tests.enforcement.kit import DAY, HOUR, MS
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app
from twofactor import enrolment

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def require(account: Account, now: datetime) -> datetime:
    """Switch the requirement on; return the deadline."""
    return policies.switch_on(account=account, actor=None, now=now).deadline


def due_of(person: User) -> datetime | None:
    return facts_of(User.objects.get(pk=person.pk)).due_at


def step_of(person: User, now: datetime) -> Step:
    return decide(standing_for(User.objects.get(pk=person.pk)), now=now).step


def join(account: Account, person: User, at: datetime) -> Membership:
    return memberships.add(account=account, user=person, role=Role.MEMBER, actor=None, now=at)


def grant(person: User, now: datetime) -> Pass:
    return passes.grant_pass(user=person, actor=None, reason="Lost phone", now=now)


def test_nothing_binds_who_belongs_to_no_account(now: datetime) -> None:
    assert due_of(make_user()) is None


def test_nothing_binds_members_of_an_account_that_requires_nothing(
    northwind: Account, ada: User
) -> None:
    assert due_of(ada) is None


def test_a_member_of_before_the_start_has_the_whole_window(
    northwind: Account, ada: User, now: datetime
) -> None:
    assert require(northwind, now) == now + DAY
    assert due_of(ada) == now + DAY


def test_who_joined_at_the_very_start_has_the_window(northwind: Account, now: datetime) -> None:
    person = make_user()
    join(northwind, person, now)
    require(northwind, now)
    assert due_of(person) == now + DAY


def test_who_joined_a_millisecond_later_is_due_since_joining(
    northwind: Account, now: datetime
) -> None:
    person = make_user()
    require(northwind, now)
    join(northwind, person, now + MS)
    assert due_of(person) == now + MS
    assert step_of(person, now + MS) is Step.ENROL_NOW


def test_each_member_is_measured_by_the_own_joining(
    northwind: Account, ada: User, now: datetime
) -> None:
    late = make_user()
    require(northwind, now)
    join(northwind, late, now + HOUR)
    assert (due_of(ada), due_of(late)) == (now + DAY, now + HOUR)


def test_leaving_and_joining_again_earns_no_window(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    membership = Membership.objects.get(account=northwind, user=ada)
    memberships.remove(membership=membership, actor=ada, now=now + HOUR)
    assert due_of(ada) is None
    join(northwind, ada, now + 2 * HOUR)
    assert due_of(ada) == now + 2 * HOUR


def test_deactivation_and_return_earn_no_window(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    people.deactivate(user=ada, actor=None, now=now + HOUR)
    people.reactivate(user=ada, actor=None, now=now + 2 * DAY)
    assert due_of(ada) == now + DAY


def test_another_role_changes_no_deadline(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    require(northwind, now)
    membership = Membership.objects.get(account=northwind, user=ada)
    memberships.change_role(membership=membership, role=Role.OWNER, actor=owner, now=now + HOUR)
    assert due_of(ada) == due_of(owner) == now + DAY


def test_of_several_accounts_the_earliest_deadline_counts(
    northwind: Account, ada: User, now: datetime
) -> None:
    other = make_account(members=(ada,))
    require(other, now + 3 * HOUR)
    assert due_of(ada) == now + 3 * HOUR + DAY
    require(northwind, now + HOUR)
    assert due_of(ada) == now + HOUR + DAY
    policies.switch_off(account=northwind, actor=None, now=now + 4 * HOUR)
    assert due_of(ada) == now + 3 * HOUR + DAY


def test_a_late_joining_counts_before_an_old_window(
    northwind: Account, ada: User, now: datetime
) -> None:
    other = make_account()
    require(northwind, now)
    require(other, now)
    join(other, ada, now + HOUR)
    assert due_of(ada) == now + HOUR


def test_an_account_of_others_binds_nobody_else(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(make_account(), now)
    assert due_of(ada) is None


def test_a_period_that_ended_binds_nobody(northwind: Account, ada: User, now: datetime) -> None:
    require(northwind, now)
    policies.switch_off(account=northwind, actor=None, now=now + HOUR)
    assert due_of(ada) is None
    assert step_of(ada, now + 2 * DAY) is Step.PROCEED


def test_a_new_period_has_a_full_window_of_its_own(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    policies.switch_off(account=northwind, actor=None, now=now + HOUR)
    require(northwind, now + 30 * HOUR)
    assert due_of(ada) == now + 30 * HOUR + DAY


def test_a_setting_that_changes_later_moves_no_deadline(
    northwind: Account, ada: User, now: datetime, settings: object
) -> None:
    require(northwind, now)
    settings.TWO_FACTOR_GRACE = HOUR  # type: ignore[attr-defined]
    assert due_of(ada) == now + DAY


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"is_superuser": True}])
def test_staff_of_the_site_are_due_whatever_any_account_says(
    fields: dict[str, Any], clock: Clock
) -> None:
    person = make_user(**fields)
    assert step_of(person, clock.now) is Step.ENROL_NOW


def test_who_becomes_staff_is_due_at_once(ada: User, clock: Clock) -> None:
    assert step_of(ada, clock.now) is Step.PROCEED
    people.set_staff(user=ada, is_staff=True, is_superuser=False, actor=None, now=clock.now)
    assert step_of(ada, clock.now) is Step.ENROL_NOW


def test_a_pending_device_is_no_device(northwind: Account, ada: User, now: datetime) -> None:
    enrolment.begin_app(ada, attempt="a", now=now)
    assert not facts_of(ada).has_device


def test_a_confirmed_device_is_one(now: datetime, ada: User) -> None:
    enrol_app(ada, now=now)
    assert facts_of(ada).has_device


# Passes


def test_a_pass_that_runs_or_is_unsettled_is_read_from_the_person(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    grant(ada, now)
    assert step_of(ada, now + DAY - MS) is Step.ON_PASS
    assert step_of(ada, now + DAY) is Step.PASS_ENDED


def ran_out(person: User, granted_at: datetime) -> None:
    """Let a pass run out and be settled."""
    grant(person, granted_at)
    assert passes.settle_pass(user=person, now=granted_at + DAY)


def test_a_pass_that_ran_out_before_the_deadline_leads_to_set_up(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now + 12 * HOUR)
    ran_out(ada, now + 13 * HOUR - DAY)  # an hour into the period
    assert facts_of(User.objects.get(pk=ada.pk)).pass_ran_out
    assert step_of(ada, now + 13 * HOUR) is Step.ENROL_NOW


def test_a_pass_that_ran_out_before_the_period_began_counts_no_more(
    northwind: Account, ada: User, now: datetime
) -> None:
    enrol_app(ada, now=now)
    ran_out(ada, now)
    require(northwind, now + DAY)
    assert not facts_of(User.objects.get(pk=ada.pk)).pass_ran_out
    assert step_of(ada, now + DAY) is Step.ENROL_SOON


def test_a_pass_that_ran_out_a_millisecond_into_the_period_counts(
    northwind: Account, ada: User, now: datetime
) -> None:
    enrol_app(ada, now=now)
    grant(ada, now)
    require(northwind, now + DAY - MS)
    passes.settle_pass(user=ada, now=now + DAY)
    assert step_of(ada, now + DAY) is Step.ENROL_NOW


def test_a_pass_of_a_period_that_ended_counts_no_more(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    ran_out(ada, now)
    policies.switch_off(account=northwind, actor=None, now=now + DAY)
    assert step_of(ada, now + DAY) is Step.PROCEED
    require(northwind, now + 2 * DAY)
    assert step_of(ada, now + 2 * DAY) is Step.ENROL_SOON


def test_set_up_after_a_pass_ran_out_makes_it_count_no_more(
    northwind: Account, ada: User, now: datetime
) -> None:
    require(northwind, now)
    ran_out(ada, now)
    enrol_app(ada, now=now + DAY + HOUR)
    assert not facts_of(User.objects.get(pk=ada.pk)).pass_ran_out


def test_set_up_of_before_the_pass_does_not_count_as_following_it(
    northwind: Account, ada: User, now: datetime
) -> None:
    enrol_app(ada, now=now)
    require(northwind, now)
    ran_out(ada, now + HOUR)
    found = facts_of(User.objects.get(pk=ada.pk))
    assert (found.has_device, found.pass_ran_out) == (False, True)


def test_a_revoked_pass_did_not_run_out(northwind: Account, ada: User, now: datetime) -> None:
    require(northwind, now)
    grant(ada, now)
    passes.revoke_pass(user=ada, actor=None, now=now + HOUR)
    assert Pass.objects.get().closed_as == Closing.REVOKED
    assert step_of(ada, now + HOUR) is Step.ENROL_SOON


# Joining


def test_an_acceptance_under_way_binds_at_once(
    northwind: Account, owner: User, now: datetime
) -> None:
    guest = make_user()
    require(northwind, now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=now
    )
    due_at = joining_due_at(invitation.pk, person=guest, now=now)
    standing = standing_of(guest, facts_of(guest), joining_due_at=due_at)
    assert decide(standing, now=now).step is Step.ENROL_NOW
    assert step_of(guest, now) is Step.PROCEED  # any other session of the person


def test_an_acceptance_into_an_account_that_requires_nothing_binds_nobody(
    northwind: Account, owner: User, now: datetime
) -> None:
    guest = make_user()
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=now
    )
    assert joining_due_at(invitation.pk, person=guest, now=now) is None
    require(northwind, now)
    policies.switch_off(account=northwind, actor=None, now=now)
    assert joining_due_at(invitation.pk, person=guest, now=now) is None


def test_an_invitation_that_is_no_longer_open_binds_nobody(
    northwind: Account, owner: User, now: datetime
) -> None:
    guest = make_user()
    require(northwind, now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=now
    )
    assert joining_due_at(invitation.pk, person=guest, now=invitation.expires_at - MS)
    assert joining_due_at(invitation.pk, person=guest, now=invitation.expires_at) is None
    invitations.revoke(invitation=invitation, actor=owner, now=now)
    assert joining_due_at(invitation.pk, person=guest, now=now) is None
    assert joining_due_at(None, person=guest, now=now) is None


def test_the_invitation_of_somebody_else_binds_nobody(
    northwind: Account, owner: User, now: datetime
) -> None:
    guest, other = make_user(), make_user()
    require(northwind, now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=now
    )
    assert joining_due_at(invitation.pk, person=guest, now=now) == now
    assert joining_due_at(invitation.pk, person=other, now=now) is None


# Many people at once


def test_a_batch_has_the_same_standings_as_each_person_alone(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    late, on_pass, lost = make_user(), make_user(), make_user()
    for person in (on_pass, lost):
        join(northwind, person, now - HOUR)
    require(northwind, now)
    joining.add_by_hand(user=late, account=northwind, role=Role.MEMBER, actor=None, now=now + MS)
    enrol_app(ada, now=now)
    grant(on_pass, now)
    ran_out(lost, now - 23 * HOUR)
    everybody = User.objects.all()
    batch = {person.pk: standing for person, standing in standings(everybody)}
    assert batch == {person.pk: standing_for(person) for person in User.objects.all()}
    assert len({decide(each, now=now + HOUR).step for each in batch.values()}) == 4


def test_facts_that_came_with_a_person_cost_no_query(ada: User, now: datetime) -> None:
    person = people_with_facts(User.objects.filter(pk=ada.pk)).get()
    with CaptureQueriesContext(connection) as queries:
        standing_for(person)
    assert not queries.captured_queries


def test_the_facts_of_many_cost_one_query(northwind: Account, now: datetime) -> None:
    for _ in range(20):
        join(northwind, make_user(), now)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(standings(User.objects.all()))) == 22
    assert len(queries.captured_queries) == 1
