"""The gate's table and the sign-in's table of docs/rules.md, row by row.

Each boundary is tried on both sides, one millisecond apart; where several rows fit, the cases show
which of them comes first.
"""

from datetime import timedelta
from itertools import product

import pytest

from enforcement.decision import Obligation, Standing, Step, decide
from tests.journeys.clock import DAY, MS
from tests.journeys.clock import START as NOW

AHEAD = NOW + DAY
HOUR = timedelta(hours=1)

GATE = {
    # 3. A pass is running.
    "a pass runs": (Standing(pass_until=AHEAD), Step.ON_PASS),
    "a pass runs for one more millisecond": (Standing(pass_until=NOW + MS), Step.ON_PASS),
    "a pass runs beside a deadline that has passed": (
        Standing(deadlines=(NOW,), pass_until=NOW + MS),
        Step.ON_PASS,
    ),
    "a pass runs and the old device was verified": (
        Standing(deadlines=(NOW,), has_device=True, is_verified=True, pass_until=NOW + MS),
        Step.ON_PASS,
    ),
    "a pass runs beside SSO": (Standing(is_sso=True, pass_until=NOW + MS), Step.ON_PASS),
    "a second pass runs after one ran out": (
        Standing(deadlines=(NOW,), pass_until=NOW + MS, pass_ran_out=True),
        Step.ON_PASS,
    ),
    # 4. Enrolled and verified, no pass unsettled.
    "verified, nothing binds": (Standing(has_device=True, is_verified=True), Step.PROCEED),
    "verified, the deadline has passed": (
        Standing(deadlines=(NOW - DAY,), has_device=True, is_verified=True),
        Step.PROCEED,
    ),
    "verified by a device that is gone": (
        Standing(deadlines=(NOW,), is_verified=True),
        Step.ENROL_NOW,
    ),
    "verified, and the pass of before ran out this millisecond": (
        Standing(has_device=True, is_verified=True, pass_until=NOW),
        Step.PASS_ENDED,
    ),
    # 5. SSO, and nothing else binds the session.
    "SSO, nothing else binds": (Standing(is_sso=True), Step.PROCEED),
    "SSO, nothing else binds, enrolled but not verified": (
        Standing(is_sso=True, has_device=True),
        Step.PROCEED,
    ),
    "SSO, nothing else binds, a pass has ended": (
        Standing(is_sso=True, pass_until=NOW),
        Step.PROCEED,
    ),
    "SSO, nothing else binds, a pass ran out before": (
        Standing(is_sso=True, pass_ran_out=True),
        Step.PROCEED,
    ),
    # 6. SSO, and everything else lies ahead.
    "SSO, another deadline in a millisecond": (
        Standing(deadlines=(NOW + MS,), is_sso=True),
        Step.ENROL_SOON,
    ),
    "SSO, another deadline ahead, enrolled but not verified": (
        Standing(deadlines=(NOW + MS,), is_sso=True, has_device=True),
        Step.ENROL_SOON,
    ),
    "SSO, another deadline ahead, a pass has ended": (
        Standing(deadlines=(NOW + MS,), is_sso=True, pass_until=NOW),
        Step.ENROL_SOON,
    ),
    "SSO, another deadline has passed": (
        Standing(deadlines=(NOW,), is_sso=True),
        Step.ENROL_NOW,
    ),
    "SSO, another deadline has passed, enrolled but not verified": (
        Standing(deadlines=(NOW,), is_sso=True, has_device=True),
        Step.CODE_NEEDED,
    ),
    # 7. A pass ran out and is not settled.
    "a pass ended this millisecond": (Standing(pass_until=NOW), Step.PASS_ENDED),
    "a pass ended long ago, nothing binds": (Standing(pass_until=NOW - DAY), Step.PASS_ENDED),
    "a pass ended before a deadline": (
        Standing(deadlines=(AHEAD,), pass_until=NOW),
        Step.PASS_ENDED,
    ),
    "a pass ended after a deadline": (
        Standing(deadlines=(NOW - HOUR,), pass_until=NOW),
        Step.PASS_ENDED,
    ),
    "a pass ended, its old device is still there": (
        Standing(deadlines=(NOW,), has_device=True, pass_until=NOW),
        Step.PASS_ENDED,
    ),
    "SSO, another deadline and a pass have passed": (
        Standing(deadlines=(NOW,), is_sso=True, pass_until=NOW),
        Step.PASS_ENDED,
    ),
    # 8. Enrolled, not verified.
    "not verified, nothing binds": (Standing(has_device=True), Step.CODE_NEEDED),
    "not verified, a deadline ahead": (
        Standing(deadlines=(AHEAD,), has_device=True),
        Step.CODE_NEEDED,
    ),
    "not verified, the deadline has passed": (
        Standing(deadlines=(NOW,), has_device=True),
        Step.CODE_NEEDED,
    ),
    "not verified, set up anew after a pass ran out": (
        Standing(deadlines=(NOW,), has_device=True, pass_ran_out=True),
        Step.CODE_NEEDED,
    ),
    "not verified, the provider switched off since": (
        Standing(has_device=True, was_sso=True),
        Step.PROCEED,
    ),
    "not verified, the provider switched off since, a deadline in a millisecond": (
        Standing(deadlines=(NOW + MS,), has_device=True, was_sso=True),
        Step.ENROL_SOON,
    ),
    "not verified, the provider switched off since, the deadline has passed": (
        Standing(deadlines=(NOW,), has_device=True, was_sso=True),
        Step.CODE_NEEDED,
    ),
    "not verified, one provider switched off since, another is live, a deadline has passed": (
        Standing(deadlines=(NOW,), has_device=True, is_sso=True, was_sso=True),
        Step.CODE_NEEDED,
    ),
    # 9. The earliest deadline has passed.
    "at the deadline": (Standing(deadlines=(NOW,)), Step.ENROL_NOW),
    "a day after the deadline": (Standing(deadlines=(NOW - DAY,)), Step.ENROL_NOW),
    "one of two deadlines has passed": (Standing(deadlines=(AHEAD, NOW)), Step.ENROL_NOW),
    "a pass ran out during a period that binds": (
        Standing(deadlines=(AHEAD,), pass_ran_out=True),
        Step.ENROL_NOW,
    ),
    "the provider switched off since, the deadline has passed": (
        Standing(deadlines=(NOW,), was_sso=True),
        Step.ENROL_NOW,
    ),
    # 10. A deadline ahead.
    "a millisecond before the deadline": (Standing(deadlines=(NOW + MS,)), Step.ENROL_SOON),
    "a day before the deadline": (Standing(deadlines=(AHEAD,)), Step.ENROL_SOON),
    "two deadlines ahead": (Standing(deadlines=(AHEAD, NOW + MS)), Step.ENROL_SOON),
    "the provider switched off since, a new deadline in a millisecond": (
        Standing(deadlines=(NOW + MS,), was_sso=True),
        Step.ENROL_SOON,
    ),
    "the provider switched off since, a deadline ahead, a pass ran out before": (
        Standing(deadlines=(NOW + MS,), was_sso=True, pass_ran_out=True),
        Step.ENROL_SOON,
    ),
    # 11. Nothing binds.
    "nobody asks for anything": (Standing(), Step.PROCEED),
    "verified by nothing, and nothing binds": (Standing(is_verified=True), Step.PROCEED),
    "a pass ran out, and nothing binds any more": (Standing(pass_ran_out=True), Step.PROCEED),
}


