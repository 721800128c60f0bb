"""Random histories: the gate and the rules must agree after every event of each."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import time_machine
from django.db import transaction
from django.test import override_settings

from bench.people import cheap_backup_codes
from bench.proof.histories import START, History
from tests.rulebook import Answer
from tests.rules_lived import GRACE

NEVER = timedelta(days=3650)


@dataclass
class Outcome:
    """What a run of histories looked at."""

    histories: int = 0
    events: int = 0
    answers: Counter[Answer] = field(default_factory=Counter)

    def __str__(self) -> str:
        shares = ", ".join(f"{answer.value}: {n:,}" for answer, n in self.answers.most_common())
        return (
            f"{self.histories:,} histories, {self.events:,} events, "
            f"{sum(self.answers.values()):,} answers ({shares})"
        )


def run(histories: int, *, first_seed: int = 0, events: int = 14) -> Outcome:
    """Live through ``histories`` random histories.

    :raises Difference: at the first that the gate answers otherwise than the rules.
    """
    outcome = Outcome()
    with ExitStack() as stack:
        clock = stack.enter_context(time_machine.travel(START, tick=False))
        stack.enter_context(cheap_backup_codes())
        # How long a session may rest is another rule, tried elsewhere.
        limits = dict.fromkeys(("SESSION_IDLE", "SESSION_ABSOLUTE"), NEVER)
        limits |= {f"STAFF_{name}": NEVER for name in limits}
        stack.enter_context(
            override_settings(**limits, TWO_FACTOR_GRACE=GRACE, SESSION_COOKIE_AGE=10**8)
        )
        for seed in range(first_seed, first_seed + histories):
            with transaction.atomic():
                _live(History(seed, clock), outcome, events=events)
                transaction.set_rollback(True)
    return outcome


def _live(history: History, outcome: Outcome, *, events: int) -> None:
    outcome.histories += 1
    history.open()
    for _ in range(events):
        history.happen()
        outcome.events += 1
        history.check(outcome.answers)
