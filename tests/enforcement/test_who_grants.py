"""Who grants a pass to whom, and who approves one: by the pages, in every role."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, User
from enforcement.models import Approval, Pass
from tests.enforcement.approving import REASON, ask, is_granted
from tests.enforcement.desk import person_page
from tests.enforcement.roles import ROLES
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S40")]

NOTHING: dict[str, str] = {}
GRANTS = {
    "support": {"member": "granted", "owner": "granted"},
    "superuser": {"member": "granted", "owner": "granted", "staff": "granted"},
}
WITH_TWO = {
    "support": {"member": "granted", "owner": "waits"},
    "superuser": {"member": "granted", "owner": "waits", "staff": "waits"},
}


def outcome_of(client: Client, target: User) -> str:
    """Post the form of a grant; say what came of it, and undo it."""
    client.post(person_page(target, "pass"), {"reason": REASON})
    granted = Pass.objects.filter(user=target, reason=REASON)
    waiting = Approval.objects.filter(user=target)
    found = "granted" if granted.exists() else "waits" if waiting.exists() else "refused"
    granted.delete()
    waiting.delete()
    User.objects.filter(pk=target.pk, pass_until__gt=target.joined_at).update(pass_until=None)
    return found


@pytest.mark.proves("B103")
@pytest.mark.parametrize("role", ROLES)
def test_who_grants_to_whom(
    role: str,
    northwind: Account,
    dora: Enrolled,
    owner: User,
    colleague: Enrolled,
    clock: Clock,
    settings: Settings,
) -> None:
    client, person = ROLES[role](northwind, clock)
    targets = {"member": dora.user, "owner": owner, "staff": colleague.user}
    if person is not None and role != "support on a pass":
        targets["self"] = person
    for approval, expected in ((False, GRANTS), (True, WITH_TWO)):
        settings.TWO_FACTOR_PASS_APPROVAL = approval
        for name, target in targets.items():
            what = outcome_of(client, target)
            assert what == expected.get(role, NOTHING).get(name, "refused"), (name, approval)


@pytest.mark.parametrize("role", ROLES)
def test_who_approves(
    role: str,
    northwind: Account,
    dora: Enrolled,
    owner: User,
    sam: Enrolled,
    clock: Clock,
    two: None,
) -> None:
    client, _ = ROLES[role](northwind, clock)
    asked = ask(owner, sam.user, clock)
    client.post(person_page(owner, "approve"), {"number": asked.pk})
    assert is_granted(owner) is (role in {"support", "superuser"})
