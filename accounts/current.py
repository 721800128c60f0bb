"""Where the request under way came from; the audit asks, so that use-cases need not be told."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Current:
    address: str = ""
    request_id: str = ""
    agent: str = ""  # what the browser calls itself


_current: ContextVar[Current] = ContextVar("current", default=Current())  # noqa: B039 - frozen


def get() -> Current:
    return _current.get()


def put(current: Current) -> None:
    _current.set(current)


def browser() -> dict[str, str]:
    """Return the browser of the request under way, as an audit row tells it."""
    return {"browser": get().agent} if get().agent else {}
