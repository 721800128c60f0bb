"""Calls to the ASGI side of the product from a plain test, whatever else its process has driven.

Playwright leaves a loop running in the thread of the tests, which sends asgiref astray. So a
thread of its own makes the call, over the connection of the test: it sees the test's transaction.
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.db import DEFAULT_DB_ALIAS, connections

Result = TypeVar("Result")


def wait_for(call: Callable[[], Awaitable[Result]]) -> Result:
    """Return what ``call`` comes to."""
    connection = connections[DEFAULT_DB_ALIAS]

    def in_a_thread() -> Result:
        connections[DEFAULT_DB_ALIAS] = connection
        try:
            return async_to_sync(call)()
        finally:
            del connections[DEFAULT_DB_ALIAS]

    connection.inc_thread_sharing()
    try:
        with ThreadPoolExecutor(max_workers=1) as threads:
            return threads.submit(in_a_thread).result()
    finally:
        connection.dec_thread_sharing()
