"""Whether the audit is as it was written: the walk along the chain, in flat memory.

Called by ``verify_audit``. It writes nothing. What a database administrator can do is make rows
go: the walk shows it wherever a seal, a later proof or a head kept elsewhere tells of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from accounts import seals
from accounts.models import AuditEvent, AuditHead, AuditSeal

CHUNK = 500  # SQLite takes no more than 999 values in one statement
CHECKPOINTS = {"audit_removed", "audit_carried_over"}


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong: at which row (or the place of one), and what."""

    row: int
    what: str


@dataclass(slots=True)
class Verdict:
    first: int = 0  # seal that the chain begins with
    count: int = 0  # the number of the last seal
    hash: str = ""
    waiting: int = 0
    fault: Fault | None = None
    unchecked: list[int] = field(default_factory=list)  # kept heads from before the checkpoint

    @property
    def sealed(self) -> int:
        return self.count - self.first + 1 if self.count else 0


class Broken(Exception):
    def __init__(self, row: int, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(row, what)


def check(*, kept: Mapping[int, str] | None = None) -> Verdict:
    """Walk the chain from its beginning, and look at the rows that wait for their seal.

    :param kept: heads that were exported, hash by count; a hash may be cut short.
    """
    while True:
        verdict = _Walk(_exported() | dict(kept or {})).verdict()
        first = AuditSeal.objects.order_by("number").first()
        # Retention may have removed what the walk was coming to; then it was no walk.
        if verdict.fault is None or first is None or first.number == verdict.first:
            return verdict


def _exported() -> dict[int, str]:
    head = AuditHead.objects.filter(pk=1).first()
    return {head.count: head.hash} if head and head.count else {}


def in_order() -> Iterator[tuple[AuditSeal, AuditEvent | None]]:
    """Yield each seal with its row, a chunk at a time."""
    last = 0
    while chunk := list(AuditSeal.objects.filter(number__gt=last).order_by("number")[:CHUNK]):
        rows = AuditEvent.objects.in_bulk([seal.row for seal in chunk])
        yield from ((seal, rows.get(seal.row)) for seal in chunk)
        last = chunk[-1].number


class _Walk:
    def __init__(self, kept: dict[int, str]) -> None:
        self.kept = kept
        self.found = Verdict()
        self.begins_at: tuple[int, str] = (0, "")
        self.first_row = 0
        self.is_begun_rightly = True
        self.last: AuditSeal | None = None

    def verdict(self) -> Verdict:
        try:
            for seal, row in in_order():
                self.take(seal, row)
            self.look_at_end()
            for waiting in seals.waiting():
                self.take_waiting(waiting)
            self.look_at_beginning()
        except Broken as broken:
            self.found.fault = broken.fault
        return self.found

    def take(self, seal: AuditSeal, row: AuditEvent | None) -> None:
        if self.last is None:
            self.begin(seal)
        elif seal.number != self.last.number + 1:
            raise Broken(self.last.row + 1, f"seal {self.last.number + 1} is missing")
        elif seal.previous != seals.link_to(self.last):
            raise Broken(seal.row, "its seal does not follow the one before")
        self.look_at(seal, row)
        self.compare(seal)
        self.last = seal
        self.found.count, self.found.hash = seal.number, seal.hash

    def begin(self, seal: AuditSeal) -> None:
        self.found.first = seal.number
        self.first_row = seal.row
        self.begins_at = (seal.number - 1, seal.previous)
        self.is_begun_rightly = self.begins_at == (0, "")

    def look_at(self, seal: AuditSeal, row: AuditEvent | None) -> None:
        if row is None:
            raise Broken(seal.row, "the row is missing")
        if not seal.proof and row.proof is None:
            # From before there were proofs: a later seal vouches for it, whose proof we know.
            if self.last is not None and self.last.proof:
                raise Broken(row.number, "its seal has no proof")
            if seal.hash != seals.hash_without_proof(seal, row):
                raise Broken(row.number, "the row was changed")
            return
        if seal.hash != seals.hash_of(seal, row):
            raise Broken(row.number, "the row was changed")
        if seals.is_ours(seal) is False or seals.is_genuine(row) is False:
            raise Broken(row.number, "the product did not write it")
        self.note(row)

    def note(self, row: AuditEvent) -> None:
        """A row that the product wrote may say that the chain begins where it does."""
        if not self.is_begun_rightly and row.event in CHECKPOINTS:
            said = row.after or {}
            self.is_begun_rightly = (said.get("up_to"), said.get("hash")) == self.begins_at

    def compare(self, seal: AuditSeal) -> None:
        kept = self.kept.pop(seal.number, None)
        if kept is not None and not seal.hash.startswith(kept):
            raise Broken(seal.row, f"the head that was kept at {seal.number} was another")

    def look_at_end(self) -> None:
        end = self.last.row if self.last else 0
        if self.last is not None and not seals.is_ours(self.last):
            raise Broken(end, "the last seal is under no key that FIELD_KEYS holds")
        for count in sorted(self.kept):
            if count > self.found.count:
                raise Broken(end + 1, f"the chain is cut: a head was kept at {count}")
            self.found.unchecked.append(count)

    def take_waiting(self, row: AuditEvent) -> None:
        if not seals.is_genuine(row):
            raise Broken(row.number, "the product did not write it")
        self.note(row)
        self.found.waiting += 1

    def look_at_beginning(self) -> None:
        if not self.is_begun_rightly:
            raise Broken(self.first_row, "rows before it are gone, and no retention tells of that")
