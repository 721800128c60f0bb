"""Where the operator lets owners grant passes: none of them opens what is somebody else's."""

import pytest
from pytest_django import Settings

from accounts.models import Account, User
from enforcement import passes, policies
from tests.enforcement.kit import enrolled_person
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(clock: Clock, settings: Settings) -> User:
    settings.TWO_FACTOR_OWNER_PASSES = True
    return enrolled_person(email="owner@northwind.example").user


def required(owner: User, member: User, *, clock: Clock) -> Account:
    account = make_account(owner=owner, members=(member,))
    clock.forward(minutes=1)
    policies.switch_on(account=account, actor=None, now=clock.now)
    return account


def test_an_owner_grants_a_pass_to_who_is_in_the_own_account_alone(
    owner: User, clock: Clock
) -> None:
    ada = make_user()
    required(owner, ada, clock=clock)
    granted = passes.grant_pass(user=ada, actor=owner, reason="Lost phone.", now=clock.now)
    assert granted.is_running(now=clock.now)


@pytest.mark.parametrize("other_requires", [True, False])
def test_an_owner_rests_no_factor_for_an_account_of_others(
    owner: User, clock: Clock, other_requires: bool
) -> None:
    """A pass rests the whole sign-in, the other account's door included."""
    ada = make_user()
    required(owner, ada, clock=clock)
    if other_requires:
        required(make_user(), ada, clock=clock)
    else:
        make_account(members=(ada,))
    with pytest.raises(passes.NotGrantable):
        passes.grant_pass(user=ada, actor=owner, reason="Lost phone.", now=clock.now)
