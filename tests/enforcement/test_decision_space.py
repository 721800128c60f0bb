"""Every combination of the facts beside the rules' own tables: none is left open, none differs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, product
from typing import Any

import pytest
from django.db import transaction

from accounts import sessions
from accounts.models import Account, EndReason, Membership, User
from enforcement import passes, policies, visitor
from enforcement.decision import Obligation, Standing, Step, decide
from enforcement.entrance import LEADS_TO
from tests.enforcement.kit import browser, fetch, is_in
from tests.factories import PASSWORD
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.clock import START as NOW
from tests.rulebook import GATE, LET_IN, SIGN_IN, Answer, Case, Due, Leads, Leave, first_row
from tests.rules_lived import World
from tests.twofactor.people import enrol_app, make_enrolled

HOUR = timedelta(hours=1)
DEADLINES: dict[Due, tuple[tuple[datetime, ...], ...]] = {
    Due.NOTHING: ((),),
    Due.AHEAD: ((NOW + MS,), (NOW + DAY,), (NOW + DAY, NOW + MS)),
    Due.PASSED: ((NOW,), (NOW - MS,), (NOW - DAY, NOW + DAY), (NOW + MS, NOW)),
}
PASSES: dict[Leave, tuple[datetime | None, ...]] = {
    Leave.NONE: (None,),
    Leave.RUNS: (NOW + MS, NOW + DAY),
    Leave.RAN_OUT: (NOW, NOW - MS, NOW - DAY),
    Leave.SETTLED: (None,),
}
SAYS = {
    Step.PROCEED: Answer.IN,
    Step.ENROL_SOON: Answer.IN_UNTIL_DEADLINE,
    Step.ON_PASS: Answer.IN_ON_PASS,
    Step.PASS_ENDED: Answer.PASS_ENDED,
    Step.CODE_NEEDED: Answer.CODE_NEEDED,
    Step.ENROL_NOW: Answer.DEADLINE,
}
FLAGS = (False, True)


def cases() -> Iterator[tuple[Case, Standing]]:
    """Return every combination of the facts, spelled in every way that instants can spell it."""
    flags = product(FLAGS, FLAGS, FLAGS, FLAGS)
    for due, leave, (enrolled, verified, sso, was_sso) in product(Due, Leave, flags):
        case = Case(
            due=due, leave=leave, enrolled=enrolled, verified=verified, sso=sso, was_sso=was_sso
        )
        for deadlines, until in product(DEADLINES[due], PASSES[leave]):
            yield case, standing_of(case, deadlines, until)


def standing_of(case: Case, deadlines: tuple[datetime, ...], until: datetime | None) -> Standing:
    return Standing(
        deadlines=deadlines,
        has_device=case.enrolled,
        is_verified=case.verified,
        is_sso=case.sso,
        was_sso=case.was_sso,
        pass_until=until,
        pass_ran_out=case.leave is Leave.SETTLED,
    )


def has_no_session(case: Case) -> bool:
    """Settling ends all sessions but those of SSO, and a sign-in leads to set-up then."""
    was_ended = not case.sso and not case.was_sso
    return case.leave is Leave.SETTLED and was_ended and not case.enrolled


def is_contradictory(case: Case) -> bool:
    """Without a binding period no pass can have run out in one; SSO may exempt from it."""
    return case.leave is Leave.SETTLED and case.due is Due.NOTHING and not case.sso


@pytest.mark.proves("S36", "B18")
def test_the_gate_answers_every_combination_as_the_rules_do() -> None:
    hits: Counter[int] = Counter()
    for case, standing in cases():
        if not has_no_session(case) and not is_contradictory(case):
            number, answer = first_row(GATE, case)
            hits[number] += 1
            assert SAYS[decide(standing, now=NOW).step] == answer, (number, case)
    assert sorted(hits) == [number for number, _, _ in GATE], "a row was never reached"
    assert sum(hits.values()) > 400


def leads(found: Obligation, *, sso: bool) -> Answer | Leads:
    """Say where sign-in goes with this obligation."""
    if found.step in LEADS_TO:
        return {"CHALLENGE": Leads.CODE, "ENROL": Leads.SET_UP}[LEADS_TO[found.step].name]
    assert found.is_let_in
    return Leads.IN if sso and found.step is not Step.ON_PASS else SAYS[found.step]


def test_sign_in_leads_every_combination_where_the_rules_do() -> None:
    hits: Counter[int] = Counter()
    for case, standing in cases():
        # What was switched off since is nothing to who signs in.
        is_new = not case.verified and not case.was_sso
        if case.leave is not Leave.RAN_OUT and is_new and not is_contradictory(case):
            number, answer = first_row(SIGN_IN, case)
            hits[number] += 1
            assert leads(decide(standing, now=NOW), sso=case.sso) == answer, (number, case)
    assert sorted(hits) == [number for number, _, _ in SIGN_IN], "a row was never reached"


@pytest.mark.parametrize("row", range(len(GATE)))
def test_the_comparison_notices_a_row_that_is_missing(row: int) -> None:
    """Without any of its rows the table differs, or leaves a case open: none stands for show."""
    without = GATE[:row] + GATE[row + 1 :]

    def differs() -> bool:
        for case, standing in cases():
            if has_no_session(case) or is_contradictory(case):
                continue
            try:
                answer = first_row(without, case)[1]
            except LookupError:
                return True
            if SAYS[decide(standing, now=NOW).step] != answer:
                return True
        return False

    assert differs()


# The same with rows of the database, and the password given to the real sign-in.

SWITCHED_ON = (None, NOW - HOUR, NOW - DAY + MS, NOW - DAY, NOW - 2 * DAY)
GRANTED = (None, NOW - HOUR, NOW - DAY + MS, NOW - DAY, NOW - DAY - HOUR, NOW - DAY - 6 * HOUR)
SET_UP = (None, NOW - 3 * DAY, NOW - HOUR / 2)
JOINED = NOW - 4 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When what happened to one person of one account; None for what never did."""

    switched_on_at: datetime | None = None
    granted_at: datetime | None = None
    settled: bool = False
    set_up_at: datetime | None = None
    is_staff: bool = False


