"""The preview against what then happens: members made at random, the switch, the day, the jobs.

Hypothesis makes the members. What the preview says of each is compared with what the gate says
to the session that was open, and with where the password leads, when the deadline has passed. At
each instant the database's conditions must also come to what the decision says of each person.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

import time_machine
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from accounts.models import Account, Membership, Provider, Role, User
from bench import people
from bench.proof.product_world import ProductWorld, page
from enforcement import passes, policies, progress, report, roster, tasks
from enforcement.middleware import GateMiddleware
from enforcement.notices import Outcome
from enforcement.roster import Asked
from tests.factories import make_identity, make_provider
from tests.rulebook import LET_IN, Leads
from twofactor import devices

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)
DAY, NEVER = 24 * HOUR, timedelta(days=3650)
EACH = 20  # members of one account


class Wrong(AssertionError):
    """The preview promised something else than what happened."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A member: what was so before the preview, and what the member does in the window."""

    role: str
    has_app: bool
    leave: str  # no pass, or one that is "running", "over" and unsettled, "settled", "revoked"
    is_staff: bool
    is_active: bool
    bounces: bool
    is_outside: bool
    other_since: int | None  # hours since another account required it
    acts: str  # "", "sets up", "gets a pass"
    comes: str  # by password, "through" the account's provider, or "known" to it and by password

    @property
    def is_exempt(self) -> bool:
        return self.comes == "through"

    @property
    def is_bound_elsewhere(self) -> bool:
        return self.other_since is not None or self.is_staff


MEMBERS = some.builds(
    Made,
    role=some.sampled_from([Role.OWNER, Role.ADMIN, Role.MEMBER]),
    has_app=some.booleans(),
    leave=some.sampled_from(["", "", "", "running", "over", "settled", "revoked"]),
    is_staff=some.sampled_from([False, False, False, True]),
    is_active=some.sampled_from([True, True, True, False]),
    bounces=some.booleans(),
    is_outside=some.booleans(),
    other_since=some.sampled_from([None, None, 1, 20, 30]),
    acts=some.sampled_from(["", "", "sets up", "gets a pass"]),
    comes=some.sampled_from(["", "", "through", "known"]),
)


class Member(ProductWorld):
    """One of the members, with the browser that was signed in before the preview."""

    def __init__(self, made: Made, provider: Provider, *, now: datetime) -> None:
        account = provider.account
        self.made, self.account = made, account
        self.person = _person(made, now=now)
        self.accounts, self.keys, self.pending = [account], {}, {}
        self.gate = GateMiddleware(page)
        people.join(self.person, account, role=made.role, now=now - 10 * DAY)
        self._bind_elsewhere(now=now)
        if made.has_app:
            people.enrol(self.person, now=now - 9 * DAY)
        self._leave(now=now)
        if made.comes:
            make_identity(provider, self.person, now=now)
        through = (provider,) if made.is_exempt else ()
        has_app = devices.can_verify(self.fresh())
        self.keys[0] = people.sign_in(self.person, verified=has_app, now=now, through=through)
        last = provider if made.is_exempt else None
        User.objects.filter(pk=self.person.pk).update(is_active=made.is_active, last_provider=last)

    def _bind_elsewhere(self, *, now: datetime) -> None:
        if self.made.other_since is None:
            return
        other = people.make_account(now=now - 10 * DAY)
        people.join(self.person, other, now=now - 10 * DAY)
        since = now - self.made.other_since * HOUR
        policies.switch_on(account=other, actor=None, now=since)

    def _leave(self, *, now: datetime) -> None:
        if not self.made.leave or not (self.made.has_app or self.made.other_since):
            return
        is_over = self.made.leave in {"over", "settled"}
        at = now - DAY - HOUR if is_over else now - HOUR
        passes.grant_pass(user=self.fresh(), actor=None, reason="lost", now=at)
        if self.made.leave == "settled":
            passes.settle_pass(user=self.fresh(), now=now - MS)
        if self.made.leave == "revoked":
            passes.revoke_pass(user=self.fresh(), actor=None, now=now - MS)

    def is_let_in(self) -> bool:
        return self.answer(0) in LET_IN

    def act(self, *, now: datetime) -> bool:
        """Do what this member does in the window; return whether anything was done."""
        if self.made.acts == "sets up" and self.is_let_in():
            self.set_up(0, now=now)
            return True
        if self.made.acts == "gets a pass" and self.grant(now=now):
            self.keys[0] = people.sign_in(self.person, verified=False, now=now)
            return True
        return False


def _person(made: Made, *, now: datetime) -> User:
    person = people.make_person(is_staff=made.is_staff, joined_at=now - 20 * DAY)
    domain = "personal.example" if made.is_outside else "work.example"
    person.email = f"{person.email.partition('@')[0]}@{domain}"
    person.mail_failed_at = now if made.bounces else None
    person.save()
    return person


