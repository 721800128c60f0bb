"""Coming in through an account's provider: who is known, invited or new, and who is not."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import invitations
from accounts.audit import Event
from accounts.models import AuditEvent, Identity, Invitation, Membership, Notice, Role, User
from tests.factories import PASSWORD, make_account, make_user
from tests.sso.kit import House, check_refused, is_signed_in, known_ada, refusals, signed_in_as

pytestmark = pytest.mark.django_db

NOT_TRUE: list[Any] = [False, None, "false", "true", 1, "1", [True], {}]


def invite(house: House, email: str, role: str = Role.MEMBER) -> Invitation:
    owner = Membership.objects.owners().get(account=house.account).user
    return invitations.invite(
        account=house.account, email=email, role=role, actor=owner, now=timezone.now()
    )


def people_and_memberships() -> tuple[int, int, int]:
    return User.objects.count(), Membership.objects.count(), Identity.objects.count()


def test_whom_the_provider_knows_is_signed_in(northwind: House) -> None:
    ada = known_ada(northwind)
    answer = northwind.come_back()
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in_as(northwind.client) == ada.email
    assert northwind.client.session["sso"] == [northwind.provider.pk]
    ada.refresh_from_db()
    assert ada.last_provider == northwind.provider
    told = AuditEvent.objects.get(event=Event.SIGNED_IN).after or {}
    assert (told["method"], told["provider"]) == ("sso", northwind.provider.slug)


@pytest.mark.proves("S38")
def test_how_the_provider_asked_its_person_is_written_down(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person |= {"amr": ["pwd", "hwk", 7], "acr": "phr"}
    northwind.come_back()
    told = AuditEvent.objects.get(event=Event.SIGNED_IN).after or {}
    assert (told["amr"], told["acr"]) == (["pwd", "hwk", ""], "phr")


@pytest.mark.both_databases
def test_words_that_no_database_takes_are_left_out(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person |= {"amr": ["p\0wd", "\ud800"] + ["x" * 200] * 50, "acr": "\0"}
    northwind.idp.person |= {"name": "Ada\0\ud800"}
    northwind.come_back()
    told = AuditEvent.objects.get(event=Event.SIGNED_IN).after or {}
    assert (told["amr"][:2], len(told["amr"]), told["acr"]) == (["pwd", ""], 20, "")


@pytest.mark.proves("S38", "B89")
def test_the_next_sign_in_by_password_is_none_by_the_provider(northwind: House) -> None:
    ada = known_ada(northwind)
    northwind.come_back()
    by_password = Client()
    by_password.post("/login/", {"email": ada.email, "password": PASSWORD})
    assert "sso" not in by_password.session
    assert by_password.session["method"] == "password"
    assert northwind.client.session["method"] == "sso"
    ada.refresh_from_db()
    assert ada.last_provider is None


@pytest.mark.parametrize("value", NOT_TRUE, ids=repr)
@pytest.mark.proves("S50", "B93")
def test_an_address_that_is_not_verified_lets_nobody_in(value: Any, northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person["email_verified"] = value
    check_refused(northwind.come_back(), northwind.client, code="email_unverified")


@pytest.mark.parametrize("value", NOT_TRUE, ids=repr)
@pytest.mark.proves("S50", "B93")
def test_entra_id_vouches_by_a_claim_of_its_own(value: Any, northwind: House) -> None:
    ada = known_ada(northwind)
    del northwind.idp.person["email_verified"]
    northwind.idp.person["xms_edov"] = value
    check_refused(northwind.come_back(), northwind.client, code="email_unverified")
    northwind.idp.person["xms_edov"] = True
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email


@pytest.mark.proves("S50", "B93")
def test_the_standards_claim_goes_before_entra_ids(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person |= {"email_verified": False, "xms_edov": True}
    check_refused(northwind.come_back(), northwind.client, code="email_unverified")


@pytest.mark.proves("S50", "B93")
def test_an_address_of_which_nothing_is_said_lets_nobody_in(northwind: House) -> None:
    known_ada(northwind)
    del northwind.idp.person["email_verified"]
    check_refused(northwind.come_back(), northwind.client, code="userinfo")


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@elsewhere.example", "ada@northwind.example.evil.example",
     "ada@sub.northwind.example", "ada@northwind.example, x@y.example",
     "ada@n\u03bfrthwind.example"],
    ids=repr,
)  # fmt: skip
@pytest.mark.proves("S50", "B98")
def test_an_address_outside_the_accounts_domains_lets_nobody_in(
    email: str, northwind: House
) -> None:
    known_ada(northwind)
    northwind.idp.person["email"] = email
    check_refused(northwind.come_back(), northwind.client, code="email_")


@pytest.mark.parametrize("wrong", [{"email_verified": False}, {"email": "ada@elsewhere.example"}])
@pytest.mark.proves("S58")
def test_known_and_unknown_people_are_refused_alike(
    wrong: dict[str, Any], northwind: House
) -> None:
    known_ada(northwind)
    northwind.idp.person |= wrong
    known = northwind.come_back()
    northwind.idp.person |= {"sub": "nobody-here"}
    unknown = northwind.come_back(Client())
    assert known.content == unknown.content


def test_an_address_in_capitals_is_the_same(northwind: House) -> None:
    invite(northwind, "ada@northwind.example")
    northwind.idp.person["email"] = " Ada@Northwind.Example"
    northwind.come_back()
    assert signed_in_as(northwind.client) == "ada@northwind.example"


@pytest.mark.parametrize("told", ["ID token", "userinfo"])
def test_address_and_name_may_stand_in_either_place(told: str, northwind: House) -> None:
    invite(northwind, "ada@northwind.example")
    northwind.idp.userinfo = dict(northwind.idp.person)
    northwind.idp.id_token_only = told == "ID token"
    northwind.come_back()
    assert signed_in_as(northwind.client) == "ada@northwind.example"
    assert ("/userinfo" in northwind.idp.asked) is (told == "userinfo")


@pytest.mark.proves("S48")
def test_a_userinfo_about_somebody_else_is_refused(northwind: House) -> None:
    invite(northwind, "ada@northwind.example")
    northwind.idp.userinfo = {**northwind.idp.person, "sub": "somebody-else"}
    northwind.idp.id_token_only = False
    check_refused(northwind.come_back(), northwind.client, code="userinfo_sub")


@pytest.mark.proves("S50", "B93")
def test_an_address_is_not_verified_by_words_from_two_places(northwind: House) -> None:
    """The token names an address, the userinfo verifies another one."""
    invite(northwind, "ada@northwind.example")
    northwind.idp.userinfo = {
        "sub": northwind.idp.person["sub"],
        "email": "own@elsewhere.example",
        "email_verified": True,
    }
    del northwind.idp.person["email_verified"]
    check_refused(northwind.come_back(), northwind.client, code="email_outside")


def test_who_is_invited_joins_as_invited(northwind: House) -> None:
    invitation = invite(northwind, "ada@northwind.example", role=Role.ADMIN)
    northwind.come_back()
    ada = User.objects.get(email="ada@northwind.example")
    assert signed_in_as(northwind.client) == ada.email
    assert (ada.name, ada.has_usable_password()) == ("Ada", False)
    assert Membership.objects.get(user=ada).role == Role.ADMIN
    invitation.refresh_from_db()
    assert invitation.accepted_at is not None


def test_an_invitation_of_another_account_opens_nothing(northwind: House) -> None:
    other = make_account("other", owner=make_user())
    owner = Membership.objects.get(account=other).user
    invitations.invite(
        account=other,
        email="ada@northwind.example",
        role=Role.MEMBER,
        actor=owner,
        now=timezone.now(),
    )
    check_refused(northwind.come_back(), northwind.client, code="not_invited")


def test_who_is_not_invited_is_told_whom_to_ask(northwind: House) -> None:
    before = people_and_memberships()
    answer = northwind.come_back()
    check_refused(answer, northwind.client, code="not_invited")
    assert "Ask an owner of it to invite you" in answer.content.decode()
    assert people_and_memberships() == before


def allow_creation(house: House) -> None:
    house.provider.allow_creation = True
    house.provider.save()


def test_a_new_person_is_made_where_the_account_allows_it(northwind: House) -> None:
    allow_creation(northwind)
    northwind.idp.person["name"] = "Ada\u202e\n" + "x" * 300
    northwind.come_back()
    ada = User.objects.get(email="ada@northwind.example")
    assert signed_in_as(northwind.client) == ada.email
    assert Membership.objects.get(user=ada).role == Role.MEMBER
    assert not ada.has_usable_password()
    assert len(ada.name) == 200
    assert ada.name.isprintable()
    events = AuditEvent.objects.filter(subject_id=ada.pk).values_list("event", flat=True)
    assert set(events) == {"person_added", "sso_linked", "joined", "signed_in"}


def test_who_was_removed_is_no_new_person(northwind: House) -> None:
    """Else a removal would last until the next click."""
    allow_creation(northwind)
    northwind.come_back()
    Membership.objects.filter(user__email="ada@northwind.example").delete()
    northwind.client.post("/logout/")
    check_refused(northwind.come_back(), northwind.client, code="not_member")


def test_who_was_removed_and_is_invited_anew_comes_back(northwind: House) -> None:
    ada = known_ada(northwind)
    Membership.objects.filter(user=ada).delete()
    invite(northwind, ada.email)
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email
    assert Membership.objects.filter(user=ada, account=northwind.account).exists()


def test_who_was_deactivated_stays_out(northwind: House) -> None:
    ada = known_ada(northwind)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    check_refused(northwind.come_back(), northwind.client, code="deactivated")


@pytest.mark.proves("S49", "S50")
def test_the_address_of_another_accounts_owner_gets_nothing(
    northwind: House, contoso: House
) -> None:
    """A's provider vouches for B's owner: the domain is not A's, whatever it says."""
    owner = Membership.objects.owners().get(account=contoso.account).user
    User.objects.filter(pk=owner.pk).update(email="owner@contoso.example")
    allow_creation(northwind)
    northwind.idp.person["email"] = "owner@contoso.example"
    before = people_and_memberships()
    check_refused(northwind.come_back(), northwind.client, code="email_outside")
    assert people_and_memberships() == before


