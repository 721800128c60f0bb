"""Two hundred at once, over four processes: what may happen once happens once, and nobody errs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from bench.proof import __main__ as proof
from bench.proof import single_use, ways_back
from bench.proof.fleet import PROCESSES, Fleet, running_fleet
from bench.proof.runs import RUNS

USES = 200
# Fifty of each in `make proof`; what is not here is a race for good measure, once.
ROUNDS = {
    "app_code": 5,
    "backup_code": 5,
    "text_code": 5,
    "invitation": 5,
    "reset_link": 5,
    "switch_on": 5,
    "pass_grant": 5,
}
PROVES = {
    "app_code": ("S04", "B40", "B53"),
    "backup_code": ("S23", "B53"),
    "text_code": ("S04", "S25"),
    "text_asked": ("S26",),
    "invitation": ("S45",),
    "reset_link": ("S43",),
    "wrong_codes": ("S09",),
    "pass_grant": ("S42",),
    "switch_on": ("S37",),
    "switch_both_ways": ("S37",),
}


def marked(race: str) -> object:
    return pytest.param(race, marks=pytest.mark.proves(*PROVES.get(race, ())))


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder: Path = tmp_path_factory.mktemp("fleet")
    with running_fleet(folder, threads=USES // PROCESSES) as fleet:
        yield fleet


@pytest.mark.postgres
@pytest.mark.xdist_group("fleet")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("race", map(marked, single_use.RACES))
def test_what_may_happen_once_happens_once(
    race: str, fleet: Fleet, settings: Settings, tmp_path: Path
) -> None:
    settings.OUTBOX_DIR = tmp_path
    single_use.run(race, fleet, uses=USES, rounds=ROUNDS.get(race, 1))


@pytest.mark.postgres
@pytest.mark.idp
@pytest.mark.xdist_group("fleet")
@pytest.mark.proves("S47", "S51")
@pytest.mark.django_db(transaction=True)
def test_of_parallel_callbacks_with_one_answer_exactly_one_comes_in(fleet: Fleet) -> None:
    ways_back.run(fleet, uses=USES, rounds=1)


@pytest.mark.proves("S04", "S23")
def test_it_happens_once_on_sqlite_too() -> None:
    """In a file of its own: the other tests' database lies in the memory of one process."""
    (run,) = (run for run in RUNS if run.name == "single_use_sqlite")
    held, told = proof.perform(run, share=1 / run.full)
    assert held, told