@pytest.mark.parametrize(("standing", "step"), GATE.values(), ids=GATE)
def test_decide(standing: Standing, step: Step) -> None:
    assert decide(standing, now=NOW).step is step


UNTIL = {
    "the end of the pass": (Standing(deadlines=(NOW,), pass_until=AHEAD), AHEAD),
    "the end of a pass that is over": (Standing(pass_until=NOW - MS), NOW - MS),
    "the earliest deadline": (Standing(deadlines=(AHEAD, NOW + HOUR)), NOW + HOUR),
    "the earliest deadline that has passed": (
        Standing(deadlines=(NOW - HOUR, NOW - DAY)),
        NOW - DAY,
    ),
    "the deadline beside SSO": (Standing(deadlines=(AHEAD,), is_sso=True), AHEAD),
    "nothing for who may go on": (Standing(has_device=True, is_verified=True), None),
    "nothing for who has to give a code": (Standing(deadlines=(AHEAD,), has_device=True), None),
}


@pytest.mark.parametrize(("standing", "until"), UNTIL.values(), ids=UNTIL)
def test_an_obligation_tells_the_instant_that_goes_with_it(
    standing: Standing, until: object
) -> None:
    assert decide(standing, now=NOW).until == until


# The first row that fits, as the rules word it for a password that was right (a new sign-in is
# never verified, and has settled a pass that ran out before it asks).
SIGN_IN = {
    "a pass is running": (Standing(deadlines=(NOW,), has_device=True, pass_until=AHEAD), "in"),
    "SSO, and no other binding is due": (Standing(deadlines=(AHEAD,), is_sso=True), "in"),
    "enrolled": (Standing(deadlines=(AHEAD,), has_device=True), "code"),
    "enrolled, whom nothing binds": (Standing(has_device=True), "code"),
    "a deadline has passed": (Standing(deadlines=(NOW,)), "set-up"),
    "a pass ran out, and no set-up followed": (
        Standing(deadlines=(AHEAD,), pass_ran_out=True),
        "set-up",
    ),
    "a deadline ahead": (Standing(deadlines=(NOW + MS,)), "in"),
    "nothing binds": (Standing(), "in"),
}
LEADS = {Step.CODE_NEEDED: "code", Step.ENROL_NOW: "set-up"}


