"""People, owners and support at random, and that the machine would notice a leak."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from accounts import sessions
from enforcement import decision, entrance, visitor
from enforcement.decision import Obligation, Step
from tests.machine.people import Machine

pytestmark = pytest.mark.django_db


def live(examples: int, steps: int = 25) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            phases=[Phase.generate],  # to shrink a failure takes minutes: add it by hand
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_people_do_the_rules_hold() -> None:
    live(12)


def without(step: Step) -> Any:
    """A decision that lets pass where it should have said ``step``."""

    def decide(standing: Any, *, now: Any) -> Obligation:
        found = decision.decide(standing, now=now)
        return Obligation(Step.PROCEED) if found.step is step else found

    return decide


def refuse_all(standing: Any, *, now: Any) -> Obligation:
    return Obligation(Step.PASS_ENDED)


LEAKS = {
    "deadlines pass and nobody notices": [(visitor, "decide", without(Step.ENROL_NOW))],
    "a password alone lets in whoever is enrolled": [
        (entrance, "decide", without(Step.CODE_NEEDED)),
        (visitor, "decide", without(Step.CODE_NEEDED)),
    ],
    "a pass never ends": [
        (visitor, "decide", without(Step.PASS_ENDED)),
        (sessions, "renew_stamp", lambda *args, **kwargs: 0),
    ],
    "sign-in leads nowhere": [(entrance, "decide", refuse_all)],
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_the_machine_finds(leak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, leaky in leak:
        monkeypatch.setattr(module, name, leaky)
    with pytest.raises(AssertionError):
        live(100)
