"""Leaving an account and being taken out of it: who is told, and who has to stay."""

from datetime import datetime
from typing import Any

import pytest

from accounts import memberships, moving, people, wording
from accounts.memberships import LastOwner, NotAllowed
from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from enforcement import leaving
from tests.enforcement.kit import is_in, sign_in
from tests.factories import make_account, make_user
from twofactor import enrolment

pytestmark = pytest.mark.django_db

GONE = "left_account_owners"


def membership_of(person: User) -> Membership:
    return Membership.objects.select_related("user", "account").get(user=person)


def told() -> set[tuple[str, str]]:
    return set(Notice.objects.values_list("kind", "recipient"))


def test_who_leaves_is_told_and_the_owners_are(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    leaving.leave(membership=membership_of(ada), now=now)
    assert not Membership.objects.filter(user=ada).exists()
    assert told() == {("left_account", ada.email), ("left_account_owners", owner.email)}
    row = AuditEvent.objects.get(event="left")
    assert (row.actor_id, row.subject_id, row.before) == (ada.pk, ada.pk, {"role": "member"})


def test_no_other_account_of_who_leaves_hears_of_it(
    northwind: Account, other: Account, owner: User, ada: User, now: datetime
) -> None:
    leaving.leave(membership=Membership.objects.get(account=northwind, user=ada), now=now)
    assert told() == {("left_account", ada.email), (GONE, owner.email)}
    assert Membership.objects.filter(account=other, user=ada).exists()


def test_who_deletes_the_sign_in_leaves_every_account(
    northwind: Account, other: Account, owner: User, ada: User, now: datetime
) -> None:
    second, key = Membership.objects.owners().get(account=other).user, ada.pk
    people.delete(user=ada, now=now)
    assert told() == {(GONE, owner.email), (GONE, second.email)}
    rows = AuditEvent.objects.filter(event="left", subject_id=key, at=now)
    assert set(rows.values_list("account_id", flat=True)) == {northwind.pk, other.pk}


def test_the_last_owner_of_one_account_leaves_none_by_deleting_the_sign_in(
    northwind: Account, other: Account, owner: User, ada: User, now: datetime
) -> None:
    Membership.objects.filter(account=other, role=Role.OWNER).delete()
    Membership.objects.filter(account=other, user=ada).update(role=Role.OWNER)
    with pytest.raises(LastOwner):
        people.delete(user=ada, now=now)
    assert Membership.objects.filter(user=ada).count() == 2
    assert told() == set()


def test_the_last_owner_can_t_leave(northwind: Account, owner: User, now: datetime) -> None:
    with pytest.raises(LastOwner, match="Make somebody else an owner first"):
        leaving.leave(membership=membership_of(owner), now=now)
    assert Membership.objects.filter(user=owner).exists()
    assert told() == set()


def test_an_owner_leaves_when_another_stays(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    Membership.objects.filter(user=ada).update(role=Role.OWNER)
    leaving.leave(membership=membership_of(owner), now=now)
    assert told() == {("left_account", owner.email), ("left_account_owners", ada.email)}


def test_an_owner_who_was_deactivated_is_nobody_to_stay(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    Membership.objects.filter(user=ada).update(role=Role.OWNER)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(LastOwner):
        leaving.leave(membership=membership_of(owner), now=now)


def test_who_is_removed_is_told_by_whom(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    leaving.remove(membership=membership_of(ada), actor=owner, now=now)
    assert told() == {("removed_from_account", ada.email)}
    assert Notice.objects.get().context["actor_name"] == "Olga Owner"
    row = AuditEvent.objects.get(event="member_removed")
    assert (row.actor_id, row.subject_id) == (owner.pk, ada.pk)


def test_who_was_removed_is_removed_once(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    for membership in [membership_of(ada)] * 2:
        leaving.remove(membership=membership, actor=owner, now=now)
    assert told() == {("removed_from_account", ada.email)}
    assert AuditEvent.objects.filter(event="member_removed").count() == 1


def test_who_has_left_leaves_once(northwind: Account, ada: User, now: datetime) -> None:
    for membership in [membership_of(ada)] * 2:
        leaving.leave(membership=membership, now=now)
    assert AuditEvent.objects.filter(event="left").count() == 1


def test_the_role_of_a_membership_that_ended_meanwhile_is_not_found(
    northwind: Account, owner: User, ada: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, member, change_role = sign_in(owner), membership_of(ada), memberships.change_role

    def change_late(**how: Any) -> None:
        leaving.remove(membership=member, actor=owner, now=now)
        change_role(**how)

    monkeypatch.setattr(memberships, "change_role", change_late)
    path = f"/accounts/{northwind.slug}/members/{member.pk}/role/"
    assert client.post(path, {"role": "admin"}).status_code == 404
    assert not AuditEvent.objects.filter(event="role_changed").exists()


def test_a_membership_that_moved_is_no_longer_the_person_s_to_leave(
    northwind: Account, owner: User, now: datetime
) -> None:
    stale = membership_of(owner)
    moving.move(user=owner, membership_id=stale.pk, email="work@northwind.example", now=now)
    leaving.leave(membership=stale, now=now)
    assert membership_of(User.objects.get(email="work@northwind.example")).is_owner
    assert not AuditEvent.objects.filter(event="left").exists()


@pytest.mark.parametrize("is_manager", [False, True])
def test_nobody_reads_who_of_support_was_at_work(
    northwind: Account, ada: User, now: datetime, is_manager: bool
) -> None:
    sue = make_user("sue@support.example", name="Sue", is_staff=True, is_superuser=True)
    managed = northwind if is_manager else make_account("southwind")
    Membership.objects.create(account=managed, user=sue, role=Role.OWNER)
    member = membership_of(ada)
    memberships.change_role(membership=member, role=Role.ADMIN, actor=sue, now=now)
    leaving.remove(membership=member, actor=sue, now=now)
    enrolment.reset(ada, actor=sue, reason="Phone lost", now=now)
    by = {notice.kind: notice.context["actor_name"] for notice in Notice.objects.filter(user=ada)}
    who = "Sue" if is_manager else wording.SUPPORT
    assert by == {"role_changed": who, "removed_from_account": who, "reset": wording.SUPPORT}


@pytest.mark.parametrize(
    ("actor_role", "role", "may"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.OWNER, Role.ADMIN, True),
        (Role.OWNER, Role.MEMBER, True),
        (Role.ADMIN, Role.OWNER, False),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.ADMIN, Role.MEMBER, True),
        (Role.MEMBER, Role.MEMBER, False),
        (None, Role.MEMBER, False),
    ],
)
def test_who_may_remove_whom(
    actor_role: Role | None, role: Role, may: bool, northwind: Account, now: datetime
) -> None:
    actor, person = make_user(), make_user()
    if actor_role:
        Membership.objects.create(account=northwind, user=actor, role=actor_role)
    Membership.objects.create(account=northwind, user=person, role=role)
    if may:
        leaving.remove(membership=membership_of(person), actor=actor, now=now)
    else:
        with pytest.raises(NotAllowed):
            leaving.remove(membership=membership_of(person), actor=actor, now=now)
    assert Membership.objects.filter(user=person).exists() is not may


def test_the_page_takes_a_click_and_no_visit(northwind: Account, ada: User, now: datetime) -> None:
    client = sign_in(ada)
    path = "/accounts/northwind/leave/"
    assert client.get(path).status_code == 200
    assert Membership.objects.filter(user=ada).exists()
    assert client.post(path)["Location"] == "/"
    assert not Membership.objects.filter(user=ada).exists()
    assert is_in(client)
    assert client.get(path).status_code == 404
