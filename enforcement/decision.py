"""What must this person do now? One pure function answers, for everybody who asks.

Called by the gate, sign-in, banner, report, notices and sign-outs. Standard library only: it
reads no clock, no setting and no row.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Step(Enum):
    PROCEED = "proceed"  # nothing to do
    ENROL_SOON = "enrol_soon"  # a deadline lies ahead
    ENROL_NOW = "enrol_now"  # a deadline has passed, or a pass ran out and no set-up followed
    CODE_NEEDED = "code_needed"  # enrolled, and this session is not verified
    ON_PASS = "on_pass"  # two-factor authentication rests
    PASS_ENDED = "pass_ended"  # the pass ran out and is not settled


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts about one person, or about one person's session."""

    deadlines: tuple[datetime, ...] = ()  # of each policy or staff duty that binds this session
    has_device: bool = False  # confirmed
    is_verified: bool = False  # under the current stamp
    is_sso: bool = False  # passed at least one provider that is live now
    was_sso: bool = False  # passed one that was switched off since (not cut off)
    pass_until: datetime | None = None  # of a pass that is not settled yet
    pass_ran_out: bool = False  # settled, in a period that still binds; no set-up since


@dataclass(frozen=True, slots=True)
class Obligation:
    """What to do, and the instant that goes with it: of a deadline, or of a pass's end."""

    step: Step
    until: datetime | None = None

    @property
    def is_let_in(self) -> bool:
        return self.step in {Step.PROCEED, Step.ENROL_SOON, Step.ON_PASS}

    @property
    def is_on_pass(self) -> bool:
        return self.step is Step.ON_PASS

    @property
    def is_ahead(self) -> bool:
        """Set-up is owed, and there is time."""
        return self.step is Step.ENROL_SOON

    @property
    def is_due(self) -> bool:
        return self.step is Step.ENROL_NOW

    @property
    def must_act(self) -> bool:
        """Set-up is owed, now or later: whom reminders go to."""
        return self.step in {Step.ENROL_SOON, Step.ENROL_NOW, Step.PASS_ENDED}


def decide(standing: Standing, *, now: datetime) -> Obligation:
    """Return what the person must do at ``now``; the earliest deadline counts.

    The first condition that fits decides. Instants exclude their end: at its deadline a
    requirement binds, at its end a pass is over.
    """
    until, due_at = standing.pass_until, min(standing.deadlines, default=None)
    is_overdue = due_at is not None and due_at <= now
    if until is not None and now < until:
        return Obligation(Step.ON_PASS, until=until)
    if standing.is_verified and standing.has_device and until is None:
        return Obligation(Step.PROCEED)
    if standing.is_sso and due_at is None:
        return Obligation(Step.PROCEED)
    if standing.is_sso and not is_overdue:
        return Obligation(Step.ENROL_SOON, until=due_at)
    if until is not None:
        return Obligation(Step.PASS_ENDED, until=until)
    if standing.has_device and (is_overdue or not standing.was_sso):
        return Obligation(Step.CODE_NEEDED)
    if is_overdue or (standing.pass_ran_out and due_at is not None and not standing.was_sso):
        return Obligation(Step.ENROL_NOW, until=due_at)
    if due_at is not None:
        return Obligation(Step.ENROL_SOON, until=due_at)
    return Obligation(Step.PROCEED)
