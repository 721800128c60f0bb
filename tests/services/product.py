"""The product itself as other processes: a web server, a worker, beat."""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from tests.services.processes import Process, environment, free_port, python, running


def product_environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process with its own data in ``folder``, on local settings."""
    own = {"DJANGO_SETTINGS_MODULE": "settings.local", "VAR_DIR": str(folder)}
    return environment(**{**own, **more})


def test_database_url() -> str:
    """Return the DATABASE_URL of the database the running test writes to."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    return f"postgres://{found['USER']}@{quote(found['HOST'], safe='')}/{found['NAME']}"


test_database_url.__test__ = False  # type: ignore[attr-defined]  # a helper, whatever its name


def manage(*arguments: str, folder: Path, env: Mapping[str, str]) -> None:
    """Run a management command to its end; a failure fails the test."""
    with running(python("manage.py", *arguments), folder=folder, env=env) as process:
        if process.popen.wait(120) != 0:
            raise AssertionError(process.output())


@contextlib.contextmanager
def running_worker(
    *, folder: Path, env: Mapping[str, str], options: tuple[str, ...] = ()
) -> Iterator[Process]:
    """Start a real Celery worker; returns when it takes tasks. ``process.kill()`` ends it hard."""
    command = python("-m", "celery", "-A", "settings", "worker", "--concurrency=2", *options)
    with running(command, folder=folder, env=env) as process:
        process.wait_until(lambda: " ready." in process.output())
        yield process


@contextlib.contextmanager
def running_beat(*, folder: Path, env: Mapping[str, str]) -> Iterator[Process]:
    command = python("-m", "celery", "-A", "settings", "beat")
    with running(command, folder=folder, env=env) as process:
        process.wait_until(lambda: "beat: Starting" in process.output())
        yield process


@contextlib.contextmanager
def running_app(*, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Start the real web server; yields its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = python("-m", "gunicorn", "settings.wsgi", f"--bind=127.0.0.1:{port}")
    command += ["--workers=1", "--threads=4", "--no-control-socket", "--preload"]
    with running(command, folder=folder, env={"BASE_URL": url, **env}) as process:
        process.wait_until(lambda: is_alive(url))
        yield url


def is_alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/live", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return True  # It speaks; what it says is the test's business.
    except OSError:
        return False
