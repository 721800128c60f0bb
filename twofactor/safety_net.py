"""The net under whatever changes devices without asking ``enrolment``: admin, shell, script.

A confirmed device that comes, goes or changes hands renews its person's stamp, so that no
session stays verified by a device that is no longer there. ``enrolment`` renews the stamp
itself, once, and lets the acting session live on: it works inside ``suspended``.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import EndReason, User
from accounts.sessions import renew_stamp

# What is counted on a device while it verifies; changing these makes it no other device.
COUNTERS = {"last_step", "failures", "name"}

_suspended: ContextVar[bool] = ContextVar("suspended", default=False)


@contextmanager
def suspended() -> Iterator[None]:
    """For the code that renews the stamp itself."""
    token = _suspended.set(True)
    try:
        yield
    finally:
        _suspended.reset(token)


@contextmanager
def devices_changed(devices: QuerySet[Any], values: dict[str, Any] | None) -> Iterator[None]:
    """Renew the stamps of those whose confirmed devices a bulk change or a deletion meets."""
    if _suspended.get() or (values is not None and values.keys() <= COUNTERS):
        yield
        return
    with transaction.atomic():
        before = set(devices.order_by().values_list("user_id", "confirmed", "pk"))
        yield
        keys = [pk for _, _, pk in before]
        after = set() if values is None else _now(devices.model, keys)
        people = {user for user, confirmed, _ in before ^ after if confirmed}
        if values is not None and not values.keys() <= COUNTERS | {"confirmed"}:
            people |= {user for user, confirmed, _ in before if confirmed}
        _renew(people)


def _now(model: Any, keys: list[int]) -> set[tuple[int, bool, int]]:
    rows = model.objects.filter(pk__in=keys).order_by()
    return set(rows.values_list("user_id", "confirmed", "pk"))


def _renew(people: set[int]) -> None:
    if people:
        renew_stamp(User.objects.filter(pk__in=people), reason=EndReason.FACTOR_CHANGED)


def device_saved(user_id: int, changed: Iterable[str] | None) -> None:
    """A device that is confirmed by its own ``save`` was not confirmed by a code."""
    if _suspended.get() or (changed is not None and COUNTERS.issuperset(changed)):
        return
    _renew({user_id})
