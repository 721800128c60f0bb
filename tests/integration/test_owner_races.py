"""Changes of who owns an account that meet another, on PostgreSQL: an active owner is left."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import moving, people
from accounts.memberships import LastOwner
from accounts.models import Membership
from accounts.moving import NotMovable
from tests.factories import make_account, make_user
from tests.integration.threads import PATIENCE, at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = 5
A_MOMENT = 0.3  # in which the other one comes to the lock, or would have gone past it


def one_then_other(first: Callable[[], object], second: Callable[[], object]) -> list[Any]:
    """Run ``second`` when ``first`` is done, but for its commit."""
    is_done = threading.Event()

    def begin() -> object:
        with transaction.atomic():
            found = first()
            is_done.set()
            time.sleep(A_MOMENT)
        return found

    def follow() -> object:
        is_done.wait(PATIENCE)
        return second()

    return at_once([begin, follow])


def owned() -> Membership:
    return Membership.objects.select_related("user", "account").get(
        account=make_account(owner=make_user())
    )


def move(membership: Membership, email: str) -> Membership:
    return moving.move(
        user=membership.user, membership_id=membership.pk, email=email, now=timezone.now()
    )


def has_owner(membership: Membership) -> bool:
    return Membership.objects.owners().filter(account=membership.account_id).exists()


@pytest.mark.parametrize("end", [partial(people.deactivate, actor=None), people.delete])
def test_who_is_being_given_the_account_can_t_go(end: Callable[..., None]) -> None:
    mine, target = owned(), make_user()
    results = one_then_other(
        partial(move, mine, target.email), partial(end, user=target, now=timezone.now())
    )
    assert raised(results) == [LastOwner]
    assert has_owner(mine)


def test_who_is_being_deactivated_is_given_no_account() -> None:
    mine, target = owned(), make_user()
    results = one_then_other(
        partial(people.deactivate, user=target, actor=None, now=timezone.now()),
        partial(move, mine, target.email),
    )
    assert raised(results) == [NotMovable]
    assert has_owner(mine)


def test_whose_sign_in_is_being_deleted_gets_a_new_one() -> None:
    mine, target = owned(), make_user()
    results = one_then_other(
        partial(people.delete, user=target, now=timezone.now()), partial(move, mine, target.email)
    )
    assert not raised(results)
    assert Membership.objects.get(pk=mine.pk).user.email == target.email


def test_of_two_who_move_to_a_new_address_nobody_meets_an_error() -> None:
    for number in range(ROUNDS):
        mine, other = owned(), owned()
        results = at_once([partial(move, each, f"new{number}@x.example") for each in (mine, other)])
        assert set(raised(results)) <= {NotMovable}
        assert has_owner(mine)
        assert has_owner(other)