def lives() -> Iterator[Life]:
    for on, granted, set_up, settled, staff in product(SWITCHED_ON, GRANTED, SET_UP, FLAGS, FLAGS):
        if settled and (granted is None or granted > NOW - DAY):
            continue  # no pass, or none that ran out
        yield Life(
            switched_on_at=on,
            granted_at=granted,
            settled=settled,
            set_up_at=set_up,
            is_staff=staff,
        )


Happens = tuple[datetime, Callable[[], object], Callable[[], object]]


def events(life: Life, *, account: Account, ada: User, rules: World) -> list[Happens]:
    """When each happens, how it is told to the product, and how to the rules; in their order."""
    told: dict[str, Any] = {"actor": None, "reason": "asked"}
    settled_at = life.granted_at + DAY if life.granted_at and life.settled else None
    found = (
        (life.set_up_at, lambda: set_up(ada, now=rules.now), rules.set_up),
        (
            life.switched_on_at,
            lambda: policies.switch_on(account=account, now=rules.now, **told),
            lambda: rules.switch_on(0),
        ),
        (
            life.granted_at,
            lambda: passes.grant_pass(user=ada, now=rules.now, **told),
            rules.grant,
        ),
        (settled_at, lambda: passes.settle_pass(user=ada, now=rules.now), rules.settle),
    )
    happened = [(at, real, ruled) for at, real, ruled in found if at is not None]
    return sorted(happened, key=lambda each: each[0])


def set_up(ada: User, *, now: datetime) -> None:
    # Before anything else happened the rows of set-up can stand for it.
    (make_enrolled if now == min(filter(None, SET_UP)) else enrol_app)(ada, now=now)


def live(life: Life, *, account: Account, ada: User, clock: Clock) -> World | None:
    """Let it all happen, in its order; return how things stand then, None if it could not."""
    User.objects.filter(pk=ada.pk).update(is_staff=life.is_staff, joined_at=JOINED)
    Membership.objects.filter(user=ada).update(joined_at=JOINED)
    rules = World(now=JOINED, joined_site_at=JOINED, is_staff=life.is_staff)
    rules.joined_at[0] = JOINED
    for at, to_product, to_rules in events(life, account=account, ada=ada, rules=rules):
        rules.now = at
        clock.set(at)
        ada.refresh_from_db()
        try:
            to_product()
        except passes.NotGrantable:
            assert not rules.may_be_granted(), life
            return None
        to_rules()
    rules.now = NOW
    clock.set(NOW)
    return rules


def row_of_sign_in(rules: World) -> tuple[int, Answer | Leads]:
    """By the rules; whoever signs in settles a pass that ran out first."""
    rules.settle()
    return first_row(SIGN_IN, rules.case())


def where_a_password_leads(ada: User) -> Answer | Leads:
    client = browser()
    answer = client.post("/login/", {"email": ada.email, "password": PASSWORD})
    target = answer["Location"]
    if target == "/login/verify/":
        return Leads.CODE
    if target.startswith("/two-factor/setup/"):
        return Leads.SET_UP
    assert is_in(client), target
    asking = visitor.of(client.get("/settings/sessions/end-all/").wsgi_request)
    assert asking.obligation is not None
    return SAYS[asking.obligation.step]


@pytest.mark.django_db
@pytest.mark.both_databases
@pytest.mark.proves("S36")
def test_a_password_leads_where_the_rules_lead(northwind: Account, ada: User, clock: Clock) -> None:
    hits: Counter[int] = Counter()
    for life in lives():
        with transaction.atomic():
            rules = live(life, account=northwind, ada=ada, clock=clock)
            if rules is not None:
                number, answer = row_of_sign_in(rules)
                hits[number] += 1
                assert where_a_password_leads(ada) == answer, (number, life)
            transaction.set_rollback(True)
    assert sorted(hits) == [1, 3, 4, 5, 6], "a row was never reached; 2 is of SSO"
    assert sum(hits.values()) > 150


@pytest.mark.django_db
@pytest.mark.proves("S36")
def test_rows_one_and_two_come_before_all_others(
    northwind: Account, ada: User, clock: Clock
) -> None:
    """However things stand, a stranger is sent to sign-in, and an ended session is told why."""
    stood: set[Answer | Leads] = set()
    for life in islice(lives(), 0, None, 5):
        with transaction.atomic():
            rules = live(life, account=northwind, ada=ada, clock=clock)
            if rules is not None:
                assert fetch(browser()).json()["code"] == "sign_in_required"
                assert browser().get("/login/").status_code == 200
                client = browser()
                client.post("/login/", {"email": ada.email, "password": PASSWORD})
                if is_in(client):
                    stood.add(row_of_sign_in(rules)[1])
                    of_ada = User.objects.filter(pk=ada.pk)
                    sessions.renew_stamp(of_ada, reason=EndReason.EVERYWHERE)
                    assert str(EndReason.EVERYWHERE.label) in fetch(client).json()["detail"], life
                    assert not is_in(client)
            transaction.set_rollback(True)
    assert stood == LET_IN
