"""`make test`: every test there is, on SQLite and on PostgreSQL, and how many they were.

Called with everything installed (deploy/prepare.py). SKIP leaves parts out and says so;
otherwise a test that skips itself fails the run. ONLY=sqlite or ONLY=postgres runs one half.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.services.postgres import running_postgres

NOTHING_COLLECTED = 5
OURS = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "DJANGO_SETTINGS_MODULE", "VAR_DIR", "BASE_URL")
# Without compiled files each of six processes would rewrite the assertions of every test anew.
UNWANTED = (*OURS, "PYTHONDONTWRITEBYTECODE")
# Processes, on two cores: one of them waits for a server or a browser most of the time, and on
# PostgreSQL another for brokers and workers that were killed.
JOBS = {"sqlite": "3", "postgres": "4"}


@dataclass(frozen=True, kw_only=True)
class Result:
    status: int
    tests: int
    skipped: int


def skipped_parts() -> list[str]:
    return [part.strip() for part in os.environ.get("SKIP", "").split(",") if part.strip()]


def run_pytest(arguments: list[str], *, database_url: str | None) -> Result:
    """Run pytest in a process of its own, since settings are read once per process."""
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    if database_url:
        environment["DATABASE_URL"] = database_url
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments]
        status = subprocess.call(command, env=environment, stdin=subprocess.DEVNULL)
        return read_report(report, status=0 if status == NOTHING_COLLECTED else status)


def read_report(report: Path, *, status: int) -> Result:
    if not report.exists():
        return Result(status=status or 1, tests=0, skipped=0)
    suites = ET.parse(report).getroot().findall("testsuite")  # noqa: S314  (we wrote it)
    return Result(
        status=status,
        tests=sum(int(suite.get("tests", 0)) for suite in suites),
        skipped=sum(int(suite.get("skipped", 0)) for suite in suites),
    )


@contextmanager
def database_of(half: str) -> Iterator[str | None]:
    with running_postgres() if half == "postgres" else nullcontext() as url:
        yield url


def halves(skipped: list[str]) -> list[str]:
    only = os.environ.get("ONLY")
    wanted = [only] if only else ["sqlite", "postgres"]
    return [half for half in wanted if half not in skipped]


def pytest_arguments(half: str, skipped: list[str]) -> list[str]:
    arguments = ["-q", "-n", os.environ.get("JOBS", JOBS[half]), "--dist", "loadgroup"]
    if skipped:
        arguments += ["-m", " and ".join(f"not {part}" for part in skipped)]
    return arguments + shlex.split(os.environ.get("ARGS", ""))


def main() -> int:
    skipped = skipped_parts()
    results = {}
    for half in halves(skipped):
        print(f"\nTests on {half}:", flush=True)
        with database_of(half) as url:
            results[half] = run_pytest(pytest_arguments(half, skipped), database_url=url)
    return report_on(results, skipped=skipped)


def report_on(results: dict[str, Result], *, skipped: list[str]) -> int:
    counts = ", ".join(f"{result.tests} on {half}" for half, result in results.items())
    total = sum(result.tests for result in results.values())
    print(f"\n{total} tests ({counts}); left out: {', '.join(skipped) or 'nothing'}")
    hidden = sum(result.skipped for result in results.values())
    if hidden:
        print(f"{hidden} tests skipped themselves, which counts as failing.")
    failed = [result.status for result in results.values() if result.status]
    return failed[0] if failed else int(bool(hidden) or total == 0)


if __name__ == "__main__":
    sys.exit(main())
