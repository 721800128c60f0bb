"""A provider is switched off or cut off: who gets time, and how much."""

from typing import Any

import pytest

from accounts import memberships, moving, providers
from accounts.models import Account, Identity, Membership, Provider, User
from enforcement import extensions, policies
from enforcement.models import Extension, Policy
from enforcement.standing import policies_of
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
    code_of,
    fetch,
    is_in,
    provider_of,
    sign_in,
    sign_in_through,
)
from tests.enforcement.sso_off.kit import due_at, support, switch_off, told
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.proves("S38")]


def test_who_was_exempt_gets_a_day_from_then_on(
    policy: Policy, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.forward(days=3)
    assert is_in(client)
    switch_off(provider, at=clock.now)
    deadline = clock.now + DAY
    assert due_at(ada) == deadline
    assert [found.due_at for found in policies_of(ada)] == [deadline]
    assert due_at(owner) == policy.deadline
    assert is_in(client)
    assert client.get("/settings/").context["banner"].until == deadline
    clock.set(deadline - MS)
    assert is_in(client)
    by_password = sign_in(ada)
    assert is_in(by_password)
    clock.set(deadline)
    for browser in (client, by_password):
        assert code_of(fetch(browser)) == "signed_out_deadline"


@pytest.mark.parametrize(
    "who",
    [
        "enrolled",
        "came by password",
        "unknown to it",
        "known to another",
        "deactivated",
        "staff",
    ],
)
def test_nobody_else_gets_a_later_deadline(
    who: str, policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    if who == "enrolled":
        enrol_app(ada, now=clock.now)
    changes: dict[str, dict[str, Any]] = {
        "came by password": {"last_provider": None},
        "deactivated": {"is_active": False},
        "staff": {"is_staff": True},
    }
    if who in changes:
        User.objects.filter(pk=ada.pk).update(**changes[who])
    if who == "unknown to it":
        Identity.objects.all().delete()
    if who == "known to another":
        Identity.objects.all().delete()
        sign_in_through(ada, provider_of(make_account("southwind"), ada, now=clock.now))
    switch_off(provider, at=clock.now + HOUR)
    assert not Extension.objects.exists()
    assert due_at(ada) == policy.deadline


def test_who_has_no_password_was_exempt_whatever_came_last(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    ada.set_unusable_password()
    ada.last_provider = None
    ada.save()
    switch_off(provider, at=clock.now + HOUR)
    assert [found.user for found in Extension.objects.all()] == [ada]


def test_without_a_requirement_nothing_is_extended(
    provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now)
    assert not Extension.objects.exists()


def test_a_deadline_is_extended_once_a_period(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    first = due_at(ada)
    again = make_provider(northwind, now=clock.now + 2 * HOUR)
    make_identity(again, ada, now=clock.now + 2 * HOUR)
    User.objects.filter(pk=ada.pk).update(last_provider=again)
    switch_off(again, at=clock.now + 3 * HOUR)
    assert due_at(ada) == first == clock.now + HOUR + DAY
    policies.switch_off(account=northwind, actor=None, now=clock.now + 4 * HOUR)
    new = policies.switch_on(account=northwind, actor=None, now=clock.now + 5 * HOUR)
    assert due_at(ada) == new.deadline


def test_leaving_and_joining_again_forfeits_it(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    membership = Membership.objects.get(user=ada, account=northwind)
    memberships.remove(membership=membership, actor=owner, now=clock.now + 2 * HOUR)
    assert due_at(ada) is None
    at = clock.now + 3 * HOUR
    Membership.objects.create(account=northwind, user=ada, joined_at=at)
    assert due_at(ada) == at


def test_it_moves_with_the_membership(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    mine = Membership.objects.get(user=ada, account=northwind)
    work = make_user("ada.lovelace@northwind.example")
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert due_at(ada) is None
    assert due_at(work) == clock.now + HOUR + DAY


def test_it_moves_to_who_forfeited_one_by_leaving(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    work = make_user("ada.lovelace@northwind.example")
    left = Membership.objects.create(account=northwind, user=work, joined_at=policy.starts_at)
    make_identity(provider, work, now=clock.now)
    User.objects.filter(pk=work.pk).update(last_provider=provider)
    switch_off(provider, at=clock.now + HOUR)
    assert Extension.objects.count() == 2
    memberships.remove(membership=left, actor=owner, now=clock.now + 2 * HOUR)
    mine = Membership.objects.get(user=ada, account=northwind)
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 3 * HOUR)
    assert [found.user for found in Extension.objects.all()] == [work]
    assert due_at(work) == clock.now + HOUR + DAY


def test_it_stays_where_another_membership_moves(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    theirs = Membership.objects.get(user=owner, account=northwind)
    work = make_user("olga@northwind.example")
    moving.move(user=owner, membership_id=theirs.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert due_at(ada) == clock.now + HOUR + DAY
    assert due_at(work) == policy.deadline


def test_a_membership_that_moves_leaves_what_both_have_elsewhere(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    work = make_user("ada.lovelace@northwind.example")
    southwind = make_account("southwind", members=(ada, work))
    policies.switch_on(account=southwind, actor=None, now=clock.now)
    theirs = provider_of(southwind, ada, now=clock.now)
    make_identity(theirs, work, now=clock.now)
    User.objects.filter(pk=work.pk).update(last_provider=theirs)
    User.objects.filter(pk=ada.pk).update(last_provider=theirs)
    switch_off(theirs, at=clock.now + HOUR)
    given = list(Extension.objects.order_by("pk").values_list("user", "deadline"))
    assert {key for key, _ in given} == {ada.pk, work.pk}
    mine = Membership.objects.get(user=ada, account=northwind)
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert list(Extension.objects.order_by("pk").values_list("user", "deadline")) == given
    for person in (ada, work):
        assert policies_of(person).get(account=southwind).due_at == clock.now + HOUR + DAY


def test_who_joined_late_through_sso_gets_the_same_day(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    late = make_user()
    joined_at = clock.now + HOUR
    Membership.objects.create(account=northwind, user=late, joined_at=joined_at)
    make_identity(provider, late, now=joined_at)
    User.objects.filter(pk=late.pk).update(last_provider=provider)
    assert due_at(late) == joined_at
    switch_off(provider, at=joined_at + HOUR)
    assert due_at(late) == joined_at + HOUR + DAY


def test_an_earlier_one_counts_for_nothing(policy: Policy, ada: User, clock: Clock) -> None:
    sooner = Extension(policy=policy, user=ada, deadline=clock.now + HOUR, given_at=clock.now)
    sooner.save()
    assert due_at(ada) == policy.deadline
    Extension.objects.update(deadline=policy.deadline + MS)
    assert due_at(ada) == policy.deadline + MS


def test_another_issuer_is_another_provider(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    """Support's replacing switches the old one off: the new one has to know people first."""
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline + DAY)
    assert is_in(client)
    switch_off(provider, at=clock.now)
    make_provider(provider.account, now=clock.now)
    assert is_in(client)
    clock.forward(hours=24)
    assert not is_in(client)


def test_a_provider_that_is_deleted_was_switched_off(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    clock.forward(hours=1)
    provider.delete()
    assert due_at(ada) == clock.now + DAY


def test_an_account_is_deleted_with_its_provider(
    policy: Policy, northwind: Account, provider: Provider, clock: Clock
) -> None:
    northwind.delete()
    assert not Provider.objects.exists()
    assert not Extension.objects.exists()


def test_cutting_off_gives_no_time(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.forward(hours=1)
    providers.cut_off(provider=provider, actor=support(), reason="keys stolen", now=clock.now)
    assert not Extension.objects.exists()
    assert due_at(ada) == policy.deadline
    assert not is_in(client)
    extensions.tell(now=clock.now)
    assert told("provider_off") == []


def test_switched_off_and_then_cut_off_ends_the_sessions_that_were_left(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    switch_off(provider, at=clock.now)
    assert is_in(client)
    providers.cut_off(provider=provider, actor=support(), reason="keys stolen", now=clock.now)
    assert not is_in(client)
