"""What a membership takes along to another sign-in, and what it does not."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts import (
    addresses,
    invitations,
    memberships,
    moving,
    objections,
    providers,
    sso_admission,
)
from accounts.audit import Event
from accounts.claims import Claims
from accounts.models import (
    Account,
    AuditEvent,
    Identity,
    Invitation,
    Membership,
    Notice,
    Provider,
    Role,
    User,
)
from accounts.sso_admission import Entry
from enforcement.models import Policy
from enforcement.standing import facts_of
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import DAY, Clock
from tests.journeys.post import mails_to, run_jobs

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

WORK = "ada.lovelace@northwind.example"


@pytest.fixture
def later(policy: Policy, provider: Provider, ada: User, clock: Clock) -> datetime:
    """The later deadline of Ada, whose provider was switched off."""
    User.objects.filter(pk=ada.pk).update(last_provider=provider)
    clock.forward(hours=1)
    support = make_user(is_staff=True)
    providers.switch_off(provider=provider, actor=support, reason="asked", now=clock.now)
    assert due_at(ada.email) == clock.now + DAY != policy.deadline
    return clock.now + DAY


def due_at(email: str) -> datetime | None:
    return facts_of(User.objects.get(email=email)).due_at


def membership_of(person: User, account: Account) -> Membership:
    return Membership.objects.select_related("user", "account").get(user=person, account=account)


def move(person: User, account: Account, email: str, clock: Clock) -> Membership:
    mine = membership_of(person, account)
    return moving.move(user=person, membership_id=mine.pk, email=email, now=clock.now)


def test_what_is_no_longer_the_person_s_does_not_move(
    northwind: Account, ada: User, clock: Clock
) -> None:
    moved = move(ada, northwind, WORK, clock)
    again: dict[str, Any] = {"user": ada, "membership_id": moved.pk, "now": clock.now}
    with pytest.raises(moving.NotMovable, match="no longer in this account"):
        moving.move(**again, email="third@northwind.example")
    assert membership_of(User.objects.get(email=WORK), northwind) == moved
    moved.delete()
    with pytest.raises(moving.NotMovable, match="no longer in this account"):
        moving.move(**again, email=WORK)
    with pytest.raises(moving.NotMovable, match="no longer in this account"):
        moving.move_back(**again)


def test_nothing_moves_to_a_sign_in_that_is_deactivated(
    northwind: Account, ada: User, clock: Clock
) -> None:
    make_user(WORK, is_active=False)
    with pytest.raises(moving.NotMovable, match="can't be used"):
        move(ada, northwind, WORK, clock)
    assert membership_of(ada, northwind)


def test_a_later_deadline_that_was_forfeited_is_not_had_again(
    later: datetime, policy: Policy, northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    ben = make_user()
    joined_at = membership_of(ada, northwind).joined_at
    Membership.objects.create(account=northwind, user=ben, joined_at=joined_at)
    memberships.remove(membership=membership_of(ada, northwind), actor=owner, now=clock.now)
    move(ben, northwind, ada.email, clock)
    assert due_at(ada.email) == policy.deadline < later


def test_a_later_deadline_moves_back_with_the_membership(
    later: datetime, northwind: Account, ada: User, clock: Clock
) -> None:
    move(ada, northwind, WORK, clock)
    assert (due_at(ada.email), due_at(WORK)) == (None, later)
    moved = Notice.objects.get(kind="membership_moved", recipient=ada.email)
    objections.act(moved, now=clock.now)
    assert (due_at(ada.email), due_at(WORK)) == (later, None)


def entry_of(provider: Provider, subject: str, email: str, clock: Clock) -> tuple[Entry, str]:
    """Return how the provider's person comes in, and as whom."""
    claims = Claims(subject=subject, email=email, email_verified=True)
    found = sso_admission.admission(provider, claims, now=clock.now)
    assert found.user is not None
    return found.entry, found.user.email


def test_the_other_sign_in_links_what_the_provider_knew_the_mover_by(
    provider: Provider, northwind: Account, ada: User, clock: Clock
) -> None:
    Account.objects.filter(pk=northwind.pk).update(email_domains=["northwind.example"])
    provider.refresh_from_db()
    subject = Identity.objects.get(user=ada).subject
    assert entry_of(provider, subject, ada.email, clock) == (Entry.KNOWN, ada.email)
    move(ada, northwind, WORK, clock)
    assert entry_of(provider, subject, WORK, clock) == (Entry.LINK, WORK)
    row = AuditEvent.objects.get(event=Event.SSO_UNLINKED)
    assert (row.actor_id, row.subject_id, row.account_id) == (ada.pk, ada.pk, northwind.pk)


