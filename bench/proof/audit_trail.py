"""The audit's chain: written by several processes, killed, tampered with at random, walked."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit, audit_check, heads, seals
from accounts.audit import Entry, Event
from accounts.models import AuditEvent, AuditSeal
from tests.enforcement.desk import support_browser
from tests.tampering import as_administrator


def in_processes(work: Callable[[int], None], *, count: int) -> list[int]:
    """Begin ``work`` in ``count`` processes with connections of their own; return their ids."""
    connections.close_all()
    children = []
    for number in range(count):
        child = os.fork()
        if not child:
            status = 1
            try:
                work(number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    return children


def wait_for(children: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


class RolledBack(Exception):
    pass


def write(number: int, *, rows: int) -> None:
    """Write ``rows`` rows as the product does: some at once, some beside others that stay open.

    Every tenth transaction is rolled back, whose numbers are never used.
    """
    chance, written = random.Random(number), 0
    while written < rows:
        size = min(chance.choice((1, 1, 1, 2, 5)), rows - written)
        try:
            with transaction.atomic():
                audit.record_many([entry(number, written + at) for at in range(size)], now=now())
                if chance.random() < 0.05:
                    time.sleep(0.003)  # others commit higher numbers meanwhile
                if chance.random() < 0.1:
                    raise RolledBack
        except RolledBack:
            continue
        written += size


def now() -> Any:
    return timezone.now()


def entry(process: int, place: int) -> Entry:
    return Entry(event=Event.SIGNED_IN, after={"process": process, "place": place, "kind": "app"})


def chain(*, rows: int, processes: int) -> None:
    """Write a chain and prove that it is whole, with each row sealed once."""
    share = rows // processes
    statuses = wait_for(in_processes(lambda each: write(each, rows=share), count=processes))
    assert statuses == [0] * processes, f"writers ended with {statuses}"
    seals.seal_all(back=None)
    verdict = audit_check.check()
    assert verdict.fault is None, verdict.fault
    assert (verdict.sealed, verdict.waiting) == (share * processes, 0), verdict
    heads.export(now=now())


def whole(rows: int) -> str:
    """An untouched chain by 8 processes: verified, in how much time and memory."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chain(rows=rows, processes=8)
    written = time.monotonic() - began
    began = time.monotonic()
    verdict = audit_check.check()
    took = time.monotonic() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert verdict.fault is None, verdict.fault
    assert more < 50, f"{more:.0f} MB more"
    return (
        f"{verdict.sealed:,} rows by 8 processes in {written:.0f} s: whole; "
        f"verified in {took:.1f} s with {more:.0f} MB of memory beside what the process began with"
    )


def fill(rows: int) -> None:
    for begin in range(0, rows, 1_000):
        size = min(1_000, rows - begin)
        audit.record_many([entry(0, begin + at) for at in range(size)], now=now())


def exported(rows: int) -> str:
    """Support takes the whole audit along."""
    client = support_browser()
    # By another process, whose memory is not this one's.
    assert wait_for(in_processes(lambda _: fill(rows), count=1)) == [0]
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = []
    for form in ("csv", "json"):
        answer: Any = client.post(f"/admin/accounts/auditevent/export/{form}/")
        size = sum(len(chunk) for chunk in answer.streaming_content)
        assert size > 100 * rows, size
        told.append(f"{form.upper()} {size / 1e6:.0f} MB")
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert more < 50, f"{more:.0f} MB more"
    took = time.monotonic() - began
    return f"{rows:,} rows, {', '.join(told)}, in {took:.0f} s with {more:.0f} MB more memory"


# Tamperings: each takes the numbers of the rows, and returns the rows that may be named.


def change(chance: random.Random, rows: list[int]) -> set[int]:
    row = chance.choice(rows)
    values: list[dict[str, Any]] = [
        {"event": "signed_out"},
        {"at": F("at") - timedelta(seconds=1)},
        {"actor_id": 7},
        {"subject": "x"},
        {"account_id": 3},
        {"after": {"process": 99}},
        {"address": "192.0.2.1"},
        {"request_id": "x"},
        {"proof": None},
    ]
    AuditEvent.objects.filter(number=row).update(**chance.choice(values))
    return {row}


def change_seal(chance: random.Random, rows: list[int]) -> set[int]:
    row = chance.choice(rows)
    name = chance.choice(("hash", "previous", "proof"))
    AuditSeal.objects.filter(row=row).update(**{name: "0" * 64})
    return {row, *rows[rows.index(row) + 1 :][:1]}  # a proof under no key of ours breaks the next


