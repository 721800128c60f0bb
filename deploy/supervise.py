"""Runs several commands as one: all up, or all down.

Called by deploy/run.py. Any command that ends takes the others with it, and its exit
status becomes ours; a signal to us ends all of them.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

PATIENCE = 10.0  # seconds a command has to end by itself
PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """A signal asked us to end."""


def stop_on_signal(number: int, frame: object) -> None:
    raise Stopped


def die_with_parent() -> None:
    """Have Linux end the command when we are killed and cannot do it ourselves."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C reaches it once, from us.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
    )


def wait_for_any(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    while True:
        for process in processes:
            status = process.poll()
            if status is not None:
                return 128 - status if status < 0 else status or 1
        time.sleep(0.1)


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    limit = time.monotonic() + PATIENCE
    while any(process.poll() is None for process in processes) and time.monotonic() < limit:
        time.sleep(0.05)
    for process in processes:
        # The group, not the process: a worker may have left children behind.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()


def supervise(commands: Sequence[Sequence[str]], *, started: Callable[[], None]) -> int:
    """Run until a command ends or a signal comes; ``started`` is called once all are begun."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(start(command))  # noqa: PERF401  (a signal may come in between)
        started()
        return wait_for_any(processes)
    except Stopped:
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end(processes)
