"""People, an owner and support who act at random, through pages and use cases alike.

Hypothesis draws who does what and when. What must hold after each act is said from the rows of
accounts, passes and devices and from what each browser proved, never by the product's decision.
"""

from contextlib import ExitStack, suppress
from datetime import timedelta

from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts import audit_check, invitations, memberships, seals
from accounts.models import Account, AuditEvent, Membership, Notice, User
from enforcement import joining, leaving, passes, policies, support
from enforcement.models import Pass, Policy
from tests.factories import make_account, make_user
from tests.journeys.clock import MS, stopped_clock
from tests.journeys.driver import RECOVERY, SETUP_MAILBOX, VERIFY, Browser
from tests.journeys.post import link_in, mails_to, run_jobs
from tests.twofactor.people import enrol_app, wrong
from twofactor.models import SMSDevice, TOTPDevice

WHO = st.integers(0, 2)
WHICH = st.integers(0, 1)
STEPS = (MS, timedelta(seconds=31), timedelta(minutes=11), timedelta(hours=7), timedelta(hours=25))


class Machine(RuleBasedStateMachine):
    """One account, its owner and two members, each with two browsers; and support."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.clock = self.open.enter_context(stopped_clock())
        self.open.enter_context(transaction.atomic())
        mail.outbox.clear()
        cache.clear()

    @initialize(start=st.sampled_from(("nothing yet", "required", "on a pass")))
    def begin(self, start: str) -> None:
        """Begin, two times out of three, with somebody signed in whom an end lies ahead of."""
        names = ("owner@northwind.example", "ada@northwind.example", "ben@northwind.example")
        self.people = [make_user(name, name=name.split("@")[0].title()) for name in names]
        self.account = make_account(
            "northwind", owner=self.people[0], members=tuple(self.people[1:])
        )
        helper = make_user("support@gatehouse.example", name="Sam", is_staff=True)
        self.support = enrol_app(helper, now=self.clock.now).user
        self.browsers = [[Browser(person) for _ in range(2)] for person in self.people]
        self.proved: set[tuple[int, int]] = set()
        self.codes: list[list[str]] = [[], [], []]
        self.clock.forward(hours=1)
        self._has_set_up_before(2)
        if start != "nothing yet":
            self.switch_on()
        if start == "on a pass":
            self.grant(1)
        self.sign_in(1, 0)

    def _has_set_up_before(self, who: int) -> None:
        enrolled = enrol_app(self.person(who), now=self.clock.now)
        self.codes[who] = list(enrolled.codes)
        for browser in self.browsers[who]:
            browser.secret = enrolled.secret

    def person(self, who: int) -> User:
        return User.objects.get(pk=self.people[who].pk)

    def act(self, event: str) -> None:
        """The newest audit row says what was just done."""
        newest = AuditEvent.objects.order_by("-pk").values_list("event", flat=True)[:4]
        assert event in newest, f"{event} left no row: {list(newest)}"

    # What owners and support do

    @rule()
    def switch_on(self) -> None:
        was_on = policies.current(self.account) is not None
        policies.switch_on(account=self.account, actor=self.people[0], now=self.clock.now)
        if not was_on:
            self.act("policy_on")

    @rule()
    def switch_off(self) -> None:
        if policies.current(self.account) is not None:
            policies.switch_off(account=self.account, actor=self.people[0], now=self.clock.now)
            self.act("policy_off")

    @rule(who=WHO)
    def grant(self, who: int) -> None:
        with suppress(passes.NotGrantable):
            passes.grant_pass(
                user=self.person(who), actor=self.support, reason="Lost", now=self.clock.now
            )
            self.act("pass_granted")

    @rule(who=WHO)
    def revoke(self, who: int) -> None:
        if passes.open_pass(self.person(who)) is not None:
            passes.revoke_pass(user=self.person(who), actor=self.support, now=self.clock.now)

    @rule(who=WHO)
    def reset(self, who: int) -> None:
        person = self.person(who)
        with suppress(support.NotAllowed, passes.NotGrantable):
            support.reset(user=person, actor=self.support, reason="Lost", now=self.clock.now)

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        found = Membership.objects.filter(account=self.account, user=self.people[who]).first()
        if found is not None:
            with suppress(memberships.LastOwner):
                leaving.leave(membership=found, now=self.clock.now)

    @rule(who=WHO)
    def remove(self, who: int) -> None:
        found = Membership.objects.filter(account=self.account, user=self.people[who]).first()
        with suppress(memberships.LastOwner, memberships.NotAllowed):
            if found is not None:
                leaving.remove(membership=found, actor=self.person(0), now=self.clock.now)
                self.act("member_removed")

    @rule(who=WHO)
    def join_by_invitation(self, who: int) -> None:
        """Accept by the mail's link, in the first browser, as far as that leads at once."""
        person = self.person(who)
        if Membership.objects.filter(account=self.account, user=person).exists():
            return
        with suppress(invitations.NotInvitable):
            invitations.invite(
                account=self.account,
                email=person.email,
                role="member",
                actor=self.person(0),
                now=self.clock.now,
            )
            self.act("invited")
            run_jobs()
            browser = self.browsers[who][0]
            browser.open(link_in(mails_to(person.email, "invites you")[-1], "/invitations/"))

    @rule(who=WHO)
    def add(self, who: int) -> None:
        if not Membership.objects.filter(account=self.account, user=self.people[who]).exists():
            joining.add_by_hand(
                user=self.person(who),
                account=self.account,
                role="member",
                actor=self.people[0],
                now=self.clock.now,
            )

    # What people do

    @rule(who=WHO, which=WHICH)
    def sign_in(self, who: int, which: int) -> None:
        browser = self.browsers[who][which]
        browser.client.cookies.clear()
        self.proved.discard((who, which))
        browser.open("/login/")
        browser.give_password()

    @rule(who=WHO, which=WHICH)
    def give_code(self, who: int, which: int) -> None:
        browser = self.browsers[who][which]
        browser.open("/")
        if browser.page.path == VERIFY and browser.secret:
            browser.give_code()
            if browser.is_in:
                self.proved.add((who, which))

    @rule(who=WHO, which=WHICH)
    def give_wrong_code(self, who: int, which: int) -> None:
        browser = self.browsers[who][which]
        browser.open("/")
        if browser.page.path == VERIFY and browser.secret:
            browser.give_code(wrong(browser.code()))
            assert not browser.is_in

    @rule(who=WHO, which=WHICH)
    def give_backup_code(self, who: int, which: int) -> None:
        browser = self.browsers[who][which]
        browser.open("/")
        if browser.page.path == VERIFY and self.codes[who]:
            browser.open(RECOVERY)
            browser.submit(RECOVERY, code=self.codes[who].pop())
            if browser.is_in:
                self.proved.add((who, which))

    @rule(who=WHO, which=WHICH)
    def set_up(self, who: int, which: int) -> None:
        """Set up an app where a sign-in leads to it."""
        browser = self.browsers[who][which]
        browser.open("/")
        if browser.page.path == SETUP_MAILBOX:
            self._set_up(browser, who)
            self.proved = {(whose, _) for whose, _ in self.proved if whose != who}
            self.proved.add((who, which))

    def _set_up(self, browser: Browser, who: int) -> None:
        self.codes[who] = browser.set_up_app()
        for each in self.browsers[who]:
            each.secret = browser.secret

    # Time and jobs

    @rule(step=st.sampled_from(STEPS))
    def wait(self, step: timedelta) -> None:
        self.clock.set(self.clock.now + step)

    @rule(beside=st.sampled_from((-MS, timedelta(), MS)))
    def come_to_the_next_end(self, beside: timedelta) -> None:
        ends = [*Policy.objects.filter(ended_at=None).values_list("deadline", flat=True)]
        ends += Pass.objects.filter(closed_at=None).values_list("until", flat=True)
        ahead = [end + beside for end in ends if end + beside > self.clock.now]
        if ahead:
            self.clock.set(min(ahead))

    @rule()
    def jobs(self) -> None:
        run_jobs()

    # What must hold

    @invariant()
    def nobody_gets_a_page_who_may_not(self) -> None:
        for who, browsers in enumerate(self.browsers):
            for which, browser in enumerate(browsers):
                if browser.is_in:
                    why = self._why_not(who, which)
                    assert not why, f"{browser.email} in browser {which} is let in: {why}"

    def _why_not(self, who: int, which: int) -> str:
        person, now = self.people[who], self.clock.now
        if Pass.objects.filter(user=person, closed_at=None, until__gt=now).exists():
            return ""
        if Pass.objects.filter(user=person, closed_at=None).exists():
            return "the pass ran out"
        apps = TOTPDevice.objects.filter(user=person, confirmed=True)
        if apps.exists() or SMSDevice.objects.filter(user=person, confirmed=True).exists():
            return "" if (who, which) in self.proved else "enrolled, and no code was given"
        for one in Membership.objects.filter(user=person).select_related("account"):
            policy = Policy.objects.filter(account=one.account, ended_at=None).first()
            if policy and (policy.deadline <= now or one.joined_at > policy.starts_at):
                return "overdue"
        return ""

    @invariant()
    def each_account_has_an_owner(self) -> None:
        for account in Account.objects.all():
            assert Membership.objects.owners().filter(account=account).exists()

    @invariant()
    def nothing_is_there_twice(self) -> None:
        open_passes = Pass.objects.filter(closed_at=None).values("user")
        assert not open_passes.annotate(n=Count("pk")).filter(n__gt=1).exists()
        owed = Notice.objects.values("recipient", "kind", "occasion")
        assert not owed.annotate(n=Count("pk")).filter(n__gt=1).exists()
        assert len(mail.outbox) <= Notice.objects.filter(state=Notice.State.SENT).count()

    def teardown(self) -> None:
        try:
            if hasattr(self, "people"):
                self._everybody_can_come_in()
                seals.seal_all(back=None)
                assert audit_check.check().fault is None
        finally:
            transaction.set_rollback(True)
            self.open.close()

    def _everybody_can_come_in(self) -> None:
        """Whoever has mailbox, password and phone is in by a browser of their own, a day later."""
        self.clock.forward(hours=24, minutes=7)
        for who, person in enumerate(self.people):
            spare = Browser(person, secret=self.browsers[who][0].secret)
            spare.sign_in()
            if spare.page.path == SETUP_MAILBOX:
                self._set_up(spare, who)
            assert spare.is_in, f"{spare.email} is locked out at {spare.page.path}"
