"""Fixtures and words of the tests of a second approver."""

from datetime import timedelta

from accounts.models import User
from enforcement import approvals
from enforcement.models import Approval, Pass
from tests.journeys.clock import Clock

REASON = "Called back on the known number."
HOUR = timedelta(hours=1)


def ask(target: User, actor: User, clock: Clock) -> Approval:
    made = approvals.grant_or_ask(
        user=target, actor=actor, reason=REASON, ticket="T-1", now=clock.now
    )
    assert isinstance(made, Approval)
    return made


def is_granted(target: User) -> bool:
    return Pass.objects.filter(user=target, closed_at=None).exists()
