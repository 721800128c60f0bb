"""People, owners and support at random."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

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
