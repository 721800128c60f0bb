"""Rows of the audit, written by eight processes at once: sealed after the commit, or in line.

The usual way chains each row as it is written, under the lock of the chain's head, which lasts
until the commit: whoever signs in waits for everybody else's transaction.
"""

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts import audit, audit_check, seals
from accounts.audit import Event
from bench.proof.audit_trail import in_processes, wait_for

PROCESSES, ROWS, ROUNDS = 8, 25, 3
REST = 0.02  # of a transaction, after its row: some queries, the commit, a busy machine
TABLES = """
CREATE TABLE bench_head (count bigint, hash text);
INSERT INTO bench_head VALUES (0, '');
CREATE TABLE bench_row (number bigint PRIMARY KEY, at timestamptz, said text, hash text);
"""


def writers() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    ours, usual = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(_seal_later))
        usual.append(_timed(_chain_at_once))
    seals.seal_all()
    verdict = audit_check.check()
    assert verdict.fault is None, verdict.fault
    assert (verdict.sealed, verdict.waiting) == (PROCESSES * ROWS * ROUNDS, 0)
    return {
        "what": f"a row of the audit by {PROCESSES} writers, seal included",
        "milliseconds": median(ours) * 1000,
        "usual": "chained under the head's lock",
        "usual_milliseconds": median(usual) * 1000,
        "note": (
            f"{1 / median(ours):.0f} rows a second beside {1 / median(usual):.0f}, in transactions "
            f"that go on for {REST * 1000:g} ms after their row"
        ),
    }


def _timed(write: Callable[[datetime], None]) -> float:
    """Return the seconds per row."""

    def work(number: int) -> None:
        for _ in range(ROWS):
            with transaction.atomic():
                write(timezone.now())
                time.sleep(REST)

    began = time.perf_counter()
    statuses = wait_for(in_processes(work, count=PROCESSES))
    assert statuses == [0] * PROCESSES, statuses
    return (time.perf_counter() - began) / (PROCESSES * ROWS)


def _seal_later(now: datetime) -> None:
    audit.record(Event.SIGNED_IN, after={"kind": "app"}, now=now)


def _chain_at_once(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count, hash FROM bench_head FOR UPDATE")
        count, previous = cursor.fetchone()
        said = f'{{"event": "signed_in", "after": {{"kind": "app"}}, "at": "{now.isoformat()}"}}'
        digest = hashlib.sha256(f"{previous}{said}".encode()).hexdigest()
        cursor.execute(
            "INSERT INTO bench_row VALUES (%s, %s, %s, %s)", [count + 1, now, said, digest]
        )
        cursor.execute("UPDATE bench_head SET count = %s, hash = %s", [count + 1, digest])
