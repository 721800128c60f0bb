"""The chain of the audit: how a row is proved by its writer, and how it is sealed into its place.

A row is written with its change and carries a proof under a key of ours. Right after, in a
transaction of its own, whoever comes first seals what is waiting: a second row, numbered without
gaps, holds a hash over the row and the seal before it, and a proof of that hash. Both tables only
ever grow (``append_only``). Nobody waits for the chain: a sealer who finds another at work leaves
the rest to that one, which looks again after it has let go.
"""

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterator
from datetime import UTC
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import connection, router, transaction

from accounts import keys
from accounts.compiled import AFTER_HOLE, Compiled, compile_query
from accounts.models import AuditEvent, AuditSeal

logger = logging.getLogger(__name__)

LOCK = 0x67617465  # the advisory lock of whoever seals
BATCH, CHUNK = 1000, 500
# How far below the last seal a row is looked for: ids are given out before they commit.
NEAR, WIDE = 500, 100_000
TOLD = (
    "event", "actor_id", "actor", "subject_id", "subject", "account_id", "before", "after",
    "address", "request_id",
)  # fmt: skip


def text_of(row: Any, *names: str) -> str:
    """Return what ``row`` says, in one form for the same values from either database."""
    values = {name: getattr(row, name) for name in (*TOLD, *names)}
    values["at"] = row.at.astimezone(UTC).isoformat()
    return json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)


# Proofs: each names the key that it was made with.


def prove(row: Any) -> None:
    """Give ``row`` its proof. The nonce makes a copy of a row a second use of one proof."""
    key_id, key = keys.derive("audit row")[0]
    nonce = secrets.token_hex(12)
    row.proof = f"{key_id}:{nonce}:{_mac(key, nonce + text_of(row))}"


def is_genuine(row: Any) -> bool | None:
    """Whether the product wrote ``row`` so; None where the key is no longer there."""
    key_id, _, rest = (row.proof or "").partition(":")
    nonce, _, mac = rest.partition(":")
    return _is_proof("audit row", key_id, mac, nonce + text_of(row))


def is_ours(seal: Any) -> bool | None:
    """The same for a seal."""
    key_id, _, mac = seal.proof.partition(":")
    return _is_proof("audit seal", key_id, mac, seal.hash)


def _is_proof(label: str, key_id: str, mac: str, text: str) -> bool | None:
    key = dict(keys.derive(label)).get(key_id)
    if key is None:
        return None if key_id else False
    return hmac.compare_digest(_mac(key, text).encode(), mac.encode())


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


# Hashes. A seal without a proof is from before there were any, when rows held their own hash.


def make_seal(row: Any, *, number: int, previous: str, model: Any = AuditSeal) -> Any:
    seal = model(number=number, row=row.number, previous=previous)
    seal.hash = hash_of(seal, row)
    key_id, key = keys.derive("audit seal")[0]
    seal.proof = f"{key_id}:{_mac(key, seal.hash)}"
    return seal


def hash_of(seal: Any, row: Any) -> str:
    parts = [seal.number, seal.previous, row.number, row.proof, text_of(row)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def link_to(seal: Any) -> str:
    """Return what the next seal names as the one before: its hash, and its proof with it."""
    if not seal.proof:
        return str(seal.hash)
    return hashlib.sha256(f"{seal.hash} {seal.proof}".encode()).hexdigest()


def hash_without_proof(seal: Any, row: Any) -> str:
    row.previous = seal.previous
    return hashlib.sha256(text_of(row, "number", "previous").encode()).hexdigest()


# Sealing.


def seal_now() -> None:
    """Seal what was just written; called after each commit, so it waits for nobody.

    Whoever committed while another was sealing has left its rows to that one: so it looks again
    once the lock is released, and neither of the two can miss a row.
    """
    for _ in range(3):  # the rows of a busy hour are not one request's work
        if seal(back=NEAR) is None or not is_anything_waiting():
            return


def seal_all(*, back: int | None = WIDE) -> None:
    """Seal whatever waits, from ``back`` ids below the last seal; None: from the beginning."""
    while seal(back=back):
        continue


@transaction.atomic
def seal(*, back: int | None) -> int | None:
    """Seal a batch of waiting rows; return how many, or None where another is sealing.

    Killed anywhere, it has sealed either all of them or none; unique columns forbid a second seal.
    """
    if not _take_lock():
        return None
    tail = _last_seal()
    if tail is not None and not is_ours(tail):
        logger.critical("The audit's seal %d is not ours: nothing is sealed.", tail.number)
        return 0
    number, previous = (tail.number, link_to(tail)) if tail else (0, "")
    made = []
    for row in islice(_sealable(tail, back), BATCH):
        made.append(make_seal(row, number=number + 1, previous=previous))
        number, previous = made[-1].number, link_to(made[-1])
    AuditSeal.objects.bulk_create(made)
    return len(made)


def is_anything_waiting() -> bool:
    using = router.db_for_write(AuditEvent) or "default"
    return _first_waiting_query(using).run(using, after=_floor(_last_seal(), NEAR)) is not None


def waiting(*, after: int = 0) -> Iterator[AuditEvent]:
    """Yield the rows without a seal, a chunk at a time."""
    using = router.db_for_write(AuditEvent) or "default"
    query = _waiting_query(using)
    while True:
        rows = query.run_all(using, after=after)
        chunk = [query.instance(row, AuditEvent, using) for row in rows]
        yield from chunk
        if len(chunk) < CHUNK:
            return
        after = chunk[-1].number


def _last_seal() -> AuditSeal | None:
    using = router.db_for_write(AuditSeal) or "default"
    query = _last_query(using)
    row = query.run(using)
    return None if row is None else query.instance(row, AuditSeal, using)


# Asked with every event that is written.


@lru_cache(maxsize=8)
def _last_query(using: str) -> Compiled:
    return compile_query(AuditSeal.objects.order_by("-number")[:1], using)


@lru_cache(maxsize=8)
def _waiting_query(using: str) -> Compiled:
    waiting = AuditEvent.objects.waiting(after=AFTER_HOLE).order_by("number")
    return compile_query(waiting[:CHUNK], using)


@lru_cache(maxsize=8)
def _first_waiting_query(using: str) -> Compiled:
    return compile_query(AuditEvent.objects.waiting(after=AFTER_HOLE).values("number")[:1], using)


def _floor(tail: AuditSeal | None, back: int | None) -> int:
    return tail.row - back if tail is not None and back is not None else 0


def _sealable(tail: AuditSeal | None, back: int | None) -> Iterator[AuditEvent]:
    """A row that the product did not write stays outside, where ``verify_audit`` finds it."""
    for row in waiting(after=_floor(tail, back)):
        if is_genuine(row):
            yield row
        elif back != NEAR:  # once a minute is alarm enough
            logger.critical("The audit's row %d was not written by the product.", row.number)


def lock() -> None:
    """Keep sealers out until the end of the transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _take_lock() -> bool:
    if connection.vendor != "postgresql":
        return True  # SQLite has one writer at a time
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def seal_soon() -> None:
    """Have the rows of the transaction under way sealed.

    SQLite has one writer at a time, so there it costs nobody anything to seal at once.
    """
    if connection.vendor == "sqlite":
        while seal(back=NEAR) == BATCH:
            continue
    elif not any(entry[1] is seal_now for entry in connection.run_on_commit):
        transaction.on_commit(seal_now, robust=True)
