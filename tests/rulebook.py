"""The tables of the gate and of sign-in, written down from the rules' own words.

The product is compared with it; so it shares no code with the product, knows no row and no stamp,
and each line of a table stays one line here, in the rules' order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

GRACE = PASS = timedelta(hours=24)


class Due(Enum):
    """How the earliest deadline lies that binds, besides what SSO exempts from."""

    NOTHING = "nothing binds"
    AHEAD = "a deadline ahead"
    PASSED = "a deadline has passed"


class Leave(Enum):
    """What a pass does for the person now."""

    NONE = "none"
    RUNS = "runs"
    RAN_OUT = "ran out, not settled"
    SETTLED = "ran out during a period that still binds, settled, no set-up followed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    due: Due
    leave: Leave
    enrolled: bool
    verified: bool = False
    sso: bool = False


Row = tuple[int, Callable[[Case], bool], str]

IN, BANNER, PASS_BANNER = "pass", "pass, banner with the deadline", "pass, banner with the pass"
PASS_ENDED, CODE, DEADLINE = "out: pass ended", "out: code needed", "out: deadline passed"

# Rows 1 and 2 are of sessions, whatever a person must do: they are tried beside the table.
GATE: tuple[Row, ...] = (
    (3, lambda c: c.leave is Leave.RUNS, PASS_BANNER),
    (4, lambda c: c.enrolled and c.verified and c.leave is not Leave.RAN_OUT, IN),
    (5, lambda c: c.sso and c.due is Due.NOTHING, IN),
    (6, lambda c: c.sso and c.due is Due.AHEAD, BANNER),
    (7, lambda c: c.leave is Leave.RAN_OUT, PASS_ENDED),
    (8, lambda c: c.enrolled and not c.verified, CODE),
    (9, lambda c: c.due is Due.PASSED, DEADLINE),
    (10, lambda c: c.due is Due.AHEAD, BANNER),
    (11, lambda c: c.due is Due.NOTHING, IN),
)

# A pass that ran out is settled before the table is asked.
SIGN_IN: tuple[Row, ...] = (
    (1, lambda c: c.leave is Leave.RUNS, PASS_BANNER),
    (2, lambda c: c.sso and c.due is not Due.PASSED, "in"),
    (3, lambda c: c.enrolled, "code"),
    (4, lambda c: c.due is Due.PASSED or c.leave is Leave.SETTLED, "set-up"),
    (5, lambda c: c.due is Due.AHEAD, BANNER),
    (6, lambda c: c.due is Due.NOTHING, IN),
)


def first_row(table: tuple[Row, ...], case: Case) -> tuple[int, str]:
    """Return number and answer of the first row that fits.

    :raises LookupError: for a case that the table leaves open.
    """
    for number, fits, answer in table:
        if fits(case):
            return number, answer
    raise LookupError(case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When what happened to one person of one account; None for what never did."""

    switched_on_at: datetime | None = None
    granted_at: datetime | None = None
    settled: bool = False
    set_up_at: datetime | None = None
    staff_since: datetime | None = None

    def case(self, *, now: datetime) -> Case:
        """Say how things stand at ``now`` for who gives the right password."""
        leave = self._leave(now)
        if leave is Leave.RAN_OUT:
            leave = Leave.SETTLED if self._ran_out_while_bound() else Leave.NONE
        return Case(due=self._due(now), leave=leave, enrolled=self._is_enrolled(now))

    def _due(self, now: datetime) -> Due:
        deadlines = [self.staff_since] if self.staff_since else []
        if self.switched_on_at:
            deadlines.append(self.switched_on_at + GRACE)
        if not deadlines:
            return Due.NOTHING
        return Due.PASSED if min(deadlines) <= now else Due.AHEAD

    def _ended_by_set_up(self) -> bool:
        return bool(self.set_up_at and self.granted_at and self.granted_at < self.set_up_at)

    def _leave(self, now: datetime) -> Leave:
        if self.granted_at is None or self._ended_by_set_up():
            return Leave.NONE
        return Leave.RUNS if now < self.granted_at + PASS else Leave.RAN_OUT

    def _ran_out_while_bound(self) -> bool:
        """A staff duty is no period: it is due at any time by itself."""
        ends_at = self.granted_at + PASS if self.granted_at else None
        return bool(ends_at and self.switched_on_at and self.switched_on_at < ends_at)

    def _is_enrolled(self, now: datetime) -> bool:
        """A pass that runs sets the devices of before aside; one that ran out voids them."""
        return self.set_up_at is not None and (self.granted_at is None or self._ended_by_set_up())
