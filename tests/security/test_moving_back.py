"""“It wasn't me” after a move: the old mailbox has its membership back, the new moves nothing."""

import pytest

from accounts import moving, objections
from accounts.models import Account, Membership, Notice, Role, User
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

VICTIM, THIEF = "ada@northwind.example", "thief@bad.example"


@pytest.fixture
def account(clock: Clock) -> Account:
    """An account whose owner's membership a thief has moved to an address of his own."""
    account = make_account(owner=make_user(VICTIM))
    owned = Membership.objects.get(account=account)
    moving.move(user=owned.user, membership_id=owned.pk, email=THIEF, now=clock.now)
    return account


def owner_of(account: Account) -> str:
    return Membership.objects.get(account=account, role=Role.OWNER).user.email


def test_the_old_mailbox_has_its_membership_back(account: Account, clock: Clock) -> None:
    assert owner_of(account) == THIEF
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(account) == VICTIM


def test_the_new_mailbox_moves_nothing(account: Account, clock: Clock) -> None:
    objections.act(Notice.objects.get(kind="membership_moved", recipient=THIEF), now=clock.now)
    assert owner_of(account) == THIEF


def test_who_was_made_a_member_meanwhile_stays_one(account: Account, clock: Clock) -> None:
    Membership.objects.create(account=account, user=User.objects.get(email=VICTIM))
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert Membership.objects.filter(account=account).count() == 2
