"""Changes of who owns an account that meet another, on PostgreSQL: an active owner is left."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts import memberships, moving, people
from accounts.audit import Event
from accounts.memberships import LastOwner
from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from accounts.moving import NotMovable
from enforcement import leaving
from tests.enforcement.kit import sign_in
from tests.factories import make_account, make_user
from tests.integration.threads import PATIENCE, at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS, CLICKS = 5, 4
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


def while_account_is_held(account: Account, *calls: Callable[[], object]) -> list[Any]:
    """Let ``calls`` come to the account's lock one after the other, and let it go then."""
    is_held = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Account.objects.locked(account.pk)
            is_held.set()
            time.sleep((len(calls) + 1) * A_MOMENT)

    def come(number: int, call: Callable[[], object]) -> object:
        is_held.wait(PATIENCE)
        time.sleep(number * A_MOMENT)
        return call()

    return at_once([hold, *(partial(come, *each) for each in enumerate(calls))])


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


def test_who_is_being_deactivated_and_made_an_owner_is_no_owner_to_stay() -> None:
    mine, now = owned(), timezone.now()
    member = Membership.objects.create(account=mine.account, user=make_user())
    make_owner = partial(
        memberships.change_role, membership=member, role=Role.OWNER, actor=mine.user, now=now
    )

    def hand_on() -> None:
        make_owner()
        leaving.leave(membership=mine, now=now)

    results = one_then_other(
        partial(people.deactivate, user=member.user, actor=None, now=now), hand_on
    )
    assert raised(results) == [LastOwner]
    assert has_owner(mine)


def test_of_two_who_move_to_a_new_address_nobody_meets_an_error() -> None:
    for number in range(ROUNDS):
        mine, other = owned(), owned()
        results = at_once([partial(move, each, f"new{number}@x.example") for each in (mine, other)])
        assert set(raised(results)) <= {NotMovable}
        assert has_owner(mine)
        assert has_owner(other)


def test_a_membership_that_moved_meanwhile_is_demoted_as_it_is() -> None:
    mine, support = owned(), make_user(is_staff=True, is_superuser=True)
    demote = partial(
        memberships.change_role,
        membership=owned_as_read(mine),
        role=Role.MEMBER,
        actor=support,
        now=timezone.now(),
    )
    results = while_account_is_held(mine.account, partial(move, mine, "work@x.example"), demote)
    assert raised(results) == [LastOwner]
    assert has_owner(mine)


def owned_as_read(membership: Membership) -> Membership:
    return Membership.objects.select_related("user", "account").get(pk=membership.pk)


def test_a_membership_that_moved_meanwhile_is_removed_from_whom_it_went_to() -> None:
    mine, second = owned(), make_user()
    Membership.objects.create(account=mine.account, user=second, role=Role.OWNER)
    remove = partial(
        leaving.remove, membership=owned_as_read(mine), actor=second, now=timezone.now()
    )
    assert not raised(
        while_account_is_held(mine.account, partial(move, mine, "work@x.example"), remove)
    )
    row = AuditEvent.objects.get(event=Event.MEMBER_REMOVED)
    assert row.subject_id == User.objects.get(email="work@x.example").pk
    assert Notice.objects.get(kind="removed_from_account").recipient == "work@x.example"


def clicked(client: Client, path: str) -> list[int]:
    """Post ``path`` several times at once in one browser; return the statuses."""
    browsers = [Client(raise_request_exception=False) for _ in range(CLICKS)]
    for each in browsers:
        each.cookies.update(client.cookies)
    results = at_once([partial(each.post, path) for each in browsers])
    assert all(isinstance(each, HttpResponse) for each in results), results
    return [each.status_code for each in results]  # type: ignore[union-attr]


def test_many_clicks_on_remove_take_a_member_out_once() -> None:
    mine = owned()
    client = sign_in(mine.user)
    for number in range(1, ROUNDS + 1):
        member = Membership.objects.create(account=mine.account, user=make_user())
        path = f"/accounts/{mine.account.slug}/members/{member.pk}/remove/"
        assert set(clicked(client, path)) <= {302, 404}
        for rows in (
            AuditEvent.objects.filter(event=Event.MEMBER_REMOVED),
            Notice.objects.filter(kind="removed_from_account"),
        ):
            assert rows.count() == number


def test_many_clicks_on_leave_or_delete_leave_and_delete_once() -> None:
    mine = owned()
    for number in range(1, ROUNDS + 1):
        member = Membership.objects.create(account=mine.account, user=make_user())
        client = sign_in(member.user)
        assert set(clicked(client, f"/accounts/{mine.account.slug}/leave/")) <= {302, 404}
        assert AuditEvent.objects.filter(event=Event.LEFT).count() == number
        assert set(clicked(client, "/settings/delete/")) == {302}
        assert AuditEvent.objects.filter(event=Event.PERSON_DELETED).count() == number
