"""Support staff try to be more than they are, and a harmless change must not blind the audit."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.memberships import NotAllowed, change_role, remove
from accounts.models import Membership, Role, User
from enforcement import account_changes, support
from tests.enforcement.kit import enrolled_person, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(clock: Clock) -> User:
    return make_user("owner@northwind.example")


@pytest.mark.proves("S54")
def test_staff_who_are_admins_of_an_account_neither_make_nor_unmake_owners(
    owner: User, clock: Clock
) -> None:
    """Support gives itself no role that an owner did not give."""
    account = make_account("northwind", owner=owner)
    support = make_user("support@gatehouse.example", is_staff=True)
    own = Membership.objects.create(account=account, user=support, role=Role.ADMIN)
    of_owner = Membership.objects.get(account=account, user=owner)
    with pytest.raises(NotAllowed):
        change_role(membership=own, role=Role.OWNER, actor=support, now=clock.now)
    with pytest.raises(NotAllowed):
        change_role(membership=of_owner, role=Role.MEMBER, actor=support, now=clock.now)
    with pytest.raises(NotAllowed):
        remove(membership=of_owner, actor=support, now=clock.now)
    own.refresh_from_db()
    assert own.role == Role.ADMIN


@pytest.mark.proves("S54")
def test_the_page_answers_such_a_try_plainly(owner: User, clock: Clock) -> None:
    """By the form of the account's page."""
    account = make_account("northwind", owner=owner)
    staff = make_user("support@gatehouse.example", is_staff=True)
    own = Membership.objects.create(account=account, user=staff, role=Role.ADMIN)
    client = sign_in_with_code(enrol_app(staff, now=clock.now))
    client.post(f"/accounts/northwind/members/{own.pk}/role/", {"role": "owner"})
    own.refresh_from_db()
    assert own.role == Role.ADMIN


@pytest.mark.proves("S60", "S61")
def test_the_audit_shows_changes_of_every_kind(owner: User, clock: Clock) -> None:
    """One change of an account's domains made the list of the audit answer 500."""
    account = make_account("northwind", owner=owner)
    account.email_domains = ["northwind.example", "films.example"]
    account_changes.change(account=account, actor=owner, now=clock.now)
    answer = sign_in(owner).get("/admin/accounts/auditevent/")
    assert answer.status_code == 200
    assert "films.example" in answer.content.decode()


ACTS: dict[str, Callable[..., Any]] = {
    "reset": lambda **who: support.reset(reason="asked", **who),
    "sign out": support.sign_out,
    "change the address": lambda **who: support.change_address(
        email="new@x.example", reason="asked", **who
    ),
    "deactivate": support.deactivate,
    "reactivate": support.reactivate,
    "make staff": lambda **who: support.change_staff(is_staff=True, is_superuser=True, **who),
}
ACTORS = ["a person", "deactivated", "without a device", "oneself", "staff, of staff"]


@pytest.mark.proves("S54")
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("who", ACTORS)
def test_nothing_is_done_whichever_door_somebody_comes_by(
    who: str, act: Callable[..., Any], clock: Clock
) -> None:
    """The pages ask first; these are asked whatever page or command comes next."""
    is_staff = who != "a person"
    actor = make_user(is_staff=True) if who == "without a device" else None
    actor = actor or enrolled_person(is_staff=is_staff, is_superuser=who != "staff, of staff").user
    if who == "a person":
        User.objects.filter(pk=actor.pk).update(is_superuser=False)
    if who == "deactivated":
        User.objects.filter(pk=actor.pk).update(is_active=False)
    actor.refresh_from_db()
    target = actor if who == "oneself" else enrolled_person(is_staff="of staff" in who).user
    before = list(User.objects.order_by("pk").values())
    with pytest.raises(support.NotAllowed):
        act(user=target, actor=actor, now=clock.now)
    assert list(User.objects.order_by("pk").values()) == before
