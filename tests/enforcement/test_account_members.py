"""The account's own page: what its admins see and do, and how it is leafed through."""

from datetime import datetime

import pytest
from django.core import mail as outgoing
from django.test import Client

from accounts import delivery
from accounts.models import Account, AuditEvent, Invitation, Membership, Notice, Role, User
from enforcement import passes, policies
from enforcement.models import PassRequest
from tests.enforcement.desk import account_page, requirement_page
from tests.enforcement.kit import enrolled_person, sign_in
from tests.enforcement.test_admin_requirement import add_members, queries, text_of
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled

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


# An admin asks for a pass for a member.

BLAME = ("someone who has your password", "somebody knows your password", "It wasn't me")
CHECK = "Please check with them"
WORDS = "It is Dora; I see her."


def ask_for(membership: Membership, client: Client, words: str = WORDS) -> None:
    client.post(f"{PAGE}members/{membership.pk}/pass/", {"message": words})


def rows(person: User) -> list[tuple[int | None, int | None]]:
    found = AuditEvent.objects.filter(event="pass_asked", subject_id=person.pk).order_by("pk")
    return list(found.values_list("actor_id", "subject_id"))


def mails(now: datetime) -> dict[str, str]:
    """Send what is owed of a request; return subject and text by the address that got it."""
    Notice.objects.exclude(kind__startswith="pass_asked").delete()
    outgoing.outbox.clear()
    delivery.send_due(now=now)
    return {each.to[0]: f"{each.subject}\n{each.body}" for each in outgoing.outbox}


def test_a_pass_asked_by_an_admin_is_told_as_what_it_is(
    admin: User, owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    membership = Membership.objects.get(user=dora.user)
    client = sign_in(admin)
    ask_for(membership, client)
    assert rows(dora.user) == [(admin.pk, dora.user.pk)]
    told = mails(clock.now)
    assert set(told) == {dora.user.email, owner.email}
    assert "Ada Lovelace asked for a 24-hour pass for you" in told[dora.user.email]
    assert not [words for words in BLAME if words in told[dora.user.email]]
    assert "Ada Lovelace asks for a 24-hour pass for Dora" in told[owner.email]
    assert WORDS in told[owner.email]
    assert CHECK not in told[owner.email]
    for page in (
        client.get(f"{PAGE}members/{membership.pk}/pass/"),
        sign_in(dora.user).get("/login/help/"),
    ):
        assert "A pass was asked for on" in text_of(page)
    ask_for(membership, client)
    assert mails(clock.now) == {}


def test_the_list_tells_who_waits_for_an_answer_and_who_is_on_a_pass(
    admin: User, owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    membership = Membership.objects.get(user=dora.user)
    page = f"{PAGE}members/{membership.pk}/pass/"
    assert "A pass was asked for" not in text_of(sign_in(admin).get(PAGE))
    passes.ask_for_pass(user=dora.user, message="My phone is gone.", now=clock.now)
    assert "A pass was asked for" not in text_of(sign_in(dora.user).get(PAGE))
    shown = text_of(sign_in(admin).get(PAGE))
    assert "A pass was asked for" in shown
    assert "Answer the request for Dora" in shown
    granted = passes.grant_pass(user=dora.user, actor=None, reason="Known.", now=clock.now)
    shown = text_of(sign_in(admin).get(PAGE))
    assert "A pass was asked for" not in shown
    assert "See the pass of Dora" in shown
    end = f"/pass/{granted.pk}/end/"
    assert end in sign_in(owner).get(page).content.decode()
    assert end not in sign_in(admin).get(page).content.decode()


def test_who_comes_to_end_a_pass_too_late_is_told(
    owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    granted = passes.grant_pass(user=dora.user, actor=None, reason="Known.", now=clock.now)
    passes.revoke_pass(user=dora.user, actor=owner, now=clock.now)
    shown = text_of(sign_in(owner).get(f"/pass/{granted.pk}/end/"))
    assert "This pass has ended already" in shown
    assert "It would last until" not in shown
    assert "There is no pass to end." in text_of(sign_in(owner).get("/pass/end/", follow=True))


def test_who_looks_after_another_account_learns_nothing_of_this_one(
    admin: User, owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    elsewhere = make_user("olaf@southwind.example")
    southwind = make_account("southwind", owner=elsewhere, members=(dora.user,))
    Membership.objects.create(account=southwind, user=owner, role=Role.ADMIN)
    policies.switch_on(account=southwind, actor=None, now=clock.now)
    ask_for(Membership.objects.get(user=dora.user, account=northwind), sign_in(admin))
    told = mails(clock.now)
    assert set(told) == {dora.user.email, owner.email, elsewhere.email}
    assert WORDS in told[owner.email]
    assert "Somebody asked for a 24-hour pass for Dora" in told[elsewhere.email]
    assert "Somebody asked for a pass for Dora (" in told[elsewhere.email]
    for words in (WORDS, "Ada Lovelace", "Northwind", "Dora asks", "They ask", CHECK):
        assert words not in told[elsewhere.email]


def test_a_wish_of_the_member_s_own_is_confirmed_whoever_asked_before(
    admin: User, owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    ask_for(Membership.objects.get(user=dora.user), sign_in(admin))
    mails(clock.now)
    for _ in range(2):
        passes.ask_for_pass(user=dora.user, message="My phone is gone.", now=clock.now)
    assert rows(dora.user) == [(admin.pk, dora.user.pk), (dora.user.pk, dora.user.pk)]
    told = mails(clock.now)
    assert set(told) == {dora.user.email, owner.email, admin.email}
    assert all(words in told[dora.user.email] for words in BLAME)
    assert CHECK in told[admin.email]
    assert PassRequest.objects.get().endorsed_by == admin


def test_an_admin_vouches_for_nobody_but_others(
    admin: User, owner: User, northwind: Account, dora: Enrolled, clock: Clock
) -> None:
    ask_for(Membership.objects.get(user=admin), sign_in(admin), "My phone is gone.")
    asked = PassRequest.objects.get(user=admin)
    assert (asked.message, asked.endorsed_by, asked.endorsement) == ("My phone is gone.", None, "")
    assert rows(admin) == [(admin.pk, admin.pk)]
    assert set(mails(clock.now)) == {admin.email, owner.email}


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
