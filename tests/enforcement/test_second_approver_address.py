"""Another address takes two of support where a pass does: its mailbox is the way to a password."""

import pytest

from accounts.models import AuditEvent, Notice, User
from enforcement.models import Approval, Decision, Help
from tests.enforcement.desk import person_page, root_browser, support_browser
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.proves("S40", "S44"),
    pytest.mark.usefixtures("two", "northwind"),
]

NEW, REASON = "olga@new.example", "Called back on the known number."


def ask(target: User, email: str = NEW) -> str:
    """Ask as support does; return the page that follows."""
    client = support_browser("first@gatehouse.example")
    given = {"email": email, "reason": REASON}
    answer = client.post(person_page(target, "address"), given, follow=True)
    return str(answer.content.decode())


def address_of(person: User) -> str:
    return User.objects.get(pk=person.pk).email


def test_an_owner_s_address_waits_for_a_second_one(owner: User, clock: Clock) -> None:
    old = owner.email
    assert "It waits for a second of support" in ask(owner)
    assert address_of(owner) == old
    assert not Notice.objects.filter(kind__startswith="address_changed").exists()
    asked = Approval.objects.get()
    assert (asked.what, asked.address, asked.closed_at) == (Help.EMAIL, NEW, None)
    row = AuditEvent.objects.get(event="approval_asked")
    assert NEW not in str(row.after)

    second = support_browser("second@gatehouse.example")
    page = second.get(person_page(owner, "approve")).content.decode()
    assert NEW in page
    assert REASON in page
    assert "Whoever reads the new mailbox can choose a new password" in page
    second.post(person_page(owner, "approve"), {"number": asked.pk})
    assert address_of(owner) == NEW
    told = Notice.objects.filter(kind="address_changed").values_list("recipient", flat=True)
    assert set(told) == {old, NEW}
    changed = AuditEvent.objects.get(event="email_changed")
    assert changed.actor_id == asked.asked_by_id


def test_whoever_asked_does_not_approve_it(owner: User, clock: Clock) -> None:
    client = support_browser("first@gatehouse.example")
    client.post(person_page(owner, "address"), {"email": NEW, "reason": REASON})
    answer = client.post(person_page(owner, "approve"), {"number": Approval.objects.get().pk})
    assert answer.status_code == 409
    assert address_of(owner) != NEW


def test_for_staff_a_superuser_approves_it(clock: Clock) -> None:
    sam = make_user("sam@gatehouse.example", is_staff=True)
    asker = root_browser()
    asker.post(person_page(sam, "address"), {"email": NEW, "reason": REASON})
    number = Approval.objects.get().pk
    support_browser("first@gatehouse.example").post(person_page(sam, "approve"), {"number": number})
    assert address_of(sam) != NEW
    other = support_browser("root2@gatehouse.example", is_superuser=True)
    other.post(person_page(sam, "approve"), {"number": number})
    assert address_of(sam) == NEW


def test_declined_it_changes_nothing(owner: User, clock: Clock) -> None:
    ask(owner)
    number = Approval.objects.get().pk
    second = support_browser("second@gatehouse.example")
    second.post(person_page(owner, "decline"), {"number": number, "reason": "No."})
    assert Approval.objects.get().closed_as == Decision.DECLINED
    assert address_of(owner) != NEW


@pytest.mark.parametrize("email", ["ada@northwind.example", "owner@northwind.example"])
def test_an_address_that_can_not_be_is_refused_before_anybody_is_asked(
    email: str, owner: User, ada: User, clock: Clock
) -> None:
    assert {owner.email, ada.email} >= {email}
    page = ask(owner, email)
    assert "There is a sign-in with this address" in page or "This is the address already" in page
    assert not Approval.objects.exists()


def test_an_address_taken_meanwhile_is_not_given(owner: User, ada: User, clock: Clock) -> None:
    ask(owner)
    User.objects.filter(pk=ada.pk).update(email=NEW)
    second = support_browser("second@gatehouse.example")
    answer = second.post(person_page(owner, "approve"), {"number": Approval.objects.get().pk})
    assert answer.status_code == 409
    assert address_of(owner) != NEW
    assert Approval.objects.get().closed_at is None, "it is as if nobody had approved"


def test_a_member_s_address_takes_one(ada: User, clock: Clock) -> None:
    ask(ada)
    assert address_of(ada) == NEW
    assert not Approval.objects.exists()
