"""Two sites in one process: plain Django with sessions and users, and ours behind the gate."""

import io
from collections.abc import Callable
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.utils.module_loading import import_string

from bench.plain.models import PlainUser

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
STOCK_ENGINES = {
    "accounts.session_db": "django.contrib.sessions.backends.db",
    "accounts.session_cached_db": "django.contrib.sessions.backends.cached_db",
}
BACKEND = "bench.plain.backends.PlainBackend"


def site(middleware: list[str], engine: str) -> WSGIHandler:
    """Return a WSGI application with exactly this middleware."""
    # Both are read once, while the handler is made.
    with override_settings(MIDDLEWARE=middleware, SESSION_ENGINE=engine):
        return WSGIHandler()


def enforced_site(engine: str) -> WSGIHandler:
    return site([SESSIONS, "enforcement.middleware.GateMiddleware"], engine)


def plain_site(engine: str) -> WSGIHandler:
    authentication = "django.contrib.auth.middleware.AuthenticationMiddleware"
    return site([SESSIONS, authentication], STOCK_ENGINES[engine])


def plain_session(engine: str) -> str:
    """Sign a stock user in on the plain site; return the session's key."""
    user = PlainUser.objects.create(
        username="plain", email="plain@bench.example", first_name="Plain", last_name="Person"
    )
    store: type[SessionBase] = import_string(f"{STOCK_ENGINES[engine]}.SessionStore")
    session = store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def caller(handler: WSGIHandler, *, path: str, cookie: str, expected: str) -> Callable[[], None]:
    """Return a function that makes one request; ``expected`` begins its status, or is its body."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.77",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    status = ""

    def start(given: str, *args: Any) -> Callable[[bytes], object]:
        nonlocal status
        status = given
        return len  # WSGI's write(), which nobody calls

    def call() -> None:
        response = handler({**environ, "wsgi.input": io.BytesIO()}, start)
        body = b"".join(response).decode()
        response.close()
        if body != expected and not status.startswith(expected):
            raise AssertionError(f"{path} answered {status} {body}, not {expected}.")

    return call
