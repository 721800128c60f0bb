"""Support staff try to be more than they are, and a harmless change must not blind the audit."""

import pytest

from accounts.memberships import NotAllowed, change_role, remove
from accounts.models import Membership, Role, User
from enforcement import account_changes
from tests.enforcement.kit import sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(clock: Clock) -> User:
    return make_user("owner@northwind.example")


@pytest.mark.proves("S54")
def test_staff_who_are_admins_of_an_account_neither_make_nor_unmake_owners(
    owner: User, clock: Clock
) -> None:
    """Support gives itself no role that an owner did not give."""
    account = make_account("northwind", owner=owner)
    support = make_user("support@gatehouse.example", is_staff=True)
    own = Membership.objects.create(account=account, user=support, role=Role.ADMIN)
    of_owner = Membership.objects.get(account=account, user=owner)
    with pytest.raises(NotAllowed):
        change_role(membership=own, role=Role.OWNER, actor=support, now=clock.now)
    with pytest.raises(NotAllowed):
        change_role(membership=of_owner, role=Role.MEMBER, actor=support, now=clock.now)
    with pytest.raises(NotAllowed):
        remove(membership=of_owner, actor=support, now=clock.now)
    own.refresh_from_db()
    assert own.role == Role.ADMIN


@pytest.mark.proves("S54")
def test_the_page_answers_such_a_try_plainly(owner: User, clock: Clock) -> None:
    """By the form of the account's page."""
    account = make_account("northwind", owner=owner)
    staff = make_user("support@gatehouse.example", is_staff=True)
    own = Membership.objects.create(account=account, user=staff, role=Role.ADMIN)
    client = sign_in_with_code(enrol_app(staff, now=clock.now))
    client.post(f"/accounts/northwind/members/{own.pk}/role/", {"role": "owner"})
    own.refresh_from_db()
    assert own.role == Role.ADMIN


@pytest.mark.proves("S60", "S61")
def test_the_audit_shows_changes_of_every_kind(owner: User, clock: Clock) -> None:
    """One change of an account's domains made the list of the audit answer 500."""
    account = make_account("northwind", owner=owner)
    account.email_domains = ["northwind.example", "films.example"]
    account_changes.change(account=account, actor=owner, now=clock.now)
    answer = sign_in(owner).get("/admin/accounts/auditevent/")
    assert answer.status_code == 200
    assert "films.example" in answer.content.decode()