def test_moved_back_it_is_the_other_sign_in_that_the_provider_forgets(
    provider: Provider, northwind: Account, ada: User, other: Account, clock: Clock
) -> None:
    elsewhere = make_identity(make_provider(other, now=clock.now), ada, now=clock.now)
    move(ada, northwind, WORK, clock)
    thief = User.objects.get(email=WORK)
    make_identity(provider, thief, now=clock.now)
    moved = Notice.objects.get(kind="membership_moved", recipient=ada.email)
    objections.act(moved, now=clock.now)
    assert Identity.objects.get() == elsewhere
    row = AuditEvent.objects.filter(event=Event.SSO_UNLINKED).latest("pk")
    assert (row.actor_id, row.subject_id) == (ada.pk, thief.pk)


def invite(account: Account, actor: User, clock: Clock) -> Invitation:
    return invitations.invite(
        account=account, email="guest@x.example", role=Role.MEMBER, actor=actor, now=clock.now
    )


def test_open_invitations_go_along(northwind: Account, owner: User, clock: Clock) -> None:
    invitation = invite(northwind, owner, clock)
    move(owner, northwind, WORK, clock)
    assert invitations.is_open(invitation.pk, now=clock.now)
    memberships.add(account=northwind, user=owner, role=Role.OWNER, actor=None, now=clock.now)
    Membership.objects.filter(user__email=WORK).update(role=Role.MEMBER)
    assert not invitations.is_open(invitation.pk, now=clock.now)


def test_invitations_of_another_account_stay(northwind: Account, owner: User, clock: Clock) -> None:
    other = make_account(owner=owner)
    invitation = invite(other, owner, clock)
    move(owner, northwind, WORK, clock)
    invitation.refresh_from_db()
    assert invitation.invited_by == owner


@pytest.mark.parametrize("has_moved", [False, True])
def test_what_a_thief_sent_does_not_come_back(
    has_moved: bool, northwind: Account, owner: User, clock: Clock
) -> None:
    if not has_moved:
        invitation = invite(northwind, owner, clock)
    move(owner, northwind, WORK, clock)
    if has_moved:
        invitation = invite(northwind, User.objects.get(email=WORK), clock)
    objections.act(
        Notice.objects.get(kind="membership_moved", recipient=owner.email), now=clock.now
    )
    assert Membership.objects.filter(user=owner, account=northwind).exists()
    assert not invitations.is_open(invitation.pk, now=clock.now)


def letters_to(recipient: str) -> dict[str, str]:
    run_jobs()
    return {str(each.subject): str(each.body) for each in mails_to(recipient)}


def test_a_new_sign_in_is_told_of_its_password_as_one_that_nobody_forgot(
    northwind: Account, ada: User, clock: Clock
) -> None:
    move(ada, northwind, WORK, clock)
    first = letters_to(WORK)["Choose a password"]
    assert "a sign-in was made for your address" in first
    assert "Forgot your password" not in first
    mailed = letters_to(ada.email)[f"Your place in {northwind.name} moved to another address"]
    assert "has a password of its own" in mailed
    Client().post("/password/reset/", {"email": ada.email})
    assert "Forgot your password" in letters_to(ada.email)["Choose a new password"]


def test_who_has_a_password_there_reads_of_none_to_choose(
    northwind: Account, ada: User, clock: Clock
) -> None:
    make_user(WORK)
    move(ada, northwind, WORK, clock)
    mailed = letters_to(WORK)[f"Your place in {northwind.name} moved to another address"]
    assert "password of its own" not in mailed


def test_the_old_mailbox_reads_that_the_place_comes_back(
    northwind: Account, ada: User, clock: Clock
) -> None:
    move(ada, northwind, WORK, clock)
    back = f"Your place in {northwind.name} comes back"
    for mailbox, is_back in ((ada.email, True), (WORK, False)):
        subject = f"Your place in {northwind.name} moved to another address"
        mailed = letters_to(mailbox)[subject]
        assert (back in mailed) is is_back
        link = re.search(r"/not-me/\S+", mailed)
        assert link
        page = Client().get(link[0]).content.decode()
        assert (back in page) is is_back


def test_the_old_mailbox_is_asked_about_the_place_alone(
    northwind: Account, ada: User, clock: Clock
) -> None:
    mine = membership_of(ada, northwind)
    addresses.ask(user=ada, email=WORK, needs_both=True, membership=mine, now=clock.now)
    asked = letters_to(ada.email)["Do you want to move to another address?"]
    assert f"move your place in {northwind.name} to {WORK}" in asked
    assert "change" not in asked.partition("Works until")[0]


def test_the_page_after_a_move_tells_of_the_password(
    northwind: Account, ada: User, clock: Clock
) -> None:
    mine = membership_of(ada, northwind)
    for address, is_told in ((WORK, True), ("ada@second.example", False)):
        if not is_told:
            make_user(address)
            mine = membership_of(User.objects.get(email=WORK), northwind)
        addresses.ask(
            user=mine.user, email=address, needs_both=False, membership=mine, now=clock.now
        )
        link = re.search(
            r"/settings/email/confirm/\S+", letters_to(address)["Confirm your new email address"]
        )
        assert link
        page = Client().post(link[0]).content.decode()
        assert "Address changed" in page
        assert ("has a password of its own" in page) is is_told
