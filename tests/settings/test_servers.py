"""The web servers, started by the very commands of docs/operations.md."""

import contextlib
import http.client
import re
import shlex
from pathlib import Path

import pytest

from tests.services.processes import ROOT, environment, free_port, is_listening, python, running
from tests.settings.test_production import GOOD

COMMANDS = {
    words.split()[0]: shlex.split(words)
    for words in re.findall(
        r"`((?:gunicorn|uvicorn) [^`]+)`", (ROOT / "docs/operations.md").read_text()
    )
}


def status_of(port: int, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as asking:
        asking.request("GET", "/login/", headers={"Host": "gatehouse.example", **named})
        return asking.getresponse().status


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_no_forwarded_scheme_is_believed_without_a_trusted_proxy(
    server: str, tmp_path: Path
) -> None:
    port = free_port()
    bound = f"--bind=127.0.0.1:{port}" if server == "gunicorn" else f"--port={port}"
    command = python("-m", *COMMANDS[server], bound)
    with running(command, folder=tmp_path, env=environment(**GOOD)) as process:
        process.wait_until(lambda: is_listening(port))
        assert status_of(port) == 301
        assert status_of(port, X_Forwarded_Proto="https") == 301
