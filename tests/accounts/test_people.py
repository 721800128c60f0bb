"""Invitations and memberships, people and their addresses; an account keeps an active owner."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts import invitations, memberships, people, sessions
from accounts.emails import canonical_email, domain_of, masked
from accounts.invitations import NotInvitable
from accounts.memberships import LastOwner, NotAllowed
from accounts.models import (
    Account,
    AuditEvent,
    Invitation,
    Membership,
    Notice,
    Role,
    Session,
    User,
)
from tests.enforcement.kit import DAY, browser, is_in, sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

GUEST = "guest@elsewhere.example"


def invite(account: Account, actor: User, now: datetime, email: str = GUEST) -> Invitation:
    return invitations.invite(account=account, email=email, role=Role.MEMBER, actor=actor, now=now)


def token_of(invitation: Invitation) -> str:
    return invitations.link_of(invitation.pk).split("/")[-2]


# Invitations.


@pytest.mark.proves("S45")
def test_an_invitation_is_stored_without_its_token(
    northwind: Account, owner: User, now: datetime
) -> None:
    invitation = invite(northwind, owner, now)
    token = token_of(invitation)
    assert len(token) == 43  # 256 bits
    assert token not in str(Invitation.objects.values().get())
    assert token not in str(list(Notice.objects.values()))
    assert invitation.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert invitations.find(token) == invitation
    assert invitation.expires_at == now + 7 * DAY


@pytest.mark.proves("S45")
def test_inviting_again_voids_the_first_link(
    northwind: Account, owner: User, now: datetime
) -> None:
    first = invite(northwind, owner, now)
    second = invite(northwind, owner, now + DAY, email="GUEST@elsewhere.example ")
    first.refresh_from_db()
    assert first.revoked_at == now + DAY
    assert Invitation.objects.open().get() == second
    assert token_of(first) != token_of(second)
    assert browser().get(f"/invitations/{token_of(first)}/").status_code == 410


def test_a_member_can_t_be_invited(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    with pytest.raises(NotInvitable, match="already a member"):
        invite(northwind, owner, now, email="ADA@northwind.example")


def test_the_same_address_may_be_invited_by_two_accounts(
    northwind: Account, owner: User, now: datetime
) -> None:
    invite(northwind, owner, now)
    invite(make_account(owner=owner), owner, now)
    assert Invitation.objects.open().count() == 2


def test_an_invitation_is_mailed_and_audited(
    northwind: Account, owner: User, now: datetime
) -> None:
    invite(northwind, owner, now)
    notice = Notice.objects.get(kind="invitation")
    assert (notice.recipient, notice.user) == (GUEST, None)
    row = AuditEvent.objects.get(event="invited")
    assert (row.actor_id, row.account_id) == (owner.pk, northwind.pk)
    assert GUEST not in str(row.after)


def test_revoking_is_audited_once(northwind: Account, owner: User, now: datetime) -> None:
    invitation = invite(northwind, owner, now)
    for _ in range(2):
        invitations.revoke(invitation=invitation, actor=owner, now=now)
    assert AuditEvent.objects.filter(event="invitation_revoked").count() == 1
    assert not invitations.is_open(invitation.pk, now=now)


def test_a_link_made_after_a_new_key_is_still_the_one_that_is_stored(
    northwind: Account, owner: User, now: datetime, settings: Settings
) -> None:
    invitation = invite(northwind, owner, now)
    settings.FIELD_KEYS = ["a-newer-key-of-more-than-32-bytes!!", *settings.FIELD_KEYS]
    assert invitations.find(token_of(invitation)) == invitation


@pytest.mark.parametrize("token", ["x", "a" * 43, "a" * 5000, "%00", "..", "ä"])
def test_a_made_up_link_is_unknown(token: str, db: None) -> None:
    assert browser().get(f"/invitations/{token}/").status_code == 404


def test_an_admin_invites_no_owner(northwind: Account, clock: Clock) -> None:
    admin = make_user()
    Membership.objects.create(account=northwind, user=admin, role=Role.ADMIN)
    client = sign_in(admin)
    for role, count in (("owner", 0), ("admin", 1)):
        client.post("/accounts/northwind/invite/", {"email": GUEST, "role": role})
        assert Invitation.objects.count() == count


# The last owner, in every way.

WAYS: dict[str, Callable[[User, Membership, datetime], object]] = {
    "leaves": lambda user, own, now: memberships.remove(membership=own, actor=user, now=now),
    "is made admin": lambda user, own, now: memberships.change_role(
        membership=own, role=Role.ADMIN, actor=user, now=now
    ),
    "is made member": lambda user, own, now: memberships.change_role(
        membership=own, role=Role.MEMBER, actor=user, now=now
    ),
    "is deactivated": lambda user, own, now: people.deactivate(user=user, actor=None, now=now),
    "deletes the sign-in": lambda user, own, now: people.delete(user=user, now=now),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_last_owner_stays_whatever_is_tried(
    way: Callable[[User, Membership, datetime], None],
    northwind: Account,
    owner: User,
    ada: User,
    now: datetime,
) -> None:
    own = Membership.objects.get(user=owner)
    for other in (None, "admin", "inactive"):
        if other == "admin":
            Membership.objects.filter(user=ada).update(role=Role.ADMIN)
        elif other == "inactive":
            Membership.objects.filter(user=ada).update(role=Role.OWNER)
            User.objects.filter(pk=ada.pk).update(is_active=False)
        with pytest.raises(LastOwner, match="Northwind needs an owner"), transaction.atomic():
            way(owner, own, now)
    assert Membership.objects.owners().filter(account=northwind).get() == own
    User.objects.filter(pk=ada.pk).update(is_active=True)
    way(owner, own, now)
    assert [each.user for each in Membership.objects.owners().filter(account=northwind)] == [ada]


def test_who_owns_nothing_alone_may_go(northwind: Account, ada: User, now: datetime) -> None:
    assert people.owned_alone(ada) == []
    people.deactivate(user=ada, actor=None, now=now)
    ada.refresh_from_db()
    people.delete(user=ada, now=now)


def test_who_owns_accounts_alone_is_told_which(northwind: Account, owner: User) -> None:
    second = make_account(owner=owner)
    assert set(people.owned_alone(owner)) == {northwind, second}


@pytest.mark.parametrize(
    ("actor_role", "role", "new_role", "may"),
    [
        (Role.OWNER, Role.MEMBER, Role.OWNER, True),
        (Role.OWNER, Role.OWNER, Role.MEMBER, True),
        (Role.ADMIN, Role.MEMBER, Role.ADMIN, True),
        (Role.ADMIN, Role.ADMIN, Role.MEMBER, True),
        (Role.ADMIN, Role.MEMBER, Role.OWNER, False),
        (Role.ADMIN, Role.OWNER, Role.MEMBER, False),
        (Role.MEMBER, Role.MEMBER, Role.ADMIN, False),
    ],
)
def test_who_may_change_which_role(
    actor_role: Role, role: Role, new_role: Role, may: bool, northwind: Account, now: datetime
) -> None:
    actor, person = make_user(), make_user()
    Membership.objects.create(account=northwind, user=actor, role=actor_role)
    membership = Membership.objects.create(account=northwind, user=person, role=role)
    if may:
        memberships.change_role(membership=membership, role=new_role, actor=actor, now=now)
    else:
        with pytest.raises(NotAllowed):
            memberships.change_role(membership=membership, role=new_role, actor=actor, now=now)
    membership.refresh_from_db()
    assert membership.role == (new_role if may else role)


def test_nobody_makes_themselves_more(northwind: Account, ada: User, clock: Clock) -> None:
    membership = Membership.objects.get(user=ada)
    client = sign_in(ada)
    path = f"/accounts/northwind/members/{membership.pk}/role/"
    assert client.post(path, {"role": "owner"}).status_code == 404
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    assert client.post(path, {"role": "owner"}).status_code == 302
    membership.refresh_from_db()
    assert membership.role == Role.ADMIN


def test_an_account_of_others_does_not_exist_to_me(ada: User, clock: Clock) -> None:
    theirs = make_account("theirs")
    member = theirs.memberships.get()
    client = sign_in(ada)
    for path in ("", "leave/", f"members/{member.pk}/pass/"):
        assert client.get(f"/accounts/theirs/{path}").status_code == 404
    for path in ("invite/", f"members/{member.pk}/remove/", f"members/{member.pk}/role/"):
        assert client.post(f"/accounts/theirs/{path}", {"role": "owner"}).status_code == 404


def test_the_member_of_another_account_is_out_of_reach(
    northwind: Account, owner: User, clock: Clock
) -> None:
    member = make_account("theirs").memberships.get()
    client = sign_in(owner)
    for path in ("remove/", "role/", "pass/"):
        answer = client.post(f"/accounts/northwind/members/{member.pk}/{path}", {"role": "member"})
        assert answer.status_code == 404
    assert Membership.objects.filter(pk=member.pk, role=Role.OWNER).exists()


def test_joining_twice_is_joining_once(northwind: Account, ada: User, now: datetime) -> None:
    before = AuditEvent.objects.count()
    memberships.add(account=northwind, user=ada, role=Role.OWNER, actor=None, now=now)
    assert Membership.objects.get(user=ada).role == Role.MEMBER
    assert AuditEvent.objects.count() == before


# People.


def test_a_deleted_sign_in_leaves_nothing_but_pseudonyms(
    northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    key, email = ada.pk, ada.email
    assert client.post("/settings/delete/")["Location"] == "/login/"
    assert not User.objects.filter(pk=key).exists()
    assert not Session.objects.filter(user_id=key).exists()
    assert email not in str(list(AuditEvent.objects.values()))
    assert not is_in(client)


def test_what_is_done_to_somebody_twice_is_done_and_written_down_once(
    ada: User, clock: Clock
) -> None:
    before = AuditEvent.objects.count()
    for _ in range(2):
        people.deactivate(user=User.objects.get(pk=ada.pk), actor=None, now=clock.now)
    for _ in range(2):
        people.reactivate(user=User.objects.get(pk=ada.pk), actor=None, now=clock.now)
    for _ in range(2):
        person = User.objects.get(pk=ada.pk)
        people.set_staff(user=person, is_staff=True, is_superuser=False, actor=None, now=clock.now)
    written = AuditEvent.objects.order_by("number").values_list("event", flat=True)[before:]
    assert list(written) == ["person_deactivated", "person_reactivated", "staff_changed"]


def test_a_deactivated_person_comes_back_with_the_same_password(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    people.deactivate(user=ada, actor=None, now=clock.now)
    assert not is_in(client)
    assert not sessions.live_sessions(ada, now=clock.now).exclude(user_id=ada.pk)
    people.reactivate(user=ada, actor=None, now=clock.now)
    assert is_in(sign_in(ada))
    events = list(AuditEvent.objects.order_by("number").values_list("event", flat=True))
    assert [each for each in events if each.startswith("person_")] == [
        "person_deactivated",
        "person_reactivated",
    ]


# One mailbox, one sign-in.

SAME = [
    "anna@x.example",
    "Anna@X.Example",
    " anna@x.example ",
    "ANNA@X.EXAMPLE\n",
    "\tanna@x.example",
]
OTHERS = [
    "anna+tag@x.example",
    "ann\u0430@x.example",
    "an\u006e\u0308a@x.example",
    "\uff41nna@x.example",
    "anna@x.example.evil",
    "anna@\u217d.example",
]


@pytest.mark.proves("B98")
@pytest.mark.parametrize("email", SAME)
def test_spellings_of_one_address_are_one_sign_in(email: str) -> None:
    assert canonical_email(email) == "anna@x.example"
    make_user("anna@x.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email)
    assert User.objects.get_by_natural_key(email).email == "anna@x.example"


@pytest.mark.proves("B98")
@pytest.mark.parametrize("email", OTHERS)
def test_addresses_that_look_alike_are_others(email: str) -> None:
    assert canonical_email(email) != "anna@x.example"


def test_one_letter_written_in_two_ways_is_one() -> None:
    assert canonical_email("j\u00fcrgen@x.example") == canonical_email("ju\u0308rgen@x.example")


@pytest.mark.proves("B98")
@pytest.mark.parametrize("email", ["I@x.example", "\u0130@x.example", "\u0131@x.example"])
def test_the_dots_of_turkish_keep_people_apart(email: str) -> None:
    spellings = {
        canonical_email(each) for each in ("I@x.example", "\u0130@x.example", "\u0131@x.example")
    }
    assert len(spellings) == 3
    assert canonical_email(email) == canonical_email(canonical_email(email))


def test_an_empty_address_is_no_person(db: None) -> None:
    for email in ("", "  "):
        with pytest.raises(ValueError, match="email"):
            User.objects.create_user(email=email)


def test_parts_of_an_address() -> None:
    assert domain_of("a@b@x.example") == "x.example"
    assert domain_of("nobody") == ""
    assert masked("anna@x.example") == "a…@x.example"
    account = Account(email_domains=["x.example"])
    assert not account.is_outside("anna@x.example")
    assert account.is_outside("anna@sub.x.example")
    assert account.is_outside("anna@y.example")
    assert not Account().is_outside("anna@y.example")


def test_the_admin_s_own_check_stores_the_one_spelling() -> None:
    person = User(email=" ANNA@x.example", password="x")
    try:
        person.full_clean()
    except ValidationError:
        person.clean()
    assert person.email == "anna@x.example"
