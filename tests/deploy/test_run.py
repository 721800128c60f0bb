"""`make run` starts whole or says in one line why not."""

import fcntl
import socket
import subprocess
from pathlib import Path

import pytest

from tests.services.processes import ROOT, free_port, python
from tests.services.product import product_environment


def refused(var: Path, **more: str) -> str:
    """Run it, expect it to refuse, and return its one line."""
    env = product_environment(var, **{"PORT": str(free_port()), **more})
    done = subprocess.run(
        python("-m", "deploy.run"), env=env, cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not done.stdout
    return done.stderr


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none(port: str, tmp_path: Path) -> None:
    assert "PORT must be a number" in refused(tmp_path, PORT=port)


def test_a_busy_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        message = refused(tmp_path, PORT=str(port))
    assert f"port {port} cannot be used" in message
    assert f"PORT={port + 1}" in message or "PORT=8000" in message


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "gatehouse.sqlite3").write_bytes(b"this is a letter to my aunt" * 100)
    message = refused(tmp_path)
    assert "gatehouse.sqlite3 cannot be used: file is not a database" in message


def test_links_of_a_command_lead_to_the_port_that_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "gatehouse.sqlite3").write_bytes(b"no database")
    port = free_port()
    refused(tmp_path, PORT=str(port))
    env = {**product_environment(tmp_path), "DJANGO_SETTINGS_MODULE": "settings.local"}
    command = python("-c", "from django.conf import settings; print(settings.BASE_URL)")
    said = subprocess.check_output(command, env=env, cwd=ROOT, text=True)
    assert said.strip() == f"http://127.0.0.1:{port}"


def test_a_database_server_that_is_away(tmp_path: Path) -> None:
    url = f"postgres://app:db-secret@127.0.0.1:{free_port()}/gatehouse"
    message = refused(tmp_path, DATABASE_URL=url)
    assert "the database gatehouse cannot be used" in message
    assert "db-secret" not in message


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    # A file in its place: root may write everywhere else.
    (tmp_path / "var").write_text("")
    assert "var cannot be written" in refused(tmp_path / "var")


def test_a_second_run_on_the_same_data(tmp_path: Path) -> None:
    with (tmp_path / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "it is running already" in refused(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("TWO_FACTOR_GRACE", "soon"), ("SMS_COUNTRIES", "UK")])
def test_a_bad_setting(name: str, value: str, tmp_path: Path) -> None:
    assert f"{name} must " in refused(tmp_path, **{name: value})