@pytest.mark.proves("S50")
def test_an_address_that_was_given_to_another_person_links_nobody(northwind: House) -> None:
    """The new Ada has the old one's mailbox, and another subject."""
    ada = known_ada(northwind)
    northwind.idp.person["sub"] = "the-next-ada"
    check_refused(northwind.come_back(), northwind.client, code="other_subject")
    assert Identity.objects.get().user == ada


@pytest.mark.proves("S50")
@pytest.mark.parametrize("claim", ["preferred_username", "upn", "nickname", "unique_name"])
def test_a_name_that_people_choose_themselves_is_no_address(claim: str, northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.person = {
        "sub": "mallory",
        claim: "ada@northwind.example",
        "email_verified": True,
    }
    northwind.idp.userinfo = dict(northwind.idp.person)
    check_refused(northwind.come_back(), northwind.client, code="email_unverified")


def test_a_person_who_moved_within_the_company_stays_the_same(northwind: House) -> None:
    """The subject is who it is; the address here is changed here."""
    ada = known_ada(northwind)
    northwind.idp.person["email"] = "ada.lovelace@northwind.example"
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email


@pytest.mark.proves("S50")
def test_a_sign_in_that_was_made_before_is_not_taken_over(northwind: House) -> None:
    """Somebody made one with Ada's address first; the provider's Ada gets no part in it."""
    mallory = make_user("ada@northwind.example")
    Membership.objects.create(account=northwind.account, user=mallory)
    answer = northwind.come_back()
    assert answer["Location"] == "/sso/northwind/link/"
    assert not is_signed_in(northwind.client)
    assert not Identity.objects.exists()


@pytest.mark.proves("S50")
def test_who_came_by_the_provider_first_is_not_taken_over_by_a_local_sign_up(
    northwind: House,
) -> None:
    """An invitation to the same address makes no second sign-in and sets no password."""
    allow_creation(northwind)
    northwind.come_back()
    other = make_account("other", owner=make_user())
    invitations.invite(
        account=other,
        email="ada@northwind.example",
        role=Role.MEMBER,
        actor=Membership.objects.get(account=other).user,
        now=timezone.now(),
    )
    link = invitations.link_of(Invitation.objects.get(account=other).pk)
    path = link.removeprefix("http://testserver")
    stranger = Client()
    page = stranger.get(path).content.decode()
    assert 'name="password"' not in page
    stranger.post(path, {"name": "Mallory", "password": "a long one of Mallory's"})
    ada = User.objects.get(email="ada@northwind.example")
    assert (ada.name, ada.has_usable_password()) == ("Ada", False)
    assert not is_signed_in(stranger)


def test_a_signed_in_person_passes_one_more_provider(northwind: House) -> None:
    ada = known_ada(northwind)
    northwind.client.post("/login/", {"email": ada.email, "password": PASSWORD})
    before = northwind.client.session.session_key
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email
    assert northwind.client.session["sso"] == [northwind.provider.pk]
    assert northwind.client.session.session_key != before


def test_somebody_else_takes_the_place_of_who_was_signed_in(northwind: House) -> None:
    ada, ben = known_ada(northwind), make_user()
    northwind.client.post("/login/", {"email": ben.email, "password": PASSWORD})
    before = northwind.client.session.session_key
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email
    assert northwind.client.session.session_key != before


def test_signing_out_ends_it(northwind: House) -> None:
    known_ada(northwind)
    northwind.come_back()
    northwind.client.post("/logout/")
    assert not is_signed_in(northwind.client)


def test_nothing_is_asked_of_the_audit_by_name(northwind: House) -> None:
    """Rows tell codes and slugs; no address stands in one in clear."""
    known_ada(northwind)
    northwind.idp.person["email_verified"] = False
    northwind.come_back()
    rows = AuditEvent.objects.filter(event=Event.SSO_REFUSED)
    assert not re.search(r"ada@|ada-at", str([(row.before, row.after) for row in rows]))
    assert refusals() == ["email_unverified"]
    assert not Notice.objects.filter(kind="identity_linked").exists()