def run(members: int, *, each: int = EACH) -> str:
    """Compare for about ``members`` members, ``each`` to an account.

    :raises Wrong: at the first member who was promised something else.
    """
    seen: Counter[Outcome] = Counter()
    examples = ceil(1.5 * members / each)  # some of the members made are not active

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(some.lists(MEMBERS, min_size=each, max_size=each))
    def compare(made: list[Made]) -> None:
        with transaction.atomic():
            seen.update(_day(made))
            transaction.set_rollback(True)

    limits = dict.fromkeys(("SESSION_IDLE", "SESSION_ABSOLUTE"), NEVER)
    limits |= {f"STAFF_{name}": NEVER for name in limits}
    with ExitStack() as stack:
        stack.enter_context(people.cheap_backup_codes())
        stack.enter_context(
            override_settings(**limits, TWO_FACTOR_GRACE=DAY, SESSION_COOKIE_AGE=10**8)
        )
        compare()
    told = ", ".join(f"{outcome.value}: {number:,}" for outcome, number in seen.most_common())
    return f"{seen.total():,} members ({told}): each came out as the preview had said"


def _day(made: list[Made]) -> list[Outcome]:
    """Live through one day of one account; return what was promised."""
    with time_machine.travel(START, tick=False) as clock:
        account = people.make_account(now=START - 20 * DAY)
        account.email_domains = ["work.example"]
        account.save()
        provider = make_provider(account, now=START - 20 * DAY)
        members = [Member(each, provider, now=START) for each in made]
        promised = agree(account, now=START)
        _check_listed(members, promised)
        was_in = {member.person.pk: member.is_let_in() for member in members}
        policy = policies.switch_on(account=account, actor=None, now=START)
        clock.move_to(START + 2 * HOUR)
        idle = [member for member in members if not member.act(now=START + 2 * HOUR)]
        agree(account, now=START + 2 * HOUR)
        clock.move_to(policy.deadline - MS)
        _before(idle, promised, was_in)
        for at in (policy.deadline, policy.deadline + HOUR):
            clock.move_to(at)
            _after(members, idle, promised, now=at)
            agree(account, now=at)
            tasks.carry_out(now=at)
            _after(members, idle, promised, now=at)
            agree(account, now=at)
    return list(promised.values())


def agree(account: Account, *, now: datetime) -> dict[int, Outcome]:
    """Return each member's outcome by ``decide``; the database's counts and conditions must fit.

    :raises Wrong: where they do not.
    """
    rows = list(report.rows(account, now=now))
    decided = {row.user.pk: row.outcome for row in rows}
    counted = roster.counts(account, now=now)
    policy = policies.current(account)
    for outcome in Outcome:
        found = roster.narrowed(account, Asked(outcome=outcome), policy=policy, now=now)
        listed = set(found.values_list("user_id", flat=True))
        meant = {key for key, each in decided.items() if each is outcome}
        if listed != meant or counted.by_outcome[outcome] != len(meant):
            raise Wrong(f"{outcome}: {listed} listed, {meant} decided, {counted}")
    if policy and progress.chart(policy, now=now).last.numbers != dict(counted.by_outcome):
        raise Wrong(f"chart: {progress.chart(policy, now=now).last}, {counted}")
    outside = sum(row.is_outside for row in rows)
    if (counted.outside, counted.mail_fails) != (outside, sum(row.mail_fails for row in rows)):
        raise Wrong(f"flags: {counted}")
    return decided


def _check_listed(members: list[Member], promised: dict[int, Outcome]) -> None:
    """Everybody active is in the preview, and nobody else; with the owner who made it all."""
    active = {member.person.pk for member in members if member.made.is_active}
    owners = Membership.objects.filter(account=members[0].account).exclude(
        user__in=[member.person.pk for member in members]
    )
    if set(promised) != active | set(owners.values_list("user_id", flat=True)):
        raise Wrong("The preview lists others than the active members.")


def _before(idle: list[Member], promised: dict[int, Outcome], was_in: dict[int, bool]) -> None:
    """A millisecond before the deadline nobody is out whom nothing else binds."""
    for member in idle:
        key, made = member.person.pk, member.made
        is_free = not made.is_bound_elsewhere and made.is_active
        if is_free and was_in[key] and promised[key] is Outcome.MUST_ACT and not member.is_let_in():
            raise Wrong(f"{made} is out before the deadline.")


def _after(
    members: list[Member], idle: list[Member], promised: dict[int, Outcome], *, now: datetime
) -> None:
    for member in members:
        if member.made.is_active:
            _check(member, promised[member.person.pk], is_idle=member in idle, now=now)


def _check(member: Member, promised: Outcome, *, is_idle: bool, now: datetime) -> None:
    is_in, leads = member.is_let_in(), member.give_password(1, now=now)
    if not is_idle:
        expected = (True, Leads.CODE if member.made.acts == "sets up" else Leads.IN)
    elif promised is Outcome.READY:
        expected = (True, Leads.CODE)
    else:
        # Must act and did nothing; or had a pass, which has ended by the deadline at the latest.
        # A session through the provider stays where nothing else binds; a password is no exemption.
        expected = (member.made.is_exempt and not member.made.is_bound_elsewhere, Leads.SET_UP)
    if (is_in, leads) != expected:
        raise Wrong(f"{member.made} was {promised.value} and came to {is_in}, {leads}.")
