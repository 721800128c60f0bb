"""Tests that `make test` performs in small, performed whole: by pytest, in a process of its own."""

import os
import re
import subprocess
import sys

SUMMARY = re.compile(r"^(?:\d+ \w+, )*\d+ passed.*$", re.MULTILINE)


def perform(tests: str, **environment: str) -> str:
    """Run ``tests`` on this run's database and return how many passed.

    :raises AssertionError: if any failed.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        *tests.split(),
        "-q",
        "-n",
        "2",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "settings.test", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)  # what failed, and where
    lines = done.stdout.strip().splitlines() or ["nothing ran"]
    found = SUMMARY.search(lines[-1])
    assert done.returncode == 0, lines[-1]
    assert found, lines[-1]
    return found[0].split(" in ")[0]


def journeys() -> str:
    return f"served in all four ways: {perform('tests/journeys', JOURNEYS='all')}"


def bare_clone() -> str:
    perform("tests/browser/test_j12_from_outside.py", CLONE="bare")
    return "the whole story, from `git clone` and `make run` with nothing installed: it came true"


def odd_values(count: int) -> str:
    return f"{count} odd values for each place: {perform('tests/odd', ODD_VALUES=str(count))}"


def broker_away(seconds: int) -> str:
    perform("tests/integration/test_broker_away.py", REDIS_AWAY=str(seconds))
    return (
        f"Redis killed, and frozen, for {seconds:,} s: no page took 2 s or was an error, the"
        " requirement was switched on and two people set up; every mail came once after its return"
    )


def office(people: int) -> str:
    perform("tests/journeys/test_j14_an_office_enrols.py", OFFICE=str(people))
    return (
        f"{people} people behind one address set up within four minutes, a third by text, one try"
        " in ten mistyped: all are in; of 60 guesses from another address 10 were looked at"
    )


def pages() -> str:
    tests = "tests/browser/test_pages.py tests/browser/test_names.py tests/browser/test_keyboard.py"
    for language in ("en", "de", "fr"):
        perform(tests, PAGES=language)
    return (
        "every page of the tour, at 360 and 1280, light and dark, in English, German and French"
        " with the hardest names: no fault; the story at both widths, with scripts and without, and"
        " set-up by keyboard"
    )
