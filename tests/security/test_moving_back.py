"""“It wasn't me” after a move: the old mailbox has its membership back, the new moves nothing."""

import pytest

from accounts import keys, moving, objections, people
from accounts.audit import Event
from accounts.models import Account, AuditEvent, Identity, Membership, Notice, Role, User
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

VICTIM, THIEF = "ada@northwind.example", "thief@bad.example"


@pytest.fixture
def account(clock: Clock) -> Account:
    """An account whose owner's membership a thief has moved to an address of his own."""
    account = make_account(owner=make_user(VICTIM))
    owned = Membership.objects.get(account=account)
    moving.move(user=owned.user, membership_id=owned.pk, email=THIEF, now=clock.now)
    return account


def owner_of(account: Account) -> str:
    return Membership.objects.get(account=account, role=Role.OWNER).user.email


def test_the_old_mailbox_has_its_membership_back(account: Account, clock: Clock) -> None:
    assert owner_of(account) == THIEF
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(account) == VICTIM


def test_the_new_mailbox_moves_nothing(account: Account, clock: Clock) -> None:
    objections.act(Notice.objects.get(kind="membership_moved", recipient=THIEF), now=clock.now)
    assert owner_of(account) == THIEF


def move_on(account: Account, email: str, clock: Clock) -> None:
    clock.forward(minutes=1)
    owned = Membership.objects.get(account=account, role=Role.OWNER)
    moving.move(user=owned.user, membership_id=owned.pk, email=email, now=clock.now)


def test_it_comes_back_from_wherever_the_thief_moved_it_on_to(
    account: Account, clock: Clock
) -> None:
    move_on(account, "another@bad.example", clock)
    move_on(account, "third@bad.example", clock)
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(account) == VICTIM
    for later in Notice.objects.filter(kind="membership_moved").exclude(recipient=VICTIM):
        objections.act(later, now=clock.now)
    assert owner_of(account) == VICTIM


def test_the_first_mailbox_has_the_last_word_whenever_it_speaks(
    account: Account, clock: Clock
) -> None:
    """The thief brings the second move back before the victim has read anything."""
    move_on(account, "another@bad.example", clock)
    to_thief = Notice.objects.filter(kind="membership_moved", recipient=THIEF).latest("pk")
    objections.act(to_thief, now=clock.now)
    assert owner_of(account) == THIEF
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(account) == VICTIM


def test_a_membership_that_comes_back_leaves_another_s_way_back_open(
    account: Account, clock: Clock
) -> None:
    """The same thief moved one of a second person, later."""
    second = make_account(owner=make_user("bea@northwind.example"))
    move_on(second, "another@bad.example", clock)
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(second) == "another@bad.example"
    theirs = Notice.objects.get(kind="membership_moved", recipient="bea@northwind.example")
    objections.act(theirs, now=clock.now)
    assert owner_of(second) == "bea@northwind.example"


def test_what_is_back_already_is_moved_no_more(account: Account, clock: Clock) -> None:
    victim, second = User.objects.get(email=VICTIM), make_user()
    Membership.objects.create(account=account, user=second, role=Role.OWNER)
    clock.forward(minutes=1)
    mine = Membership.objects.get(account=account, user__email=THIEF)
    moving.move(user=mine.user, membership_id=mine.pk, email=VICTIM, now=clock.now)
    make_identity(make_provider(account, now=clock.now), victim, now=clock.now)
    clock.forward(minutes=1)
    first = Notice.objects.filter(kind="membership_moved", recipient=VICTIM).earliest("pk")
    objections.act(first, now=clock.now)
    assert Membership.objects.get(pk=mine.pk).user == victim
    assert AuditEvent.objects.filter(event=Event.MEMBERSHIP_MOVED).count() == 2
    assert Notice.objects.filter(kind="membership_moved_owners", user=second).count() == 1
    assert Identity.objects.filter(user=victim).exists()


def test_it_comes_back_from_a_thief_who_has_another_address_by_now(
    account: Account, clock: Clock
) -> None:
    User.objects.filter(email=THIEF).update(email="another@bad.example")
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert owner_of(account) == VICTIM


def test_who_was_made_a_member_meanwhile_stays_one(account: Account, clock: Clock) -> None:
    Membership.objects.create(account=account, user=User.objects.get(email=VICTIM))
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert Membership.objects.filter(account=account).count() == 2


def test_it_stands_in_the_account_s_audit_and_its_owners_are_told(
    account: Account, clock: Clock
) -> None:
    second = make_user("second@northwind.example")
    Membership.objects.create(account=account, user=second, role=Role.OWNER)
    clock.forward(minutes=1)
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    victim, thief = User.objects.get(email=VICTIM), User.objects.get(email=THIEF)
    rows = AuditEvent.objects.filter(event=Event.MEMBERSHIP_MOVED, account_id=account.pk)
    row = rows.latest("pk")
    assert (row.actor_id, row.subject_id) == (victim.pk, victim.pk)
    assert row.before == {"person": keys.pseudonym(thief.email)}
    told = Notice.objects.get(kind="membership_moved_owners", recipient=second.email)
    assert (told.context["old_address"], told.context["new_address"]) == (THIEF, VICTIM)
    assert Notice.objects.filter(kind="membership_moved").count() == 2  # of the theft alone


@pytest.mark.parametrize("is_alone", [True, False])
def test_who_was_deactivated_has_it_back_only_beside_an_active_owner(
    account: Account, clock: Clock, is_alone: bool
) -> None:
    if not is_alone:
        Membership.objects.create(account=account, user=make_user(), role=Role.OWNER)
    victim = User.objects.get(email=VICTIM)
    people.deactivate(user=victim, actor=None, now=clock.now)
    objections.act(Notice.objects.get(kind="membership_moved", recipient=VICTIM), now=clock.now)
    assert Membership.objects.filter(account=account, user=victim).exists() is not is_alone
    assert Membership.objects.owners().filter(account=account).exists()