def drop(chance: random.Random, rows: list[int]) -> set[int]:
    """One row, or a stretch of them; with or without their seals."""
    first = chance.randrange(len(rows) - 10)
    gone = rows[first : first + chance.choice((1, 1, 2, 9))]
    AuditEvent.objects.filter(number__in=gone).delete()
    if chance.random() < 0.5:
        AuditSeal.objects.filter(row__in=gone).delete()
        return {gone[0], rows[first - 1] + 1 if first else rows[len(gone)]}
    return {gone[0]}


def swap(chance: random.Random, rows: list[int]) -> set[int]:
    one, other = chance.sample(rows, 2)
    beyond = max(rows) + 1000
    for number, to in ((one, beyond), (other, one), (beyond, other)):
        AuditEvent.objects.filter(number=number).update(number=to)
    return {one, other}


def swap_places(chance: random.Random, rows: list[int]) -> set[int]:
    one, other = chance.sample(rows, 2)
    for row, to in ((one, -1), (other, one), (-1, other)):
        AuditSeal.objects.filter(row=row).update(row=to)
    return {one, other}


def insert(chance: random.Random, rows: list[int]) -> set[int]:
    """A row beside the others or in a gap, with a seal that fits or with none."""
    row = AuditEvent.objects.get(number=chance.choice(rows))
    row.number = max(rows) + chance.randint(1, 1000)
    row.proof = chance.choice((None, f"{(row.proof or '').split(':')[0]}:1:{row.number}", "0:1:2"))
    row.save(force_insert=True)
    if chance.random() < 0.5:
        tail = AuditSeal.objects.order_by("number").last()
        assert tail
        seal = AuditSeal(
            number=tail.number + 1, row=row.number, previous=seals.link_to(tail), proof="0:1"
        )
        seal.hash = seals.hash_of(seal, row)
        seal.save(force_insert=True)
    return {row.number}


def cut(chance: random.Random, rows: list[int]) -> set[int]:
    """The end, rows with seals, rows alone or seals alone, below the head that was exported."""
    left = chance.randrange(len(rows))
    kept, gone = rows[:left], rows[left:]
    how = chance.choice(("both", "rows", "seals"))
    if how != "seals":
        AuditEvent.objects.filter(number__in=gone).delete()
    if how != "rows":
        AuditSeal.objects.filter(row__in=gone).delete()
    return {gone[0], (kept[-1] if kept else 0) + 1}


WAYS = (change, change_seal, drop, swap, swap_places, insert, cut)


def tamper(count: int, *, seed: int = 61) -> None:
    """Tamper ``count`` times at random with the chain that stands; each must show, and where."""
    chance = random.Random(seed)
    rows = list(AuditSeal.objects.order_by("number").values_list("row", flat=True))
    place = {row: at for at, row in enumerate(rows)}
    for number in range(count):
        way = WAYS[number % len(WAYS)]
        with as_administrator(), transaction.atomic():
            named = way(chance, rows)
            fault = audit_check.check().fault
            transaction.set_rollback(True)
        assert fault is not None, f"{way.__name__} {number} went unseen at {named}"
        first = min(named, key=lambda row: place.get(row, len(rows)))
        assert fault.row in named, f"{way.__name__} {number}: {fault}, not {first}"
    assert audit_check.check().fault is None


def tampered(count: int) -> str:
    """``count`` tamperings over ten times as many rows, at most 10,000."""
    chain(rows=min(10_000, count * 10), processes=8)
    tamper(count)
    return f"{count:,} of {count:,} tamperings detected, and the row named"


def killed(kills: int) -> str:
    """Writers are killed without warning while they write and seal; nothing is lost or doubled."""
    chance, written = random.Random(9), 0
    for round_number in range(kills):
        children = in_processes(lambda each: write(each, rows=10**6), count=2)
        time.sleep(0.1 + chance.random() / 5)
        for child in children:
            os.kill(child, signal.SIGKILL)
        assert wait_for(children) == [-signal.SIGKILL] * 2, round_number
        _wait_for_backends()
        seals.seal_all(back=None)
        verdict = audit_check.check()
        assert verdict.fault is None, verdict.fault
        assert verdict.waiting == 0
        rows = AuditEvent.objects.count()
        assert rows == verdict.sealed > written, "nothing was written"
        written = rows
    return f"{kills} times 2 writers killed: {written:,} rows, each sealed once"


def _wait_for_backends() -> None:
    """A dead client's statement under way may still commit."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("the dead writers' connections stay")
