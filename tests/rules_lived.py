"""What happens to one person, by the rules' text alone: slow, plain, and without a line of ours.

It keeps no stamp and shares no code with the product. A session here simply is dead or alive;
each event says which sessions it ends, and the tables of `tests/rulebook.py` are asked row by row.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.rulebook import GATE, SIGN_IN, Answer, Case, Due, Leads, Leave, first_row

GRACE = PASS = timedelta(hours=24)


@dataclass
class Browser:
    """A session, or a sign-in that has passed the password (``is_in`` False)."""

    is_in: bool
    is_alive: bool = True
    is_verified: bool = False


@dataclass
class Period:
    starts_at: datetime
    deadline: datetime
    is_open: bool = True
    is_swept: bool = False


@dataclass
class Pass:
    until: datetime
    closed: str = ""  # "", "ran out", "revoked", "set up"


@dataclass
class World:
    """One person, the accounts that the person may belong to, and the person's browsers."""

    now: datetime
    joined_site_at: datetime
    is_staff: bool = False
    is_active: bool = True
    has_device: bool = False
    set_up_at: datetime | None = None
    periods: dict[int, list[Period]] = field(default_factory=dict)
    joined_at: dict[int, datetime] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    browsers: dict[int, Browser] = field(default_factory=dict)

    # What is so

    def open_period(self, account: int) -> Period | None:
        return next((one for one in self.periods.get(account, []) if one.is_open), None)

    def binding(self) -> list[tuple[Period, datetime]]:
        """The open periods of the person's accounts, and when each is due for this person."""
        found = []
        for account, joined_at in self.joined_at.items():
            period = self.open_period(account)
            if period is not None:
                has_window = joined_at <= period.starts_at
                found.append((period, period.deadline if has_window else joined_at))
        return found

    def deadlines(self) -> list[datetime]:
        due = [at for _, at in self.binding()]
        return [*due, self.joined_site_at] if self.is_staff else due

    def unsettled(self) -> Pass | None:
        return next((leave for leave in self.passes if not leave.closed), None)

    def is_on_pass(self) -> bool:
        leave = self.unsettled()
        return leave is not None and self.now < leave.until

    def ran_out_in_a_binding_period(self) -> bool:
        return any(
            leave.closed == "ran out"
            and (self.set_up_at is None or self.set_up_at < leave.until)
            and any(period.starts_at < leave.until for period, _ in self.binding())
            for leave in self.passes
        )

    def case(self, *, verified: bool = False) -> Case:
        """The facts that the tables ask for."""
        due = min(self.deadlines(), default=None)
        lies = Due.NOTHING if due is None else Due.PASSED if due <= self.now else Due.AHEAD
        return Case(due=lies, leave=self._leave(), enrolled=self.has_device, verified=verified)

    def _leave(self) -> Leave:
        if self.unsettled() is not None:
            return Leave.RUNS if self.is_on_pass() else Leave.RAN_OUT
        return Leave.SETTLED if self.ran_out_in_a_binding_period() else Leave.NONE

    # What the gate says, and where a password leads

    def answer(self, browser: Browser) -> Answer:
        if not self.is_active or not browser.is_alive:
            return Answer.SIGNED_OUT
        said = first_row(GATE, self.case(verified=browser.is_verified))[1]
        assert isinstance(said, Answer)
        return said

    def leads(self) -> Leads:
        """Asked after a pass that ran out was settled."""
        said = first_row(SIGN_IN, self.case())[1]
        return said if isinstance(said, Leads) else Leads.IN

    # What happens

    def end_sessions(self, *, but: Browser | None = None) -> None:
        for browser in self.browsers.values():
            if browser is not but:
                browser.is_alive = False

    def settle(self) -> None:
        leave = self.unsettled()
        if leave is not None and self.now >= leave.until:
            leave.closed, self.has_device = "ran out", False
            self.end_sessions()

    def set_up(self, browser: Browser | None = None) -> None:
        leave = self.unsettled()
        if leave is not None:
            leave.closed = "set up"
        self.has_device, self.set_up_at = True, self.now
        self.end_sessions(but=browser)
        if browser is not None:
            browser.is_verified, browser.is_in = True, True

    def switch_on(self, account: int) -> None:
        if self.open_period(account) is None:
            period = Period(starts_at=self.now, deadline=self.now + GRACE)
            self.periods.setdefault(account, []).append(period)

    def switch_off(self, account: int) -> None:
        period = self.open_period(account)
        if period is not None:
            period.is_open = False

    def may_be_granted(self) -> bool:
        """To anyone enrolled or bound, unless a pass is running."""
        if not self.is_active or self.is_on_pass():
            return False
        has_device = self.has_device and self.unsettled() is None
        return has_device or bool(self.deadlines())

    def grant(self) -> None:
        self.settle()
        self.passes.append(Pass(until=self.now + PASS))

    def revoke(self) -> None:
        leave = self.unsettled()
        if leave is not None and self.now < leave.until:
            leave.closed = "revoked"
            self.end_sessions()
        else:
            self.settle()

    def sweep(self) -> None:
        """The jobs: first the sign-outs at deadlines, then the passes that ran out."""
        for account, periods in self.periods.items():
            for period in periods:
                if not period.is_open or period.is_swept or self.now < period.deadline:
                    continue
                joined_at = self.joined_at.get(account)
                if joined_at is not None and joined_at <= period.starts_at:
                    self._sign_out_if_overdue()
                period.is_swept = True
        self.settle()

    def _sign_out_if_overdue(self) -> None:
        signed_in = [one for one in self.browsers.values() if one.is_in and one.is_alive]
        if self.is_active and any(self.answer(one) is Answer.DEADLINE for one in signed_in):
            # Whoever stands in set-up, past the password, goes on.
            for browser in self.browsers.values():
                browser.is_alive = browser.is_alive and not browser.is_in
