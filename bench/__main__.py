"""`make bench`: every measurement, on each database, each in a process of its own.

ARGS chooses: ``requests`` or ``operations`` (default both), and ``--rounds N`` for steadier
figures. Exits with 1 when a goal that binds is missed.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench import databases
from tests.services.redis import running_redis

OURS = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SESSION_ENGINE", "VAR_DIR", "BASE_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One set-up to measure on."""

    title: str
    database: str
    is_binding: bool
    environment: dict[str, str] = field(default_factory=dict)
    needs_redis: bool = False


REQUESTS = (
    Target(title="SQLite, database sessions", database="sqlite", is_binding=True),
    Target(
        title="PostgreSQL with prepared statements, database sessions",
        database="postgres",
        is_binding=True,
    ),
    Target(
        title="PostgreSQL without prepared statements, database sessions",
        database="postgres",
        is_binding=False,
        environment={"BENCH_PREPARED": "off"},
    ),
    Target(
        title="PostgreSQL with prepared statements, sessions cached in Redis",
        database="postgres",
        is_binding=False,
        environment={"SESSION_ENGINE": "cached_db"},
        needs_redis=True,
    ),
)
OPERATIONS = (
    Target(title="SQLite", database="sqlite", is_binding=True),
    Target(title="PostgreSQL", database="postgres", is_binding=True),
)


@contextmanager
def environment_of(target: Target) -> Iterator[dict[str, str]]:
    """Start what ``target`` needs; yield the environment that leads there, and nothing of ours."""
    own = {name: value for name, value in os.environ.items() if name not in OURS}
    with ExitStack() as stack:
        url = stack.enter_context(getattr(databases, target.database)())
        own |= {"DJANGO_SETTINGS_MODULE": "bench.settings", "DATABASE_URL": url}
        if target.needs_redis:
            own["REDIS_URL"] = stack.enter_context(running_redis()).url
        yield {**own, **target.environment}


def run(kind: str, target: Target, *, rounds: int) -> int:
    print(f"\n{target.title}", flush=True)
    binding = ["--binding"] if target.is_binding else []
    command = [sys.executable, "-m", "bench.child", kind, f"--rounds={rounds}", *binding]
    with environment_of(target) as environment:
        return subprocess.call(command, env=environment, stdin=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="requests|operations")
    parser.add_argument("--rounds", type=int, default=400)
    chosen = parser.parse_args()
    targets = {"requests": REQUESTS, "operations": OPERATIONS}
    statuses = [
        run(kind, target, rounds=chosen.rounds)
        for kind in chosen.kinds or targets
        for target in targets[kind]
    ]
    missed = sum(status != 0 for status in statuses)
    print(
        f"\n{missed} of {len(statuses)} tables miss a goal." if missed else "\nAll goals are met."
    )
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
