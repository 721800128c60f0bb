"""The embedded broker, from publishing to what a killed process leaves behind."""

import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from settings import broker

QUEUE = "celery"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # A claim lives as long as its process; here, as long as its test.
    claims: dict[int, broker.Claim] = {}
    monkeypatch.setattr(broker.Channel, "_claims", claims)
    yield tmp_path
    for claim in claims.values():
        claim.lock.close()


def connect(folder: Path) -> Connection:
    broker.register()
    options = {"folder": str(folder), "polling_interval": 0.01}
    return Connection(f"{broker.SCHEME}://", transport_options=options)


@pytest.fixture
def queue(folder: Path) -> Iterator[SimpleQueue]:
    with connect(folder) as connection:
        yield connection.SimpleQueue(QUEUE)


def claimed(folder: Path) -> list[Path]:
    return [path for path in (folder / "claims").glob("*/*") if path.is_file()]


def take_and_die(folder: Path) -> None:
    with connect(folder) as connection:
        connection.SimpleQueue(QUEUE).get(timeout=5)
        os.kill(os.getpid(), signal.SIGKILL)


def lose_a_process(folder: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=take_and_die, args=(folder,))
    process.start()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL


def test_messages_come_in_order_and_are_gone_once_acknowledged(
    queue: SimpleQueue, folder: Path
) -> None:
    for number in range(3):
        queue.put({"number": number})
    for number in range(3):
        message = queue.get(timeout=1)
        assert message.payload == {"number": number}
        message.ack()
    assert not claimed(folder)
    assert not queue.qsize()


def test_messages_are_for_their_owner_alone(queue: SimpleQueue, folder: Path) -> None:
    queue.put("x")
    (path,) = broker.waiting(folder / "queues" / QUEUE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_half_written_message_is_not_seen(queue: SimpleQueue, folder: Path) -> None:
    queue.put("whole")
    (folder / "queues" / QUEUE / ".half").write_text("{")
    assert queue.get(timeout=1).payload == "whole"
    with pytest.raises(Empty):
        queue.get(timeout=0.1)


def test_a_message_stays_until_it_is_acknowledged(queue: SimpleQueue, folder: Path) -> None:
    queue.put("x")
    queue.get(timeout=1)
    assert len(claimed(folder)) == 1


def test_a_living_process_keeps_what_it_took(queue: SimpleQueue, folder: Path) -> None:
    queue.put("x")
    queue.get(timeout=1)
    broker.recover(folder / "claims", folder / "queues")
    assert len(claimed(folder)) == 1


def test_what_a_killed_process_took_comes_back(queue: SimpleQueue, folder: Path) -> None:
    queue.put("x")
    lose_a_process(folder)
    assert len(claimed(folder)) == 1
    assert not queue.qsize()
    broker.recover(folder / "claims", folder / "queues")
    assert queue.get(timeout=1).payload == "x"


def test_a_message_that_kills_every_process_is_dropped(queue: SimpleQueue, folder: Path) -> None:
    queue.put("poison")
    for _ in range(broker.MOST_ATTEMPTS):
        assert queue.qsize() == 1
        lose_a_process(folder)
        broker.recover(folder / "claims", folder / "queues")
    assert not queue.qsize()
    assert not claimed(folder)


def test_a_rejected_message_comes_back_and_is_counted(queue: SimpleQueue, folder: Path) -> None:
    queue.put("x")
    for _ in range(broker.MOST_ATTEMPTS):
        queue.get(timeout=1).requeue()
    assert not queue.qsize()
    assert not claimed(folder)


def count_messages(folder: Path, found: "multiprocessing.Queue[int]") -> None:
    with connect(folder) as connection:
        queue = connection.SimpleQueue(QUEUE)
        while True:
            try:
                message = queue.get(timeout=1)
            except Empty:
                return
            found.put(message.payload)
            message.ack()


def test_two_readers_share_without_loss_or_repetition(queue: SimpleQueue, folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    found: multiprocessing.Queue[int] = context.Queue()
    readers = [context.Process(target=count_messages, args=(folder, found)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(200):
        queue.put(number)
    numbers = sorted(found.get(timeout=10) for _ in range(200))
    for reader in readers:
        reader.join(10)
    time.sleep(0.05)
    assert numbers == list(range(200))
    assert found.empty()
