"""The ways in which the product is served: by WSGI or ASGI, with either kind of session.

Every journey runs by WSGI with sessions in the database, on SQLite. Those marked ``every_server``
also run in all four ways on PostgreSQL, and in the way that differs most on SQLite. JOURNEYS=all,
as `make proof` sets it, runs all of them in all four ways on either database.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers import exception
from django.test import AsyncClient, Client

from tests.asgi import wait_for

ENGINES = {"db": "accounts.session_db", "cached_db": "accounts.session_cached_db"}
ALL = tuple(f"{interface}-{engine}" for interface in ("wsgi", "asgi") for engine in ENGINES)
USUAL, OTHER = ALL[0], ALL[-1]
RUNS_ALL = os.environ.get("JOURNEYS") == "all"

chosen = {"interface": "wsgi"}


def ways(*, in_all: bool) -> list[Any]:
    """Return in which ways a journey runs, each with the databases that it runs on."""
    if not (in_all or RUNS_ALL):
        return [USUAL]
    on_both, on_postgres = pytest.mark.both_databases, pytest.mark.postgres
    wide = ALL if RUNS_ALL else (USUAL, OTHER)
    return [pytest.param(way, marks=on_both if way in wide else on_postgres) for way in ALL]


@contextmanager
def served(server: str, settings: Any) -> Iterator[None]:
    """Serve the browsers that are opened inside in one of the four ways."""
    interface, _, engine = server.partition("-")
    settings.SESSION_ENGINE = ENGINES[engine]
    chosen["interface"] = interface
    # Pages of errors are made in another thread, whose connection knows nothing of the
    # transaction that a test runs in: here they are made where all else is.
    in_one_thread = partial(sync_to_async, thread_sensitive=True)
    with patch.object(exception, "sync_to_async", lambda make, **_: in_one_thread(make)):
        yield
    chosen["interface"] = "wsgi"


def new_client(*, address: str = "127.0.0.1", **how: Any) -> Any:
    """Return a browser for the server that was chosen, which comes from ``address``."""
    if chosen["interface"] == "wsgi":
        return Client(REMOTE_ADDR=address, **how)
    return AsgiClient(address=address, **how)


class FromAddress(AsyncClient):
    """Django's own can say of every request which headers it has, but not where it comes from."""

    def __init__(self, *, address: str, **how: Any) -> None:
        super().__init__(**how)
        self._address = address

    async def request(self, **request: Any) -> Any:
        return await super().request(**{**request, "client": [self._address, 0]})


class AsgiClient:
    """Django's test client for ASGI, called as the one for WSGI is.

    Middleware and views run as they do under a real server, each in its own kind of thread or
    loop; only the waiting for the answer is synchronous.
    """

    def __init__(self, *, headers: dict[str, str], address: str, **how: Any) -> None:
        # Headers given to Django's own client reach no ASGI request: each call brings them.
        self._headers, self._client = headers, FromAddress(address=address, **how)

    @property
    def cookies(self) -> Any:
        return self._client.cookies

    @property
    def session(self) -> Any:
        return self._client.session

    def get(self, path: str, *args: Any, **how: Any) -> Any:
        return self._ask("get", path, *args, **how)

    def post(self, path: str, *args: Any, **how: Any) -> Any:
        return self._ask("post", path, *args, **how)

    def _ask(self, method: str, *args: Any, **how: Any) -> Any:
        headers = {**self._headers, **how.pop("headers", {})}

        async def ask() -> Any:
            return await getattr(self._client, method)(*args, headers=headers, **how)

        answer = wait_for(ask)
        scope = answer.request
        query = scope.get("query_string", b"")
        answer.request = {
            "PATH_INFO": scope["path"],
            "QUERY_STRING": query.decode() if isinstance(query, bytes) else query,
        }
        return answer
