"""A random history of one person, told to the product and to the rules alike.

The person comes by password and, in half of the histories, through the accounts' providers.
Events are drawn from those that are possible. Where the two disagree, the seed and the whole
history are told, so that it can be lived through again.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import time_machine

from bench.proof.product_world import ProductWorld
from tests.rulebook import LET_IN, Answer, Leads
from tests.rules_lived import Browser, Source, World

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
ACCOUNTS = 2
WITH_PROVIDERS = 0.5  # of all histories
REFUSED = set(Answer) - LET_IN


class Difference(AssertionError):
    """The gate and the rules disagree."""


class History:
    """One person's history, told to both worlds."""

    def __init__(self, seed: int, clock: time_machine.Traveller) -> None:
        self.random, self.clock, self.log = Random(seed), clock, [f"seed {seed}"]
        clock.move_to(START)
        is_staff = self.random.random() < 0.1
        self.rules = World(now=START, joined_site_at=START, is_staff=is_staff)
        self.product = ProductWorld(accounts=ACCOUNTS, is_staff=is_staff, now=START)
        self.next_number = 0
        self.has_providers = self.random.random() < WITH_PROVIDERS
        for account in range(ACCOUNTS):
            if self.random.random() < 0.6:
                self.rules.joined_at[account] = START
                self.product.join(account, now=START)

    @property
    def now(self) -> datetime:
        return self.rules.now

    def say(self, what: str) -> None:
        self.log.append(f"{self.now:%d %H:%M:%S.%f} {what}")

    def fail(self, why: str) -> None:
        raise Difference("\n".join([*self.log, why]))

    def happen(self) -> None:
        """Let one possible event happen, to both."""
        self.random.choice(self._possible())()

    def _possible(self) -> list[Callable[[], None]]:
        rules = self.rules
        found = [self.move_clock, self.move_clock, self.give_password, self.sweep]
        found += self._possible_by_sso() if self.has_providers else []
        found += [self.switch_on, self.switch_off, self.join, self.leave, self.grant, self.settle]
        if rules.unsettled() is not None:
            found += [self.revoke]
        elif rules.has_device:
            found += [self.reset, self.delete_device]
        found += [self.go_on] * (2 if self._pending() else 0)
        found += [self.set_up, self.new_codes] if self._let_in() else []
        found += [self.end_everything] if self.random.random() < 0.3 else []
        found += [self.activate] if not rules.is_active or self.random.random() < 0.15 else []
        return found

    def _possible_by_sso(self) -> list[Callable[[], None]]:
        found = [self.enter_provider]
        found += [self.come_through, self.come_through] if self._open_sources() else []
        found += [self.pass_one_more] if self._open_sources() and self._let_in() else []
        found += [self.end_provider] if self.rules.sources else []
        return found

    def _open_sources(self) -> list[int]:
        """The live providers of accounts that the person belongs to."""
        sources, joined = self.rules.sources.items(), self.rules.joined_at
        return [number for number, one in sources if one.is_live and one.account in joined]

    def _pending(self) -> list[int]:
        return [number for number, one in self.rules.browsers.items() if not one.is_in]

    def _let_in(self) -> list[int]:
        browsers = self.rules.browsers.items()
        return [n for n, one in browsers if one.is_in and self.rules.answer(one) in LET_IN]

    def open(self) -> None:
        """Begin some histories in the rarest situations."""
        if 0 not in self.rules.joined_at:
            return
        if self.random.random() < 0.2:
            self._begin_a_period_on_a_pass()
        elif self.has_providers and self.random.random() < 0.5:
            self._come_through_when_overdue()

    def _begin_a_period_on_a_pass(self) -> None:
        self._require(0)
        self.grant()
        self._free(0)
        self._go_to(self.now + timedelta(hours=7))
        self._require(0)

    def _come_through_when_overdue(self) -> None:
        self._require(0)
        self._enter(account=0)
        self._go_to(self.now + timedelta(hours=25))
        self._begin(0)

    # Time

    def move_clock(self) -> None:
        """Go on a little or a lot, or to a millisecond beside the next instant that counts."""
        periods = [period for each in self.rules.periods.values() for period in each]
        instants = [period.deadline for period in periods]
        instants += [period.later.deadline for period in periods if period.later]
        instants += [leave.until for leave in self.rules.passes]
        ahead = [at + by for at in instants for by in (-MS, timedelta(), MS) if at + by > self.now]
        steps = [MS, timedelta(minutes=1), timedelta(hours=7), timedelta(hours=25)]
        self._go_to(self.random.choice([*ahead, *ahead, *(self.now + step for step in steps)]))

    def _go_to(self, to: datetime) -> None:
        self.rules.now = to
        self.clock.move_to(to)
        self.say("it is now")

    # Sign-in

    def give_password(self) -> None:
        if self.rules.is_active:
            self._begin(None)

    def come_through(self) -> None:
        if self.rules.is_active:
            self._begin(self.random.choice(self._open_sources()))

    def _begin(self, source: int | None) -> None:
        number, self.next_number = self.next_number, self.next_number + 1
        self.rules.settle()
        browser = Browser(is_in=False, passed=set() if source is None else {source})
        self.rules.browsers[number] = browser
        way = "the password" if source is None else f"provider {source}"
        self.say(f"{way} in browser {number}")
        expected = self.rules.leads(browser)
        found = self.product.begin(number, through=source, now=self.now)
        if expected is not found:
            self.fail(f"It leads to {found}, by the rules to {expected}.")
        if self.random.random() < 0.8:
            self._finish(number, found)

    def go_on(self) -> None:
        """Finish a sign-in that was begun earlier, or find that it has to start over."""
        number = self.random.choice(self._pending())
        self.say(f"browser {number} goes on with its sign-in")
        is_over = self.rules.is_over(self.rules.browsers[number])
        if self.product.is_over(number, now=self.now) is not is_over:
            self.fail(f"The sign-in has to start over by the rules: {is_over}.")
        if is_over:
            del self.rules.browsers[number]
            return
        leave = self.rules.unsettled()
        if leave is not None and self.now >= leave.until:
            return  # the next password settles it first
        expected = self.rules.leads(self.rules.browsers[number])
        found = self.product.leads(number, now=self.now)
        if expected is not found:
            self.fail(f"The sign-in leads to {found}, by the rules to {expected}.")
        self._finish(number, found)

    def _finish(self, number: int, leads: Leads) -> None:
        browser = self.rules.browsers[number]
        self.say(f"browser {number} gets in by {leads.value}")
        if leads is Leads.SET_UP:
            self.rules.set_up(browser)
            self.rules.come_in(browser, verified=True)
            self.product.finish_by_set_up(number, now=self.now)
        else:
            self.rules.come_in(browser, verified=leads is Leads.CODE)
            self.product.finish(number, verified=browser.is_verified, now=self.now)

    def pass_one_more(self) -> None:
        """Pass a provider in a browser that is in already."""
        number = self.random.choice(self._let_in())
        source = self.random.choice(self._open_sources())
        self.say(f"provider {source} is passed in browser {number} as well")
        self.rules.pass_one_more(self.rules.browsers[number], source)
        self.product.pass_one_more(number, source, now=self.now)

    def set_up(self) -> None:
        if self.rules.has_device and not self.rules.is_on_pass():
            return
        number = self.random.choice(self._let_in())
        self.say(f"set-up in browser {number}")
        self.rules.set_up(self.rules.browsers[number])
        self.product.set_up(number, now=self.now)

    def new_codes(self) -> None:
        if not self.rules.has_device or self.rules.unsettled() is not None:
            return
        verified = [one for one in self._let_in() if self.rules.browsers[one].is_verified]
        if not verified:
            return
        number = self.random.choice(verified)
        self.say(f"new backup codes in browser {number}")
        self.rules.end_sessions(but=self.rules.browsers[number])
        self.product.new_codes(number, now=self.now)

    # What others do

    def switch_on(self) -> None:
        self._require(self.random.randrange(ACCOUNTS))

    def switch_off(self) -> None:
        self._free(self.random.randrange(ACCOUNTS))

    def _require(self, account: int) -> None:
        self.say(f"account {account} requires it")
        self.rules.switch_on(account)
        self.product.switch_on(account, now=self.now)

    def _free(self, account: int) -> None:
        if self.rules.open_period(account) is not None:
            self.say(f"account {account} requires it no more")
            self.rules.switch_off(account)
            self.product.switch_off(account, now=self.now)

    def enter_provider(self) -> None:
        """Give an account without a provider one that knows the person."""
        taken = {source.account for source in self.rules.sources.values() if source.is_live}
        free = [account for account in range(ACCOUNTS) if account not in taken]
        if free:
            self._enter(account=self.random.choice(free))

    def _enter(self, *, account: int) -> None:
        number = len(self.rules.sources)
        self.say(f"account {account} has provider {number}")
        self.rules.sources[number] = Source(account)
        self.product.enter_provider(number, account, now=self.now)

    def end_provider(self) -> None:
        """Switch one off or cut it off, which may follow."""
        is_cut_off = self.random.random() < 0.3
        sources = self.rules.sources.items()
        found = [n for n, one in sources if one.is_live or (is_cut_off and not one.is_cut_off)]
        if found:
            number = self.random.choice(found)
            self.say(f"provider {number} is {'cut' if is_cut_off else 'switched'} off")
            self.rules.end_source(number, is_cut_off=is_cut_off)
            self.product.end_provider(number, is_cut_off=is_cut_off, now=self.now)

    def join(self) -> None:
        account = self.random.randrange(ACCOUNTS)
        if account not in self.rules.joined_at:
            self.say(f"joins account {account}")
            self.rules.joined_at[account] = self.now
            self.product.join(account, now=self.now)

    def leave(self) -> None:
        if self.rules.joined_at:
            account = self.random.choice(list(self.rules.joined_at))
            self.say(f"leaves account {account}")
            del self.rules.joined_at[account]
            self.product.leave(account, now=self.now)

    def grant(self) -> None:
        self.say("support grants a pass")
        expected = self.rules.may_be_granted()
        if expected:
            self.rules.grant()
        if self.product.grant(now=self.now) is not expected:
            self.fail(f"A pass can be granted by the rules: {expected}.")

    def revoke(self) -> None:
        self.say("the pass is revoked")
        self.rules.revoke()
        self.product.revoke(now=self.now)

    def settle(self) -> None:
        self.say("the pass is settled, if it ran out")
        self.rules.settle()
        self.product.settle(now=self.now)

    def sweep(self) -> None:
        self.say("the jobs run")
        self.rules.sweep()
        self.product.sweep(now=self.now)

    def reset(self) -> None:
        self.say("support resets")
        self.rules.has_device = False
        self.rules.end_sessions()
        self.product.reset(now=self.now)

    def delete_device(self) -> None:
        self.say("a script deletes the device")
        self.rules.has_device = False
        self.rules.end_sessions()
        self.product.delete_device(now=self.now)

    def end_everything(self) -> None:
        self.say("signs out everywhere")
        self.rules.end_everything()
        self.product.end_everything(now=self.now)

    def activate(self) -> None:
        self.say("is deactivated" if self.rules.is_active else "is activated again")
        if self.rules.is_active:
            self.rules.end_everything()
            self.product.deactivate(now=self.now)
        else:
            self.product.reactivate(now=self.now)
        self.rules.is_active = not self.rules.is_active

    def check(self, answers: Counter[Answer]) -> None:
        """Ask the gate about every browser; count what it says."""
        for number, browser in self.rules.browsers.items():
            if browser.is_in:
                expected, found = self.rules.answer(browser), self.product.answer(number)
                answers[expected] += 1
                if not _agree(found, expected):
                    self.fail(f"Browser {number}: {found.value}; by the rules: {expected.value}.")


def _agree(found: Answer, expected: Answer) -> bool:
    """A session that was ended is refused with the reason recorded then, whatever it was."""
    if expected is Answer.SIGNED_OUT:
        return found in REFUSED
    return found is expected
