"""The tables of the gate and of sign-in, written down from the rules' own words.

The product is compared with it; so it shares no code with the product, knows no row and no stamp,
and each line of a table stays one line here, in the rules' order. `tests/rules_lived.py` says
which case somebody is in after all that happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


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
    sso: bool = False  # passed at least one provider that is live now
    was_sso: bool = False  # came through a provider switched off since, not cut off

    @property
    def is_spared_the_code(self) -> bool:
        return self.was_sso and self.due is not Due.PASSED


class Answer(Enum):
    """What the gate says to a session."""

    IN = "in"
    IN_UNTIL_DEADLINE = "in, banner with the deadline"
    IN_ON_PASS = "in, banner with the pass"
    SIGNED_OUT = "signed out before"
    PASS_ENDED = "signed out: the pass ended"
    CODE_NEEDED = "signed out: a code is needed"
    DEADLINE = "signed out: the deadline passed"


class Leads(Enum):
    """Where a right password leads, whatever banner there is."""

    IN = "in"
    CODE = "code"
    SET_UP = "set-up"


LET_IN = {Answer.IN, Answer.IN_UNTIL_DEADLINE, Answer.IN_ON_PASS}

Row = tuple[int, Callable[[Case], bool], Answer | Leads]

# Rows 1 and 2 are of sessions, whatever a person must do: they are tried beside the table.
GATE: tuple[Row, ...] = (
    (3, lambda c: c.leave is Leave.RUNS, Answer.IN_ON_PASS),
    (4, lambda c: c.enrolled and c.verified and c.leave is not Leave.RAN_OUT, Answer.IN),
    (5, lambda c: c.sso and c.due is Due.NOTHING, Answer.IN),
    (6, lambda c: c.sso and c.due is Due.AHEAD, Answer.IN_UNTIL_DEADLINE),
    (7, lambda c: c.leave is Leave.RAN_OUT, Answer.PASS_ENDED),
    (8, lambda c: c.enrolled and not c.verified and not c.is_spared_the_code, Answer.CODE_NEEDED),
    (9, lambda c: c.due is Due.PASSED, Answer.DEADLINE),
    (10, lambda c: c.due is Due.AHEAD, Answer.IN_UNTIL_DEADLINE),
    (11, lambda c: c.due is Due.NOTHING, Answer.IN),
)

# A pass that ran out is settled before the table is asked.
SIGN_IN: tuple[Row, ...] = (
    (1, lambda c: c.leave is Leave.RUNS, Answer.IN_ON_PASS),
    (2, lambda c: c.sso and c.due is not Due.PASSED, Leads.IN),
    (3, lambda c: c.enrolled, Leads.CODE),
    (4, lambda c: c.due is Due.PASSED or c.leave is Leave.SETTLED, Leads.SET_UP),
    (5, lambda c: c.due is Due.AHEAD, Answer.IN_UNTIL_DEADLINE),
    (6, lambda c: c.due is Due.NOTHING, Answer.IN),
)


def first_row(table: tuple[Row, ...], case: Case) -> tuple[int, Answer | Leads]:
    """Return number and answer of the first row that fits.

    :raises LookupError: for a case that the table leaves open.
    """
    for number, fits, answer in table:
        if fits(case):
            return number, answer
    raise LookupError(case)
