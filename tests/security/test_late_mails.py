"""A mail waits for a slow server, and its reader is another, or has left, when it is sent."""

from operator import attrgetter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import delivery, invitations, mail, memberships, passwords
from accounts.mail import Audience
from accounts.models import Account, Membership, Notice, Role, User, random_value
from enforcement import joining, leaving, passes, policies
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from twofactor import mailbox

pytestmark = pytest.mark.django_db

OLD, NEW = "ada@old.example", "ada@new.example"


@pytest.fixture
def ada(clock: Clock) -> User:
    return make_user(OLD)


def move_away(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(email=NEW, mailbox_nonce=random_value())


@pytest.mark.proves("S43")
def test_an_old_mailbox_is_sent_no_link_to_reset_the_password(
    ada: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """A reset that was asked for dies with the address, its mail unsent or not."""
    passwords.ask_for_reset(email=OLD, now=clock.now)
    move_away(ada)
    delivery.send_due(now=clock.now)
    assert mailoutbox == []
    assert Notice.objects.get().state == Notice.State.DROPPED


@pytest.mark.proves("S41", "B99")
def test_an_old_mailbox_is_sent_no_link_that_proves_the_new_one(
    ada: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """Whoever reads the old mailbox can bind no device."""
    account = make_account(members=(ada,))
    clock.forward(hours=1)
    policies.switch_on(account=account, actor=None, now=clock.now)
    passes.grant_pass(user=ada, actor=None, reason="lost", now=clock.now)
    move_away(ada)
    delivery.send_due(now=clock.now)
    (told,) = [each for each in mailoutbox if each.to == [OLD]]
    assert "/two-factor/setup/" in told.body
    assert "/two-factor/setup/link/" not in told.body


@pytest.mark.proves("S43")
def test_the_own_mailbox_is_sent_both(ada: User, clock: Clock, mailoutbox: list[Any]) -> None:
    """Who stayed gets a link that works."""
    passwords.ask_for_reset(email=OLD, now=clock.now)
    delivery.send_due(now=clock.now)
    assert "/password/reset/" in mailoutbox[0].body
    assert mailbox.read_link(mailbox.make_token(ada, now=clock.now), now=clock.now) == ada


LEFT = "removed_from_account"


@pytest.fixture
def account(clock: Clock) -> Account:
    """One that requires two-factor authentication, of which everybody was told."""
    account = make_account(owner=make_user(), members=(make_user(name="Mia"),))
    policies.switch_on(account=account, actor=None, now=clock.now)
    return account


def join(account: Account, person: User, role: str, clock: Clock) -> Membership:
    return memberships.add(account=account, user=person, role=role, actor=None, now=clock.now)


def owner_of(account: Account) -> User:
    return Membership.objects.owners().filter(account=account).order_by("pk")[0].user


def end(membership: Membership, clock: Clock) -> None:
    found = Membership.objects.select_related("user", "account").get(pk=membership.pk)
    leaving.remove(membership=found, actor=owner_of(found.account), now=clock.now)


def told(person: User, clock: Clock) -> set[str]:
    delivery.send_due(now=clock.now)
    sent = Notice.objects.filter(user=person, state=Notice.State.SENT)
    return set(sent.values_list("kind", flat=True))


def ask_for_pass(account: Account, ada: User, clock: Clock) -> None:
    mia = User.objects.get(name="Mia")
    passes.ask_for_pass(user=mia, message="My phone was stolen in hospital.", now=clock.now)


def end_requirement(account: Account, ada: User, clock: Clock) -> None:
    policies.switch_off(account=account, actor=owner_of(account), now=clock.now)


def change_role(account: Account, ada: User, clock: Clock) -> None:
    mine = Membership.objects.select_related("user", "account").get(user=ada)
    owner = owner_of(account)
    memberships.change_role(membership=mine, role=Role.ADMIN, actor=owner, now=clock.now)


def have_a_guest_join(account: Account, ada: User, clock: Clock) -> None:
    end_requirement(account, ada, clock)
    guest = make_user()
    invitation = invitations.invite(
        account=account, email=guest.email, role=Role.MEMBER, actor=ada, now=clock.now
    )
    joining.accept(invitation=invitation, user=guest, now=clock.now)


@pytest.mark.parametrize("has_left", [False, True])
@pytest.mark.parametrize(
    ("role", "happen", "kind"),
    [
        (Role.ADMIN, ask_for_pass, "pass_asked_admins"),
        (Role.OWNER, end_requirement, "owner_requirement_off"),
        (Role.MEMBER, change_role, "role_changed"),
        (Role.ADMIN, have_a_guest_join, "invitation_joined"),
    ],
)
def test_who_left_is_told_of_that_alone(
    role: str, happen: Any, kind: str, has_left: bool, account: Account, ada: User, clock: Clock
) -> None:
    mine = join(account, ada, role, clock)
    happen(account, ada, clock)
    if has_left:
        end(mine, clock)
    assert told(ada, clock) & {kind, LEFT} == {LEFT if has_left else kind}


def test_who_is_no_owner_any_more_learns_nothing_that_only_owners_do(
    account: Account, ada: User, clock: Clock
) -> None:
    join(account, ada, Role.OWNER, clock)
    end_requirement(account, ada, clock)
    Membership.objects.filter(user=ada).update(role=Role.MEMBER)
    assert told(ada, clock) == set()


@pytest.mark.parametrize(
    "kind", [kind for kind in mail.registered() if kind.to.value], ids=attrgetter("name")
)
def test_no_mail_for_an_account_s_people_is_sent_to_anybody_else(
    kind: mail.Kind, account: Account, ada: User, clock: Clock
) -> None:
    mail.owe(kind.name, to=ada, occasion="x", account=account, now=clock.now)
    join(make_account(), ada, Role.OWNER, clock)
    delivery.send_due(now=clock.now)
    assert Notice.objects.get(user=ada).state == Notice.State.DROPPED


def test_who_is_told_of_leaving_or_asked_in_need_not_belong() -> None:
    for_anybody = {kind.name for kind in mail.registered() if kind.to is Audience.ANYBODY}
    assert {LEFT, "left_account", "invitation", "identity_linked", "sso_unlinked"} <= for_anybody
    assert not {name for name in for_anybody if name.endswith(("_owners", "_admins"))}


def test_a_batch_asks_once_who_its_readers_are(account: Account, clock: Clock) -> None:
    for _ in range(3):
        join(account, make_user(), Role.OWNER, clock)
    policies.switch_off(account=account, actor=owner_of(account), now=clock.now)
    with CaptureQueriesContext(connection) as seen:
        assert delivery.send_due(now=clock.now) == 4
    asked = [query for query in seen.captured_queries if "accounts_membership" in query["sql"]]
    assert len(asked) == 1
