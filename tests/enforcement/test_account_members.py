"""The account's own page: what its admins see and do, and how it is leafed through."""

import pytest

from accounts.models import Account, Invitation, Membership, Role, User
from enforcement import policies
from enforcement.models import PassRequest
from tests.enforcement.desk import account_page, requirement_page
from tests.enforcement.kit import enrolled_person, sign_in
from tests.enforcement.test_admin_requirement import add_members, queries, text_of
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

PAGE = "/accounts/northwind/"


@pytest.fixture
def admin(ada: User, northwind: Account) -> User:
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    return ada


def test_an_admin_sees_where_everybody_stands_and_no_switch(
    admin: User, northwind: Account, clock: Clock
) -> None:
    ready = enrolled_person(email="ready@northwind.example").user
    Membership.objects.create(account=northwind, user=ready, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    answer = sign_in(admin).get(PAGE)
    outcomes = {member.user.email: member.outcome for member in answer.context["members"]}
    assert outcomes == {
        admin.email: "must_act", ready.email: "ready", "owner@northwind.example": "must_act",
    }  # fmt: skip
    words = text_of(answer)
    assert "Still to set up" in words
    assert "2FA is on" in words
    for link in (account_page(northwind), requirement_page(northwind)):
        assert link not in answer.content.decode()


def test_a_member_sees_who_belongs_to_it_and_no_outcome(ada: User, northwind: Account) -> None:
    answer = sign_in(ada).get(PAGE + "?q=owner")
    assert [member.outcome for member in answer.context["members"]] == ["", ""]
    assert "Find" not in text_of(answer)


def test_an_admin_invites_removes_and_vouches(
    admin: User, northwind: Account, clock: Clock
) -> None:
    ben = enrolled_person(email="ben@northwind.example").user
    membership = Membership.objects.create(account=northwind, user=ben, joined_at=clock.now)
    client = sign_in(admin)
    client.post(f"{PAGE}invite/", {"email": "new@northwind.example", "role": "member"})
    assert Invitation.objects.open().filter(email="new@northwind.example").exists()
    client.post(f"{PAGE}members/{membership.pk}/pass/", {"message": "It is Ben; I see him."})
    asked = PassRequest.objects.get(user=ben)
    assert (asked.endorsed_by, asked.endorsement) == (admin, "It is Ben; I see him.")
    client.post(f"{PAGE}members/{membership.pk}/remove/")
    assert not Membership.objects.filter(pk=membership.pk).exists()


def test_the_list_is_leafed_through_and_searched(admin: User, northwind: Account) -> None:
    add_members(northwind, 150)
    client = sign_in(admin)
    assert "Page 1 of 2" in text_of(client.get(PAGE))
    assert len(client.get(PAGE + "?page=2").context["members"]) == 52
    found = client.get(PAGE + "?q=m149").context["members"]
    assert [member.user.email for member in found] == ["m149@northwind.example"]
    for odd in ("?page=x", "?page=99", "?q=%00", "?q=%25"):
        assert client.get(PAGE + odd).status_code == 200


def test_it_costs_the_same_for_ten_and_for_five_hundred(admin: User, northwind: Account) -> None:
    client, costs = sign_in(admin), []
    for number in (10, 490):
        add_members_named(northwind, number)
        costs.append(queries(lambda: client.get(PAGE)))
    assert costs[0] == costs[1]


def add_members_named(account: Account, number: int) -> None:
    people = User.objects.bulk_create(
        User(email=f"n{number}-{each}@{account.slug}.example", password="!")
        for each in range(number)
    )
    Membership.objects.bulk_create(Membership(account=account, user=person) for person in people)
