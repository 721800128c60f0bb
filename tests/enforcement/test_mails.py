"""Each mail fits its reader at the moment of sending: who is free of it, and by when to act."""

import pytest
from django.core import mail as outgoing

from accounts import delivery
from accounts.models import Notice, Role, User
from enforcement import joining, logouts, notices, passes, reminding
from enforcement.models import Policy
from tests.enforcement.kit import HOUR, sign_in
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def owe(kind: str, policy: Policy, person: User, *, actor: User, clock: Clock) -> None:
    """Have the product owe one mail of ``kind`` to ``person``, and keep no other."""
    account = policy.account
    if kind == "signed_out":
        sign_in(person)
    until = {"reminder_12h": 12 * HOUR, "reminder_1h": HOUR, "signed_out": 0 * HOUR}
    if kind in until:
        clock.set(policy.deadline - until[kind])
    if kind == "due_at_once":
        clock.forward(minutes=1)
        joining.add_by_hand(
            user=person, account=account, role=Role.MEMBER, actor=actor, now=clock.now
        )
    if kind == "reminder_asked":
        reminding.remind_now(account=account, actor=actor, now=clock.now)
        reminding.owe_asked(now=clock.now)
    notices.announce(now=clock.now)
    notices.remind(now=clock.now)
    logouts.end_overdue_sessions(now=clock.now)
    Notice.objects.exclude(kind=kind, user=person).delete()
    assert Notice.objects.count() == 1


def texts_sent(clock: Clock) -> list[str]:
    """Send what is owed; return the texts, each behind its subject."""
    outgoing.outbox.clear()
    while delivery.send_due(now=clock.now):
        continue
    return [f"{each.subject}\n{each.body}" for each in outgoing.outbox]


# A pass frees, and its deadlines rest.

IS_SENT_ON_A_PASS = {
    "requirement_must_act": True,
    "due_at_once": True,
    "reminder_12h": False,
    "reminder_1h": False,
    "reminder_asked": False,
    "signed_out": False,
}


@pytest.mark.parametrize("then", ["nothing", "granted", "revoked"])
@pytest.mark.parametrize(("kind", "is_sent"), IS_SENT_ON_A_PASS.items())
def test_whom_a_pass_frees_is_sent_no_deadline_that_rests(
    kind: str, is_sent: bool, then: str, policy: Policy, ada: User, owner: User, clock: Clock
) -> None:
    reader = make_user("nell@northwind.example") if kind == "due_at_once" else ada
    owe(kind, policy, reader, actor=owner, clock=clock)
    if then != "nothing":
        passes.grant_pass(user=reader, actor=None, reason="Lost phone", now=clock.now)
    if then == "revoked":
        passes.revoke_pass(user=reader, actor=None, now=clock.now)
    Notice.objects.exclude(kind=kind).delete()
    assert len(texts_sent(clock)) == (is_sent or then != "granted")
