"""Two changes that lock the same rows, on PostgreSQL: in one order, so neither waits for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts import addresses, delivery, invitations, letters, moving, objections, people, sso
from accounts.claims import Claims
from accounts.models import Account, Invitation, Membership, Notice, Role, User
from enforcement import joining, notices, policies
from tests.factories import make_account, make_provider, make_user
from tests.integration.threads import at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MOMENT = 0.4
slow_thread = threading.local()


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[type[Exception]]]:
    """Run two calls, of which the first stops before ``name`` and the second begins meanwhile.

    Gives what they raised.
    """

    def both(
        first: Callable[[], object], second: Callable[[], object], *, where: Any, name: str
    ) -> list[type[Exception]]:
        real = getattr(where, name)

        def wait(*args: Any, **kwargs: Any) -> Any:
            if getattr(slow_thread, "is_slow", False):
                time.sleep(2 * MOMENT)
            return real(*args, **kwargs)

        monkeypatch.setattr(where, name, wait)
        return raised(at_once([partial(slowly, first), partial(a_moment_later, second)]))

    return both


def slowly(call: Callable[[], object]) -> object:
    slow_thread.is_slow = True
    return call()


def a_moment_later(call: Callable[[], object]) -> object:
    time.sleep(MOMENT)
    return call()


@contextmanager
def committing_late() -> Iterator[None]:
    with transaction.atomic():
        yield
        time.sleep(2 * MOMENT)


def invited(account: Account, guest: User, *, by: User) -> Invitation:
    return invitations.invite(
        account=account, email=guest.email, role=Role.MEMBER, actor=by, now=timezone.now()
    )


def test_an_owner_is_added_by_hand_who_accepts_an_invitation(meet: Callable[..., Any]) -> None:
    owner, guest, now = make_user(), make_user(), timezone.now()
    account = make_account(owner=owner)
    invitation = invited(account, guest, by=owner)
    add = partial(joining.add_by_hand, user=guest, account=account, role=Role.OWNER, actor=None)
    assert not meet(
        partial(joining.accept, invitation=invitation, user=guest, now=now),
        partial(add, now=now),
        where=joining,
        name="_wait_for_switch",
    )
    assert Membership.objects.filter(account=account, user=guest).exists()


def test_a_membership_moves_to_whom_a_provider_makes_new(meet: Callable[..., Any]) -> None:
    owner, now, email = make_user("old@home.example"), timezone.now(), "work@northwind.example"
    account = make_account(owner=owner, email_domains=["northwind.example"])
    provider = make_provider(account, now=now, allow_creation=True)
    mine = Membership.objects.get(user=owner)
    claims = Claims(subject="s", email=email, email_verified=True)
    failed = meet(
        partial(sso._carried_out, provider, claims, now=now),
        partial(moving.move, user=owner, membership_id=mine.pk, email=email, now=now),
        where=people,
        name="create",
    )
    assert OperationalError not in failed
    assert User.objects.filter(email=email).count() == 1


def address_changed() -> tuple[Notice, Notice]:
    """Return the mails to the old and to the new mailbox of a person whom support helped."""
    person, staff, now = make_user("old@home.example"), make_user(is_staff=True), timezone.now()
    addresses.change_by_support(
        user=person, email="new@home.example", actor=staff, reason="x", now=now
    )
    old, new = Notice.objects.filter(kind="address_changed").order_by("pk")
    return old, new


def test_both_mailboxes_of_a_changed_address_object(meet: Callable[..., Any]) -> None:
    old, new = address_changed()
    assert not meet(
        partial(objections.act, old, now=timezone.now()),
        partial(objections.act, new, now=timezone.now()),
        where=objections,
        name="_void_later",
    )
    assert User.objects.filter(email=old.recipient).exists()


def test_a_mail_is_given_up_whose_reader_is_taken_back(
    meet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = address_changed()

    def refuse(*args: Any, **how: Any) -> None:
        raise ValueError

    monkeypatch.setattr(letters, "build", refuse)
    assert not meet(
        partial(objections.act, old, now=timezone.now()),
        partial(delivery.send_due, now=timezone.now()),
        where=objections,
        name="_void_later",
    )
    new.refresh_from_db()
    assert (new.state, new.objected_at is None) == (Notice.State.FAILED, False)


def moved_on(mine: Membership, email: str) -> Notice:
    """Move a membership; return the mail to whom it was moved from."""
    holder = Membership.objects.get(pk=mine.pk).user
    moving.move(user=holder, membership_id=mine.pk, email=email, now=timezone.now())
    moved = Notice.objects.filter(kind="membership_moved", user=holder)
    return moved.get(context__old_address=holder.email)


def test_two_object_from_whom_one_membership_was_moved(meet: Callable[..., Any]) -> None:
    owner, now = make_user("first@home.example"), timezone.now()
    mine = Membership.objects.get(account=make_account(owner=owner))
    first, second = (moved_on(mine, f"{name}@home.example") for name in ("second", "third"))
    assert not meet(
        partial(objections.act, first, now=now),
        partial(objections.act, second, now=now),
        where=moving,
        name="_hand_over",
    )
    assert Membership.objects.get(pk=mine.pk).user == owner


def test_who_invited_deletes_the_sign_in_as_the_invitation_is_accepted(
    meet: Callable[..., Any],
) -> None:
    admin, guest, now = make_user(), make_user(), timezone.now()
    account = make_account(owner=make_user())
    Membership.objects.create(account=account, user=admin, role=Role.ADMIN)
    assert not meet(
        partial(joining.accept, invitation=invited(account, guest, by=admin), user=guest, now=now),
        partial(people.delete, user=admin, now=now),
        where=joining,
        name="_tell_inviter",
    )
    assert Membership.objects.filter(account=account, user=guest).exists()
    assert not User.objects.filter(pk=admin.pk).exists()


def test_who_began_a_period_deletes_the_sign_in_as_it_is_announced() -> None:
    owner, now = make_user(), timezone.now()
    account = make_account(owner=owner)
    Membership.objects.create(account=account, user=make_user(), role=Role.OWNER)
    policy = policies.switch_on(account=account, actor=owner, now=now)

    def announce() -> None:
        with committing_late():
            notices.announce(now=now)

    delete = partial(people.delete, user=owner, now=now)
    assert not raised(at_once([announce, partial(a_moment_later, delete)]))
    policy.refresh_from_db()
    assert (policy.started_by, policy.announced_at) == (None, now)
