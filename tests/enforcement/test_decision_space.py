"""Every combination of the facts beside the rules' own tables: none is left open, none differs."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice, product

import pytest
from django.db import transaction

from accounts import sessions
from accounts.models import Account, EndReason, Membership, User
from enforcement import passes, policies
from enforcement.decision import Obligation, Standing, Step, decide
from enforcement.entrance import LEADS_TO
from tests import rulebook
from tests.enforcement.kit import browser, fetch, is_in
from tests.factories import PASSWORD
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.clock import START as NOW
from tests.rulebook import GATE, SIGN_IN, Case, Due, Leave, Life
from tests.twofactor.people import enrol_app

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
    Step.PROCEED: rulebook.IN,
    Step.ENROL_SOON: rulebook.BANNER,
    Step.ON_PASS: rulebook.PASS_BANNER,
    Step.PASS_ENDED: rulebook.PASS_ENDED,
    Step.CODE_NEEDED: rulebook.CODE,
    Step.ENROL_NOW: rulebook.DEADLINE,
}
FLAGS = (False, True)


def cases() -> Iterator[tuple[Case, Standing]]:
    """Return every combination of the facts, spelled in every way that instants can spell it."""
    for due, leave, enrolled, verified, sso in product(Due, Leave, FLAGS, FLAGS, FLAGS):
        case = Case(due=due, leave=leave, enrolled=enrolled, verified=verified, sso=sso)
        for deadlines, until in product(DEADLINES[due], PASSES[leave]):
            yield case, standing_of(case, deadlines, until)


def standing_of(case: Case, deadlines: tuple[datetime, ...], until: datetime | None) -> Standing:
    return Standing(
        deadlines=deadlines,
        has_device=case.enrolled,
        is_verified=case.verified,
        is_sso=case.sso,
        pass_until=until,
        pass_ran_out=case.leave is Leave.SETTLED,
    )


def has_no_session(case: Case) -> bool:
    """Settling ends all sessions but those of SSO, and a sign-in leads to set-up then."""
    return case.leave is Leave.SETTLED and not case.sso and not case.enrolled


def is_contradictory(case: Case) -> bool:
    """Without a binding period no pass can have run out in one; SSO may exempt from it."""
    return case.leave is Leave.SETTLED and case.due is Due.NOTHING and not case.sso


@pytest.mark.proves("S36", "B18")
def test_the_gate_answers_every_combination_as_the_rules_do() -> None:
    hits: Counter[int] = Counter()
    for case, standing in cases():
        if not has_no_session(case) and not is_contradictory(case):
            number, answer = rulebook.first_row(GATE, case)
            hits[number] += 1
            assert SAYS[decide(standing, now=NOW).step] == answer, (number, case)
    assert sorted(hits) == [number for number, _, _ in GATE], "a row was never reached"
    assert sum(hits.values()) > 400


def leads(found: Obligation, *, sso: bool) -> str:
    """Say where sign-in goes with this obligation."""
    if found.step in LEADS_TO:
        return {"CHALLENGE": "code", "ENROL": "set-up"}[LEADS_TO[found.step].name]
    assert found.is_let_in
    return "in" if sso and found.step is not Step.ON_PASS else SAYS[found.step]


def test_sign_in_leads_every_combination_where_the_rules_do() -> None:
    hits: Counter[int] = Counter()
    for case, standing in cases():
        if case.leave is not Leave.RAN_OUT and not case.verified and not is_contradictory(case):
            number, answer = rulebook.first_row(SIGN_IN, case)
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
                answer = rulebook.first_row(without, case)[1]
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


def lives() -> Iterator[Life]:
    for on, granted, set_up, settled, staff in product(SWITCHED_ON, GRANTED, SET_UP, FLAGS, FLAGS):
        if settled and (granted is None or granted > NOW - DAY):
            continue  # no pass, or none that ran out
        yield Life(
            switched_on_at=on,
            granted_at=granted,
            settled=settled,
            set_up_at=set_up,
            staff_since=JOINED if staff else None,
        )


def live(life: Life, *, account: Account, ada: User, clock: Clock) -> bool:
    """Let it all happen, in its order; return whether each of it could."""
    User.objects.filter(pk=ada.pk).update(is_staff=life.staff_since is not None, joined_at=JOINED)
    Membership.objects.filter(user=ada).update(joined_at=JOINED)
    happens: list[tuple[datetime | None, Callable[[datetime], object]]] = [
        (life.set_up_at, lambda at: enrol_app(ada, now=at)),
        (
            life.switched_on_at,
            lambda at: policies.switch_on(account=account, actor=None, reason="asked", now=at),
        ),
        (
            life.granted_at,
            lambda at: passes.grant_pass(user=ada, actor=None, reason="lost", now=at),
        ),
        (
            life.granted_at + DAY if life.granted_at and life.settled else None,
            lambda at: passes.settle_pass(user=ada, now=at),
        ),
    ]
    due = [(at, happen) for at, happen in happens if at is not None]
    for at, happen in sorted(due, key=lambda one: one[0]):
        clock.set(at)
        ada.refresh_from_db()
        try:
            happen(at)
        except passes.NotGrantable:
            return False
    clock.set(NOW)
    return True


def where_a_password_leads(ada: User) -> str:
    client = browser()
    answer = client.post("/login/", {"email": ada.email, "password": PASSWORD})
    target = answer["Location"]
    if target == "/login/verify/":
        return "code"
    if target.startswith("/two-factor/setup/"):
        return "set-up"
    found: Obligation = client.get(target).context["obligation"]
    return SAYS[found.step]


@pytest.mark.django_db
@pytest.mark.both_databases
@pytest.mark.proves("S36")
def test_a_password_leads_where_the_rules_lead(northwind: Account, ada: User, clock: Clock) -> None:
    hits: Counter[int] = Counter()
    for life in lives():
        with transaction.atomic():
            if live(life, account=northwind, ada=ada, clock=clock):
                number, answer = rulebook.first_row(SIGN_IN, life.case(now=NOW))
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
    stood: set[str] = set()
    for life in islice(lives(), 0, None, 5):
        with transaction.atomic():
            if live(life, account=northwind, ada=ada, clock=clock):
                assert fetch(browser()).json()["code"] == "sign_in_required"
                assert browser().get("/login/").status_code == 200
                client = browser()
                client.post("/login/", {"email": ada.email, "password": PASSWORD})
                if is_in(client):
                    stood.add(rulebook.first_row(SIGN_IN, life.case(now=NOW))[1])
                    of_ada = User.objects.filter(pk=ada.pk)
                    sessions.renew_stamp(of_ada, reason=EndReason.EVERYWHERE)
                    assert EndReason.EVERYWHERE.label in fetch(client).json()["detail"], life
                    assert not is_in(client)
            transaction.set_rollback(True)
    assert stood == {rulebook.IN, rulebook.BANNER, rulebook.PASS_BANNER}
