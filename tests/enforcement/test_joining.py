"""Accepting an invitation, being added by hand: set-up comes first, the membership last."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import delivery, invitations, memberships, people
from accounts.models import Account, AuditEvent, Invitation, Membership, Notice, Role, User
from accounts.reach import open_invitations
from enforcement import joining, notices, passes, policies
from enforcement.joining import NotJoinable, SetUpFirst
from enforcement.passes import NotGrantable
from enforcement.standing import joining_due_at
from tests.enforcement.kit import DAY, MS, sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def invite(
    account: Account, person: User, actor: User, now: datetime, role: str = Role.MEMBER
) -> Invitation:
    return invitations.invite(account=account, email=person.email, role=role, actor=actor, now=now)


@pytest.fixture
def guest(db: None, now: datetime) -> User:
    return make_user("guest@elsewhere.example", name="Gus Guest")


def test_a_guest_joins_with_the_role_and_the_instant(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    invitation = invite(northwind, guest, owner, now, role=Role.ADMIN)
    membership = joining.accept(invitation=invitation, user=guest, now=now + DAY)
    assert (membership.role, membership.joined_at) == (Role.ADMIN, now + DAY)
    invitation.refresh_from_db()
    assert invitation.accepted_at == now + DAY
    told = Notice.objects.get(kind="invitation_joined")
    assert (told.recipient, told.context["member_email"]) == (owner.email, guest.email)
    assert AuditEvent.objects.filter(event="joined", subject_id=guest.pk).count() == 1


def test_of_two_invitations_the_one_that_was_accepted_counts(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    wanted = make_account("southwind", owner=owner)
    first = invite(northwind, guest, owner, now, role=Role.ADMIN)
    membership = joining.accept(invitation=invite(wanted, guest, owner, now), user=guest, now=now)
    assert (membership.account, membership.role) == (wanted, Role.MEMBER)
    assert list(Invitation.objects.filter(accepted_at=None)) == [first]


@pytest.mark.proves("B95", "S45")
def test_an_invitation_is_good_once(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    invitation = invite(northwind, guest, owner, now)
    joining.accept(invitation=invitation, user=guest, now=now)
    with pytest.raises(NotJoinable, match="already used"):
        joining.accept(invitation=invitation, user=guest, now=now)
    assert Membership.objects.filter(user=guest).count() == 1


@pytest.mark.proves("B95", "S46")
def test_where_the_account_requires_it_set_up_comes_first(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    invitation = invite(northwind, guest, owner, now)
    with pytest.raises(SetUpFirst):
        joining.accept(invitation=invitation, user=guest, now=now)
    assert not Membership.objects.filter(user=guest).exists()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None
    enrol_app(guest, now=now)
    assert joining.accept(invitation=invitation, user=guest, now=now)


def test_who_can_t_set_up_to_join_is_helped_by_a_pass(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    with pytest.raises(NotGrantable):
        passes.grant_pass(user=guest, actor=None, reason="no phone", now=now)
    invitation = invite(northwind, guest, owner, now)
    passes.grant_pass(user=guest, actor=None, reason="no phone", now=now)
    guest.refresh_from_db()
    assert joining.accept(invitation=invitation, user=guest, now=now)


def test_who_is_on_a_pass_joins(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    enrol_app(guest, now=now)
    passes.grant_pass(user=guest, actor=None, reason="Lost phone", now=now)
    guest.refresh_from_db()
    invitation = invite(northwind, guest, owner, now)
    assert joining.accept(invitation=invitation, user=guest, now=now)


def revoke(person: User, now: datetime) -> None:
    passes.revoke_pass(user=person, actor=None, now=now)


def deactivate(person: User, now: datetime) -> None:
    people.deactivate(user=person, actor=None, now=now)


def change_address(person: User, now: datetime) -> None:
    User.objects.filter(pk=person.pk).update(email="moved@elsewhere.example")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [(revoke, SetUpFirst), (deactivate, NotJoinable), (change_address, NotJoinable)],
)
def test_who_joins_is_judged_by_the_facts_under_the_lock(
    change: Callable[[User, datetime], None],
    refusal: type[Exception],
    northwind: Account,
    owner: User,
    guest: User,
    now: datetime,
) -> None:
    """The request read its person, and waited for the lock while something changed."""
    policies.switch_on(account=northwind, actor=owner, now=now)
    invitation = invite(northwind, guest, owner, now)
    passes.grant_pass(user=guest, actor=None, reason="no phone", now=now)
    read = User.objects.get(pk=guest.pk)
    change(guest, now)
    with pytest.raises(refusal):
        joining.accept(invitation=invitation, user=read, now=now)
    assert not Membership.objects.filter(account=northwind, user=guest).exists()


def test_an_account_of_before_its_requirement_asks_for_nothing(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=now)
    invitation = invite(northwind, guest, owner, now)
    assert joining.must_set_up(guest, invitation, now=now)
    policies.switch_off(account=northwind, actor=owner, now=now)
    assert not joining.must_set_up(guest, invitation, now=now)
    assert joining.accept(invitation=invitation, user=guest, now=now)


@pytest.mark.proves("S46")
@pytest.mark.parametrize(
    "email",
    [
        "other@elsewhere.example",
        "guest+tag@elsewhere.example",
        "guest@elsewhere.example.evil",
        "guesť@elsewhere.example",
    ],
)
def test_only_the_invited_address_may_accept(
    email: str, northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    invitation = invite(northwind, guest, owner, now)
    with pytest.raises(NotJoinable, match=r"This invitation is for guest@elsewhere\.example"):
        joining.accept(invitation=invitation, user=make_user(email), now=now)
    assert not Membership.objects.filter(account=northwind, user__email=email).exists()


@pytest.mark.proves("S45")
def test_an_invitation_ends_after_seven_days(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    invitation = invite(northwind, guest, owner, now)
    assert joining.check_usable(invitation, now=now + 7 * DAY - MS)
    with pytest.raises(NotJoinable, match="expired"):
        joining.accept(invitation=invitation, user=guest, now=now + 7 * DAY)


def test_an_invitation_that_never_was_opens_nothing(now: datetime) -> None:
    with pytest.raises(NotJoinable, match="does not exist"):
        joining.check_usable(None, now=now)


@pytest.mark.proves("S45")
def test_a_revoked_invitation_opens_nothing(
    northwind: Account, owner: User, guest: User, now: datetime
) -> None:
    invitation = invite(northwind, guest, owner, now)
    invitations.revoke(invitation=invitation, actor=owner, now=now)
    with pytest.raises(NotJoinable, match="withdrawn"):
        joining.accept(invitation=invitation, user=guest, now=now)


@pytest.fixture(params=["removed", "demoted", "deactivated", "deleted"])
def unvouched(
    request: Any, northwind: Account, owner: User, ada: User, guest: User, clock: Clock
) -> Invitation:
    """An invitation of the guest whose inviter, an admin then, may invite no more."""
    now = clock.now
    membership = Membership.objects.get(account=northwind, user=ada)
    memberships.change_role(membership=membership, role=Role.ADMIN, actor=owner, now=now)
    membership.refresh_from_db()
    invitation = invite(northwind, guest, ada, now)
    if request.param == "removed":
        memberships.remove(membership=membership, actor=owner, now=now)
    elif request.param == "demoted":
        memberships.change_role(membership=membership, role=Role.MEMBER, actor=owner, now=now)
    elif request.param == "deactivated":
        people.deactivate(user=ada, actor=None, now=now)
    else:
        people.delete(user=ada, now=now)
    return invitation


@pytest.mark.proves("S45")
def test_nobody_joins_whose_inviter_may_invite_no_more(
    unvouched: Invitation, guest: User, clock: Clock
) -> None:
    with pytest.raises(NotJoinable, match="no longer invite"):
        joining.accept(invitation=unvouched, user=guest, now=clock.now)


def test_an_invitation_that_nobody_vouches_for_binds_nobody_and_is_not_mailed(
    unvouched: Invitation, northwind: Account, guest: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    assert joining_due_at(unvouched.pk, person=guest, now=clock.now) is None
    delivery.send_due(now=clock.now)
    assert Notice.objects.get(kind="invitation").state == Notice.State.DROPPED


def test_an_invitation_that_nobody_vouches_for_is_offered_nowhere(
    unvouched: Invitation, northwind: Account, owner: User, guest: User
) -> None:
    assert not open_invitations(northwind)
    page = sign_in(owner).get("/accounts/northwind/").content.decode()
    assert guest.email not in page.replace("<wbr>", "")
    client = sign_in(guest)
    assert "Northwind" not in client.get("/").content.decode()
    answer = client.get(f"/invitations/continue/?invitation={unvouched.pk}")
    assert answer["Location"] == "/"


@pytest.mark.proves("S45")
def test_nobody_becomes_owner_by_the_word_of_one_who_is_owner_no_more(
    northwind: Account, owner: User, ada: User, guest: User, now: datetime
) -> None:
    membership = Membership.objects.get(account=northwind, user=ada)
    memberships.change_role(membership=membership, role=Role.OWNER, actor=owner, now=now)
    invitation = invite(northwind, guest, ada, now, role=Role.OWNER)
    membership.refresh_from_db()
    memberships.change_role(membership=membership, role=Role.ADMIN, actor=owner, now=now)
    with pytest.raises(NotJoinable, match="no longer invite"):
        joining.accept(invitation=invitation, user=guest, now=now)


# By hand.


def add(account: Account, person: User, now: datetime) -> Membership:
    return joining.add_by_hand(user=person, account=account, role=Role.MEMBER, actor=None, now=now)


def due_mails(person: User) -> int:
    return Notice.objects.filter(kind="due_at_once", user=person).count()


def test_who_is_added_by_hand_after_the_start_is_due_and_mailed_so(
    northwind: Account, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=None, now=now)
    add(northwind, guest, now + MS)
    assert due_mails(guest) == 1


def join(account: Account, person: User, now: datetime) -> Membership:
    actor = Membership.objects.owners().get(account=account).user
    invitation = invite(account, person, actor, now)
    return joining.accept(invitation=invitation, user=person, now=now)


@pytest.mark.parametrize("way", [add, join])
def test_who_joins_on_a_pass_is_mailed_that_it_is_due(
    way: Callable[[Account, User, datetime], Membership],
    northwind: Account,
    guest: User,
    now: datetime,
) -> None:
    enrol_app(guest, now=now)
    policies.switch_on(account=northwind, actor=None, now=now)
    passes.grant_pass(user=guest, actor=None, reason="Lost phone", now=now)
    way(northwind, guest, now + MS)
    assert due_mails(guest) == 1
    delivery.send_due(now=now + MS)
    assert Notice.objects.get(kind="due_at_once").state == Notice.State.SENT


def test_who_accepts_and_is_ready_is_not_told_to_hurry(
    northwind: Account, guest: User, now: datetime
) -> None:
    enrol_app(guest, now=now)
    policies.switch_on(account=northwind, actor=None, now=now)
    join(northwind, guest, now + MS)
    assert due_mails(guest) == 0


def test_who_was_added_at_the_start_has_the_window(
    northwind: Account, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=None, now=now)
    add(northwind, guest, now)
    assert due_mails(guest) == 0


@pytest.mark.parametrize("wait", [MS, timedelta(minutes=1)])
def test_who_is_added_by_hand_while_a_switch_is_under_way_is_due_and_mailed_so(
    wait: timedelta, northwind: Account, guest: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=None, now=now + wait)
    notices.announce(now=now + wait)  # woken by the commit that ``add`` has waited for
    membership = add(northwind, guest, now)
    assert membership.joined_at > now + wait
    assert due_mails(guest) == 1


def test_who_is_ready_is_not_told_to_hurry(northwind: Account, guest: User, now: datetime) -> None:
    enrol_app(guest, now=now)
    policies.switch_on(account=northwind, actor=None, now=now)
    add(northwind, guest, now + MS)
    assert due_mails(guest) == 0


def test_who_is_added_to_an_account_that_requires_nothing_is_told_nothing(
    northwind: Account, guest: User, now: datetime
) -> None:
    add(northwind, guest, now)
    assert due_mails(guest) == 0


def test_who_is_a_member_already_stays_as_is(
    northwind: Account, owner: User, ada: User, now: datetime
) -> None:
    before = Membership.objects.get(user=ada)
    policies.switch_on(account=northwind, actor=None, now=now)
    again = joining.add_by_hand(
        user=ada, account=northwind, role=Role.OWNER, actor=None, now=now + DAY
    )
    assert (again.pk, again.role, again.joined_at) == (before.pk, before.role, before.joined_at)
    assert due_mails(ada) == 0


def test_joining_again_is_mailed_again(northwind: Account, guest: User, now: datetime) -> None:
    policies.switch_on(account=northwind, actor=None, now=now)
    for number in range(2):
        membership = add(northwind, guest, now + MS + number * DAY)
        memberships.remove(membership=membership, actor=guest, now=now + MS + number * DAY)
    assert due_mails(guest) == 2
