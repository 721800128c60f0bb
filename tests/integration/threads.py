"""Real threads that start at the same instant, each with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
PATIENCE = 60


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Run all ``calls`` at the same time; return what each gave or raised, in their order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | Exception:
        try:
            connections["default"].ensure_connection()
            barrier.wait(PATIENCE)
            return call()
        except Exception as error:  # noqa: BLE001 - the test looks at what was raised
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result(PATIENCE) for each in [pool.submit(run, call) for call in calls]]


def raised(results: Sequence[object]) -> list[type[Exception]]:
    """Return the kinds of exception among ``results``."""
    return [type(result) for result in results if isinstance(result, Exception)]
