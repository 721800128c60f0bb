"""Behind uvicorn, as docs/operations.md starts it, on PostgreSQL."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from tests.services.processes import free_port, python, running
from tests.services.product import is_alive, product_environment, test_database_url

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
AT_ONCE = 20
POOL = 5
REQUESTS = 200


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    env = product_environment(tmp_path, DATABASE_URL=test_database_url(), DATABASE_POOL=str(POOL))
    command = python("-m", "uvicorn", "settings.asgi:application", f"--port={port}")
    with running(command, folder=tmp_path, env=env) as process:
        process.wait_until(lambda: is_alive(f"http://127.0.0.1:{port}"))
        yield f"http://127.0.0.1:{port}"


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def others_connected() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def statuses_of(url: str, *, count: int) -> list[int]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(status_of, [f"{url}/health/ready"] * count))


def test_requests_share_the_connections_of_a_pool(url: str) -> None:
    before = others_connected()
    assert set(statuses_of(url, count=REQUESTS)) == {200}
    assert before < others_connected() <= before + POOL


def test_a_connection_that_the_server_ended_is_replaced(url: str) -> None:
    statuses_of(url, count=REQUESTS)
    end_others()
    after = statuses_of(url, count=REQUESTS)
    assert after.count(503) <= POOL
    assert set(statuses_of(url, count=REQUESTS)) == {200}


def end_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
