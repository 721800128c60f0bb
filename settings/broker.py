"""The embedded broker: a kombu transport of plain files that survives a killed worker.

Used when REDIS_URL is unset. Kombu's own filesystem transport was tried first: it writes
a message where readers already look, so a reader can meet an empty file and the worker
dies of it; and it removes the file at fetch, so a late acknowledgement protects nothing.
This one publishes by rename, takes by rename, and removes on acknowledgement.

A process that takes messages holds a lock on its claim for as long as it or a child of it
lives. Whoever finds a claim without its lock puts the messages back. A message that was put
back too often is dropped: it only wakes work that beat finds in the rows anyway.

No fan-out: workers here need no remote control, and Celery does without when told so.
"""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads

SCHEME = "gatehouse-files"
MOST_ATTEMPTS = 5
SWEEP_INTERVAL = 2.0  # seconds

logger = logging.getLogger(__name__)


def register() -> None:
    """Make the transport known to kombu under ``gatehouse-files://``."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def publish(folder: Path, message: Any) -> None:
    """Write a message so that no reader ever sees half of it, even after a power cut."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
    hidden = folder / f".{name}"
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(dumps(message))
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(folder / f"{name}.0")


def waiting(folder: Path) -> list[Path]:
    """Return the messages nobody has taken, oldest first."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


class Claim:
    """The directory one process moves its messages into, locked while the process lives."""

    def __init__(self, root: Path) -> None:
        self.path = root / f"{os.getpid()}-{uuid.uuid4().hex}"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked before the directory exists: a claim is never seen without its lock.
        self.lock = self.path.with_suffix(".lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.path.mkdir(mode=0o700)

    def take(self, message: Path, *, queue: str) -> Path | None:
        """Move a message here; None when another process was faster."""
        mine = self.path / f"{queue}@{message.name}"
        try:
            message.rename(mine)
        except FileNotFoundError:
            return None
        return mine


def recover(root: Path, queues: Path) -> None:
    """Put back what dead processes had taken."""
    for claim in abandoned(root):
        for message in claim.iterdir():
            put_back(message, queues)
        claim.rmdir()
        claim.with_suffix(".lock").unlink(missing_ok=True)


def abandoned(root: Path) -> Iterator[Path]:
    """Yield each claim whose lock is free, while holding it."""
    for claim in [path for path in root.glob("*") if path.suffix != ".lock"]:
        try:
            with claim.with_suffix(".lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if claim.is_dir():
                    yield claim
        except (BlockingIOError, FileNotFoundError):
            continue


def put_back(message: Path, queues: Path) -> None:
    queue, _, name = message.name.rpartition("@")
    stem, _, attempt = name.rpartition(".")
    if int(attempt) + 1 >= MOST_ATTEMPTS:
        logger.error("Dropped a message of %s whose workers died %d times.", queue, MOST_ATTEMPTS)
        message.unlink()
        return
    message.rename(queues / queue / f"{stem}.{int(attempt) + 1}")


class Channel(virtual.Channel):
    """A channel whose queues are directories."""

    supports_fanout = False
    # Kombu would publish unacknowledged messages anew at exit; the claim is put back instead.
    do_restore = False

    _claims: ClassVar[dict[int, Claim]] = {}  # by process: a fork makes its own

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connection: Any = self.connection
        folder = Path(connection.client.transport_options["folder"])
        self._queue_root, self._claim_root = folder / "queues", folder / "claims"
        self._taken: dict[str, Path] = {}
        self._sweep_at = 0.0

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        self._forget(delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        # Put back rather than published anew, so that its attempts are counted.
        super().basic_reject(delivery_tag, requeue=False)
        if requeue and delivery_tag in self._taken:
            put_back(self._taken.pop(delivery_tag), self._queue_root)
        self._forget(delivery_tag)

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        publish(self._queue_root / queue, message)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        self._sweep()
        for message in waiting(self._queue_root / queue):
            if taken := self._claim.take(message, queue=queue):
                return self._read(taken)
        raise Empty

    def _read(self, taken: Path) -> Any:
        message = loads(taken.read_text())
        self._taken[message["properties"]["delivery_tag"]] = taken
        return message

    def _size(self, queue: str) -> int:
        return len(waiting(self._queue_root / queue))

    def _purge(self, queue: str) -> int:
        messages = waiting(self._queue_root / queue)
        for message in messages:
            message.unlink(missing_ok=True)
        return len(messages)

    @property
    def _claim(self) -> Claim:
        pid = os.getpid()
        if pid not in self._claims:
            self._claims[pid] = Claim(self._claim_root)
        return self._claims[pid]

    def _sweep(self) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_INTERVAL
            recover(self._claim_root, self._queue_root)

    def _forget(self, delivery_tag: str) -> None:
        if taken := self._taken.pop(delivery_tag, None):
            taken.unlink(missing_ok=True)


class Transport(virtual.Transport):
    Channel = Channel
    driver_type = "files"
    driver_name = "files"
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset({"direct", "topic"})
    )
    # All connections of one process share their bindings, as queues are shared anyway.
    global_state = virtual.BrokerState()

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.state = self.global_state

    def driver_version(self) -> str:
        return "1"
