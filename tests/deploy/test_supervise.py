"""Several commands are up together or not at all."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.services.processes import ROOT, Process, environment, python, running

SLEEP = "import time; time.sleep(60)"
PARENT = "import subprocess, sys; print('x'); subprocess.run([sys.executable, '-c', {!r}, {!r}])"
SCRIPT = """
import sys
from deploy.supervise import supervise
commands = [[sys.executable, "-c", code] for code in {codes!r}]
sys.exit(supervise(commands, started=lambda: print("started", flush=True)))
"""


def script(*codes: str) -> list[str]:
    return python("-c", SCRIPT.format(codes=codes))


def count_running(mark: str) -> int:
    found = subprocess.run(["pgrep", "-cf", mark], capture_output=True, text=True, check=False)
    return int(found.stdout)


def has_started(process: Process) -> bool:
    return "started" in process.output()


def test_a_command_that_ends_takes_the_others_with_it() -> None:
    done = subprocess.run(
        script(SLEEP, "import sys; sys.exit(3)"), cwd=ROOT, check=False, timeout=20
    )
    assert done.returncode == 3


def test_a_command_that_was_killed_is_told_apart() -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    done = subprocess.run(script(SLEEP, code), cwd=ROOT, check=False, timeout=20)
    assert done.returncode == 128 + signal.SIGKILL


def test_a_signal_ends_all_and_their_children(tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    command = script(PARENT.format(SLEEP, mark), SLEEP)
    with running(command, folder=tmp_path, env=environment(), cwd=ROOT) as process:
        process.wait_until(lambda: has_started(process))
        process.wait_until(lambda: count_running(f"time.sleep.* {mark}$") > 0)
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(15) == 0
        assert count_running(f"time.sleep.* {mark}$") == 0
