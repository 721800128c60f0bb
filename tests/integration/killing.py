"""A worker that dies again and again while it mails; by the tests, and at length by bench.proof."""

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path

from tests.integration.workers import all_sent, let_leases_run_out, times_mailed, wait_for
from tests.services.processes import Process
from tests.services.product import running_beat, running_worker
from tests.services.smtp import SMTPServer

# One process is killed at a time: each may repeat the one mail it was in the middle of.
ONE_CHILD = ("--concurrency=1",)


class Victim(StrEnum):
    WORKER = "worker"  # with all of its processes, as a power cut would
    CHILD = "child"  # the process that does the work, but not the one that watches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """``at``: when that many mails were taken. ``later``: so many seconds after that; None is
    before the worker hears that the last one was taken, the worst moment there is.
    """

    at: int
    victim: Victim
    later: float | None = None


def mail_despite(
    kills: Iterable[Kill], *, server: SMTPServer, folder: Path, env: Mapping[str, str]
) -> None:
    """Let workers send what is owed, one after another as each is killed, to the end."""
    with ExitStack() as stack:
        stack.enter_context(running_beat(folder=folder, env=env))
        for kill in kills:
            with running_worker(folder=folder, env=env, options=ONE_CHILD) as worker:
                _die(worker, kill, server)
            let_leases_run_out()
        stack.enter_context(running_worker(folder=folder, env=env))
        wait_for(all_sent)


def _die(worker: Process, kill: Kill, server: SMTPServer) -> None:
    def on_mail(sent: EmailMessage) -> None:
        if len(server.mails) == kill.at:
            _kill(worker, kill.victim)

    server.on_mail = on_mail if kill.later is None else None
    wait_for(lambda: len(server.mails) >= kill.at)
    if kill.later is not None:
        time.sleep(kill.later)
        _kill(worker, kill.victim)
    worker.kill()


def _kill(worker: Process, victim: Victim) -> None:
    if victim is Victim.WORKER:
        worker.kill()
        return
    for child in _children_of(worker.popen.pid):
        os.kill(child, signal.SIGKILL)


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def repeats(server: SMTPServer, *, kills: int) -> int:
    """Return how many mails came twice: each kill repeats one at most."""
    found = times_mailed(server)
    again = sum(found.values()) - len(found)
    assert again <= kills, f"{again} repeats by {kills} kills"
    return again
