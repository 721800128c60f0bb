"""What every history has: a clock, a cast, and at its end the proof that nobody is locked out."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from typing import ClassVar

from django.core import mail
from django.core.cache import cache
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from accounts import audit_check, seals
from accounts.models import Account, AuditEvent, User
from enforcement.models import Extension, Pass, Policy
from tests.journeys.clock import MS, stopped_clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_MAILBOX, VERIFY, Browser
from tests.machine.cast import Cast, Someone

WHO = st.integers(0, 5)
WHICH = st.integers(0, 1)
WHERE = st.integers(0, 1)
SPANS = {
    "at once": timedelta(),
    "a moment later": MS,
    "at the phone's next code": timedelta(seconds=31),
    "when proofs are stale": timedelta(minutes=11),
    "later that day": timedelta(hours=7),
    "the day after": timedelta(hours=25),
}
ENDS = {"just before the next end": -MS, "at the next end": timedelta(), "just after": MS}
PAUSES = st.sampled_from((*SPANS, *ENDS))


class Stage(RuleBasedStateMachine):
    """Holds who is there; each history begins an hour after they came together."""

    cast: ClassVar[Cast]
    start: ClassVar[str]
    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.open, self.numbers = ExitStack(), count(1)
        self.clock = self.open.enter_context(stopped_clock())
        self.open.enter_context(transaction.atomic())
        mail.outbox.clear()
        cache.clear()
        self.clock.forward(hours=1)
        self.people = [Someone.of(person) for person in self.cast.people]
        self.were_in: set[tuple[int, int]] = set()  # who, in which browser, after the last act
        self.may_end = False  # whether this act may end a session that a provider vouches for
        self.people[2].holds(secret=self.cast.secret, codes=list(self.cast.codes))

    def someone(self, who: int) -> Someone:
        return self.people[who % len(self.people)]

    def account(self, where: int) -> Account:
        """One of the two that can require it."""
        return (self.cast.northwind, self.cast.eastwind)[where]

    def owner_of(self, account: Account) -> User:
        return User.objects.filter(memberships__account=account, memberships__role="owner")[0]

    def act(self, event: str) -> None:
        """One of the newest audit rows says what was just done."""
        newest = AuditEvent.objects.order_by("-pk").values_list("event", flat=True)[:4]
        assert event in newest, f"{event} left no row: {list(newest)}"
        self.happened[event] += 1

    def teardown(self) -> None:
        try:
            self._everybody_can_come_in()
            seals.seal_all(back=None)
            assert audit_check.check().fault is None
        finally:
            transaction.set_rollback(True)
            self.open.close()

    def _everybody_can_come_in(self) -> None:
        """Whoever has mailbox, password and phone is in by a browser of their own, a day later.

        Who must set up comes to stand before it; the first of them does so.
        """
        self.clock.set(self.clock.now + timedelta(hours=24, minutes=7))
        has_set_up = False
        for person in self.people:
            spare = Browser(person.email, password=person.browsers[0].password)
            spare.secret = person.browsers[0].secret
            self.come_in(person, spare)
            if spare.page.path in {SETUP, SETUP_MAILBOX} and not has_set_up:
                has_set_up = True
                spare.set_up_app()
                assert spare.is_in, f"{spare.email} is locked out at {spare.page.path}"
            may_go_on = spare.page.path in {SETUP, SETUP_MAILBOX} or spare.is_in
            assert may_go_on, f"{spare.email} is locked out at {spare.page.path}"

    # Time

    def pause(self, after: str) -> None:
        """Let time go by; each act begins so."""
        if after in SPANS:
            self.clock.set(self.clock.now + SPANS[after])
            return
        ends = [*Policy.objects.filter(ended_at=None).values_list("deadline", flat=True)]
        ends += Extension.objects.filter(swept_at=None).values_list("deadline", flat=True)
        ends += Pass.objects.filter(closed_at=None).values_list("until", flat=True)
        ahead = [end + ENDS[after] for end in ends if end + ENDS[after] > self.clock.now]
        if ahead:
            self.clock.set(min(ahead))

    # At the doors

    def come_in(self, person: Someone, browser: Browser) -> bool:
        """Give the password, and a code where it is asked for; return whether one was given."""
        browser.open(LOGIN)
        browser.give_password()
        if browser.page.path != VERIFY:
            return False
        code = person.code_for(browser, VERIFY)
        if code:
            browser.submit(VERIFY, code=code)
        return bool(code)

    def prove_mailbox(self, browser: Browser) -> None:
        """Where a page asks for the mailed code, unless the next one can't be had yet."""
        if any("code" in form.names for form in browser.page.forms):
            browser.prove_mailbox()

    def come_back(self, person: Someone, which: int) -> Browser:
        """Be in with this browser, as far as password and phone lead."""
        browser = person.browsers[which]
        if not person.is_in(which):
            person.forget(which)
            if self.come_in(person, browser) and person.is_in(which):
                person.proved.add(which)
        return browser