@pytest.mark.parametrize(("standing", "where"), SIGN_IN.values(), ids=SIGN_IN)
def test_where_a_right_password_leads(standing: Standing, where: str) -> None:
    found = decide(standing, now=NOW)
    assert LEADS.get(found.step, "in") == where
    assert found.is_let_in is (where == "in")


ANSWERS = {
    Step.PROCEED: "in",
    Step.ENROL_SOON: "in ahead must_act",
    Step.ENROL_NOW: "due must_act",
    Step.CODE_NEEDED: "",
    Step.ON_PASS: "in pass",
    Step.PASS_ENDED: "must_act",
}


@pytest.mark.parametrize(("step", "words"), ANSWERS.items(), ids=lambda value: str(value))
def test_an_obligation_answers_in_words(step: Step, words: str) -> None:
    found = Obligation(step)
    told = {
        "in": found.is_let_in,
        "ahead": found.is_ahead,
        "due": found.is_due,
        "pass": found.is_on_pass,
        "must_act": found.must_act,
    }
    assert {word for word, is_so in told.items() if is_so} == set(words.split())


EVERY_STANDING = [
    Standing(
        deadlines=deadlines,
        has_device=has_device,
        is_verified=is_verified,
        is_sso=is_sso,
        was_sso=was_sso,
        pass_until=pass_until,
        pass_ran_out=pass_ran_out,
    )
    for deadlines, has_device, is_verified, is_sso, was_sso, pass_until, pass_ran_out in product(
        [(), (NOW - MS,), (NOW,), (NOW + MS,), (NOW, NOW + MS)],
        [False, True],
        [False, True],
        [False, True],
        [False, True],
        [None, NOW - MS, NOW, NOW + MS],
        [False, True],
    )
]


def by_the_book(standing: Standing) -> Step:
    """The gate's table, rows 3 to 11, in other words than the product's."""
    is_due = any(deadline <= NOW for deadline in standing.deadlines)
    is_running = standing.pass_until is not None and standing.pass_until > NOW
    is_unsettled = standing.pass_until is not None and standing.pass_until <= NOW
    rows = [
        (is_running, Step.ON_PASS),
        (
            standing.has_device and standing.is_verified and not is_unsettled,
            Step.PROCEED,
        ),
        (standing.is_sso and not standing.deadlines, Step.PROCEED),
        (standing.is_sso and not is_due, Step.ENROL_SOON),
        (is_unsettled, Step.PASS_ENDED),
        (standing.has_device and is_due, Step.CODE_NEEDED),
        (standing.has_device and not standing.was_sso, Step.CODE_NEEDED),
        (is_due, Step.ENROL_NOW),
        (
            bool(standing.deadlines) and standing.pass_ran_out and not standing.was_sso,
            Step.ENROL_NOW,
        ),
        (bool(standing.deadlines), Step.ENROL_SOON),
        (True, Step.PROCEED),
    ]
    return next(step for fits, step in rows if fits)


def test_every_combination_of_facts_is_decided_by_the_book() -> None:
    found = {standing: decide(standing, now=NOW).step for standing in EVERY_STANDING}
    assert found == {standing: by_the_book(standing) for standing in EVERY_STANDING}


def test_nobody_without_a_pass_or_sso_gets_past_a_deadline_without_a_verified_device() -> None:
    for standing in EVERY_STANDING:
        is_due = any(deadline <= NOW for deadline in standing.deadlines)
        is_proved = standing.is_verified and standing.has_device and standing.pass_until is None
        has_pass = standing.pass_until is not None and standing.pass_until > NOW
        if is_due and not is_proved and not has_pass:
            assert not decide(standing, now=NOW).is_let_in, standing
