"""What happens to one person, by the rules' text alone: slow, plain, and without a line of ours.

It keeps no stamp and shares no code with the product. A session here simply is dead or alive;
each event says which sessions it ends, and the tables of `tests/rulebook.py` are asked row by row.
"""

from collections.abc import Collection
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
    passed: set[int] = field(default_factory=set)  # the providers, by number


@dataclass
class Later:
    """A deadline of the person's own, since the provider that exempted was switched off."""

    given_at: datetime
    deadline: datetime
    is_swept: bool = False


@dataclass
class Period:
    starts_at: datetime
    deadline: datetime
    is_open: bool = True
    is_swept: bool = False
    later: Later | None = None

    def due(self, joined_at: datetime) -> datetime:
        """When it bites for the person, who has been a member since ``joined_at``."""
        own = self.deadline if joined_at <= self.starts_at else joined_at
        later = self.later
        if later is not None and joined_at <= later.given_at and own < later.deadline:
            return later.deadline
        return own


@dataclass
class Source:
    """An account's identity provider, which knows the person."""

    account: int
    is_live: bool = True
    is_cut_off: bool = False


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
    sources: dict[int, Source] = field(default_factory=dict)
    came_last_through: int | None = None  # a provider, or None: by password

    # What is so

    def open_period(self, account: int) -> Period | None:
        return next((one for one in self.periods.get(account, []) if one.is_open), None)

    def binding(self, *, but: Collection[int] = ()) -> list[tuple[Period, datetime]]:
        """The open periods of the person's accounts, and when each is due for this person."""
        found = []
        for account, joined_at in self.joined_at.items():
            period = self.open_period(account)
            if period is not None and account not in but:
                found.append((period, period.due(joined_at)))
        return found

    def deadlines(self, browser: Browser | None = None) -> list[datetime]:
        """Those that bind the person, less what single sign-on exempts this session from."""
        due = [at for _, at in self.binding(but=self.vouching_for(browser))]
        return [*due, self.joined_site_at] if self.is_staff else due

    def vouching_for(self, browser: Browser | None) -> set[int]:
        """The accounts whose live provider this session passed."""
        passed = [self.sources[number] for number in (browser.passed if browser else ())]
        return {source.account for source in passed if source.is_live}

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

    def case(self, browser: Browser | None = None) -> Case:
        """The facts that the tables ask for: of a session, or else of who comes by password."""
        due = min(self.deadlines(browser), default=None)
        ended = [self.sources[number] for number in (browser.passed if browser else ())]
        return Case(
            due=Due.NOTHING if due is None else Due.PASSED if due <= self.now else Due.AHEAD,
            leave=self._leave(),
            enrolled=self.has_device,
            verified=browser is not None and browser.is_verified,
            sso=bool(self.vouching_for(browser)),
            was_sso=any(not source.is_live and not source.is_cut_off for source in ended),
        )

    def _leave(self) -> Leave:
        if self.unsettled() is not None:
            return Leave.RUNS if self.is_on_pass() else Leave.RAN_OUT
        return Leave.SETTLED if self.ran_out_in_a_binding_period() else Leave.NONE

    # What the gate says, and where a password leads

    def answer(self, browser: Browser) -> Answer:
        if not self.is_active or not browser.is_alive or self._is_shut_out(browser):
            return Answer.SIGNED_OUT
        said = first_row(GATE, self.case(browser))[1]
        assert isinstance(said, Answer)
        return said

    def _is_shut_out(self, browser: Browser) -> bool:
        """Whether it passed a provider that was cut off, or one of an account that was left."""
        passed = [self.sources[number] for number in browser.passed]
        return any(each.is_cut_off or each.account not in self.joined_at for each in passed)

    def leads(self, browser: Browser) -> Leads:
        """Asked after a pass that ran out was settled."""
        said = first_row(SIGN_IN, self.case(browser))[1]
        return said if isinstance(said, Leads) else Leads.IN

    def is_over(self, browser: Browser) -> bool:
        """Whether a sign-in begun earlier has to start over."""
        has_ended = any(not self.sources[number].is_live for number in browser.passed)
        return not self.is_active or not browser.is_alive or has_ended

    # What happens

    def end_sessions(self, *, but: Browser | None = None) -> None:
        """End them all, but those that a live provider vouches for: they are not verified now."""
        for browser in self.browsers.values():
            if browser is not but:
                browser.is_verified = False
                vouched_for = browser.is_in and bool(self.vouching_for(browser))
                browser.is_alive = browser.is_alive and vouched_for

    def end_everything(self) -> None:
        for browser in self.browsers.values():
            browser.is_alive = False

    def come_in(self, browser: Browser, *, verified: bool) -> None:
        browser.is_in, browser.is_verified = True, verified
        self.came_last_through = next(iter(browser.passed), None)

    def pass_one_more(self, browser: Browser, number: int) -> None:
        browser.passed.add(number)
        self.came_last_through = number

    def end_source(self, number: int, *, is_cut_off: bool) -> None:
        source = self.sources[number]
        source.is_live, source.is_cut_off = False, is_cut_off
        if not is_cut_off:
            self._give_time(number)

    def _give_time(self, number: int) -> None:
        """Once a period: to whom the provider exempted, and who is not set up."""
        account = self.sources[number].account
        period, joined_at = self.open_period(account), self.joined_at.get(account)
        is_set_up = self.has_device and self.unsettled() is None
        if period is None or joined_at is None or period.later is not None:
            return
        is_exempt = self.came_last_through == number and self.is_active and not self.is_staff
        if is_exempt and not is_set_up and self.now + GRACE > period.due(joined_at):
            period.later = Later(given_at=self.now, deadline=self.now + GRACE)

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
            browser.is_verified = True

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
        self._sweep_later()
        self.settle()

    def _sweep_later(self) -> None:
        for account, periods in self.periods.items():
            for period in periods:
                later = period.later
                if later is None or later.is_swept or self.now < later.deadline:
                    continue
                if period.is_open and account in self.joined_at:
                    self._sign_out_if_overdue()
                later.is_swept = True

    def _sign_out_if_overdue(self) -> None:
        signed_in = [one for one in self.browsers.values() if one.is_in and one.is_alive]
        if self.is_active and any(self.answer(one) is Answer.DEADLINE for one in signed_in):
            # Whoever stands in set-up, past the password, goes on.
            for browser in self.browsers.values():
                stays = not browser.is_in or bool(self.vouching_for(browser))
                browser.is_alive = browser.is_alive and stays
