"""Subprocesses of tests: started with an environment of their own, and never left behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


class NotUp(AssertionError):
    """A server did not come up; the message holds the end of its log."""


@dataclass(kw_only=True)
class Process:
    """A running command, in a group of its own."""

    popen: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End the whole group at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self, *, patience: float = 10) -> int:
        """Ask it to end, insist after a while, and leave none of its children."""
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(patience)
        self.kill()
        return self.popen.returncode

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, is_up: Callable[[], bool], *, patience: float = 30) -> None:
        limit = time.monotonic() + patience
        while not is_up():
            if self.popen.poll() is not None or time.monotonic() > limit:
                raise NotUp(self.output()[-4000:])
            time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """Return a child's environment: what a shell has, plus ``more``, and nothing of ours."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**passed, **more}


@contextlib.contextmanager
def running(
    command: Sequence[str], *, folder: Path, env: Mapping[str, str], cwd: Path = ROOT
) -> Iterator[Process]:
    """Run a command until the block ends, its output in ``folder``."""
    log = folder / f"{Path(command[0]).name}-{time.time_ns()}.log"
    with log.open("wb") as file:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    process = Process(popen=popen, log=log)
    try:
        yield process
    finally:
        process.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def as_user(name: str) -> list[str]:
    """Return the prefix that runs a command as ``name`` where we are root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={name}", f"--regid={name}", "--init-groups"]


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
