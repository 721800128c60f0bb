"""The servers of tests/services as fixtures; loaded by tests/conftest.py.

Each is started once per test process that asks, on a socket, port and folder of its own, and
is gone at the end. The product's own processes are started per test: see ``product``.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.services.postgres import running_postgres
from tests.services.redis import RedisServer, running_redis
from tests.services.smtp import SMTPServer, running_smtp
from tests.services.twilio import Twilio, running_twilio

CHROMIUM_FLAGS = (
    "--no-sandbox",  # Chromium refuses to start as root with it.
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DATABASE_URL of an empty cluster, for processes; in-process tests use the mark."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """A running, empty Redis. Tests that kill one start their own with ``running_redis``."""
    redis_process.client().flushall()
    return redis_process


@pytest.fixture(scope="session")
def smtp_process() -> Iterator[SMTPServer]:
    with running_smtp() as server:
        yield server


@pytest.fixture
def smtp_server(smtp_process: SMTPServer, settings: Settings) -> SMTPServer:
    """A mail server without mails, to which this test's mail goes over real SMTP."""
    smtp_process.clear()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp_process.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    return smtp_process


@pytest.fixture(scope="session")
def twilio_process() -> Iterator[Twilio]:
    with running_twilio() as server:
        yield server


@pytest.fixture
def twilio_stand_in(twilio_process: Twilio, settings: Settings) -> Twilio:
    """A Twilio without messages, to which this test's texts go through the real client."""
    twilio_process.clear()
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, "test-token"
    settings.TWILIO_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "+15005550006", ""
    settings.TWILIO_BASE_URL = twilio_process.url
    return twilio_process


@pytest.fixture
def var_dir(tmp_path: Path) -> Path:
    """An empty ``var/`` for the product's processes."""
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium in place of the one Playwright would download."""
    # Playwright keeps an event loop in this thread, and Django would refuse the ORM there.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {
        **browser_type_launch_args,
        # The same engine without pages for a window of its own, where it is there: a fifth less.
        "executable_path": shutil.which("chromium-headless-shell") or shutil.which("chromium"),
        "args": list(CHROMIUM_FLAGS),
    }


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The source of axe-core, for ``page.evaluate``: a script tag would be refused by the CSP."""
    return (Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def find_axe_faults(axe_source: str) -> Callable[[Any], list[str]]:
    """Return a function from a Playwright page to its serious and critical faults."""

    def find(page: Any) -> list[str]:
        page.evaluate(axe_source)
        found = page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{fault['id']}: {node['html'][:200]}"
            for fault in found
            if fault["impact"] in {"serious", "critical"}
            for node in fault["nodes"]
        ]

    return find
