"""What may be away without anybody noticing: the cache and the broker.

Rows hold everything that matters. A cache that does not answer is read as empty; a worker who was
not woken is found something to do by the sweep. Whatever failed is left in peace for a while, so
that no page waits for it more than once.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from celery import Task
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

T = TypeVar("T")
RESTS_FOR = 5.0  # seconds


class Rest:
    """The time in which something that failed is not asked again, in this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.until = 0.0

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, error: Exception) -> None:
        self.until = time.monotonic() + RESTS_FOR
        logger.warning("Going on without the %s: %s", self.name, type(error).__name__)


_broker, _cache = Rest("broker"), Rest("cache")


def wake(task: "Task[Any, Any]") -> None:
    """Tell a worker that there is work, if anybody can."""
    if _broker.is_on:
        return
    try:
        task.apply_async(retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        _broker.begin(error)


class SpareCache:
    """Django's cache, with entries so short-lived that one which could not be deleted does no harm.

    Deleting is tried even while the cache rests.
    """

    def __init__(self, *, longest: int) -> None:
        self.cache: BaseCache = caches["default"]
        self.longest = longest

    def get(self, key: str, default: Any = None) -> Any:
        if _cache.is_on:
            return default
        return _tried(lambda: self.cache.get(key, default), default)

    def set(self, key: str, value: Any, timeout: float | None = None) -> None:
        if _cache.is_on:
            return
        until = self.longest if timeout is None else min(timeout, self.longest)
        _tried(lambda: self.cache.set(key, value, until), None)

    def delete(self, key: str) -> None:
        _tried(lambda: self.cache.delete(key), False)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    async def aget(self, key: str, default: Any = None) -> Any:
        return await sync_to_async(self.get)(key, default)

    async def aset(self, key: str, value: Any, timeout: float | None = None) -> None:
        await sync_to_async(self.set)(key, value, timeout)

    async def adelete(self, key: str) -> None:
        await sync_to_async(self.delete)(key)


def _tried(call: Callable[[], T], otherwise: T) -> T:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        _cache.begin(error)
        return otherwise
