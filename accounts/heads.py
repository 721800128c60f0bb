"""The end of the audit's chain, told to the outside once a minute, where no database reaches.

Called by beat, and by the figures. Whoever keeps a head can later show that the chain was cut
below it: the log keeps them, the metrics do, and ``AUDIT_HEAD_FILE`` does where it is set.
"""

import errno
import logging
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from django.conf import settings

from accounts.models import AuditHead, AuditSeal

logger = logging.getLogger(__name__)

HEAD = re.compile(r"(?:\S+ )?(\d{1,18}):([0-9a-f]{12,64})")  # an instant may stand before it
DIGITS = 12  # of a hash, in the metrics: as many as a double holds exactly


class Unreadable(ValueError):
    """That is no head."""


def export(*, now: datetime) -> None:
    """Tell the end of the chain to the log and the file, unless the chain lost the one before."""
    if is_lost():
        logger.critical("The audit no longer holds the head that was exported last.")
        return
    tail = AuditSeal.objects.order_by("number").last()
    if tail is None:
        return
    head = f"{tail.number}:{tail.hash}"
    logger.info("The audit's head is %s", head)
    if str(AuditHead.objects.filter(pk=1).first()) != head:
        _append(head, now=now)
        AuditHead.objects.update_or_create(
            pk=1, defaults={"count": tail.number, "hash": tail.hash, "at": now}
        )


def is_lost() -> bool:
    """Whether the chain is shorter than what was exported last, or another one."""
    exported = AuditHead.objects.filter(pk=1).first()
    if exported is None or not exported.count:
        return False
    seal = AuditSeal.objects.filter(number=exported.count).first()
    if seal is not None:
        return seal.hash != exported.hash
    # Retention leaves the last seal; what it removed lies below the first.
    first = AuditSeal.objects.order_by("number").first()
    return first is None or first.number <= exported.count


def _append(head: str, *, now: datetime) -> None:
    if settings.AUDIT_HEAD_FILE is None:
        return
    line = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {head}\n".encode()
    try:
        with Path(settings.AUDIT_HEAD_FILE).open("ab", buffering=0) as file:
            _write_whole(file, line)
    except OSError:
        logger.exception("The audit's head could not be written to AUDIT_HEAD_FILE.")


def _write_whole(file: FileIO, line: bytes) -> None:
    """Leave nothing of a line for which a full disk has no room: the file could never be read.

    :raises OSError: if there is no room.
    """
    begin = file.tell()
    if file.write(line) != len(line):
        file.truncate(begin)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read(lines: Iterable[str]) -> dict[int, str]:
    """Return the hash by count of each head in ``lines``.

    :raises Unreadable: for a line that is none, and for two heads that contradict each other.
    """
    found: dict[int, str] = {}
    for line in filter(None, map(str.strip, lines)):
        match = HEAD.fullmatch(line)
        if match is None:
            raise Unreadable(line)
        count, digest = int(match[1]), match[2]
        if found.setdefault(count, digest) != digest:
            raise Unreadable(line)
    return found
