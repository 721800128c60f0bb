"""Which second factors people have. Backup codes do not count: they are a way back, no factor."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.db import router
from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from accounts.compiled import USER_HOLE, Compiled, compile_query
from accounts.models import User
from twofactor.models import BackupCode, SMSDevice, TOTPDevice

SETUP_LIFE = timedelta(minutes=30)
D = TypeVar("D", TOTPDevice, SMSDevice)


def device_exists(person: Any) -> Combinable:
    """Return a condition for querysets: the person that ``person`` refers to has a device.

    ``person`` is an ``OuterRef`` to the key of a person. Whether a pass has set the device aside
    is another fact, read from the person's row.
    """
    either = Q(app_exists(person)) | Q(phone_exists(person))
    # Without the wrapper the two can stand in a filter, but not among the selected columns.
    return ExpressionWrapper(either, output_field=BooleanField())


def app_exists(person: Any) -> Exists:
    return Exists(_confirmed(TOTPDevice, person))


def phone_exists(person: Any) -> Exists:
    return Exists(_confirmed(SMSDevice, person))


def codes_left_of(person: Any) -> Combinable:
    """Return how many backup codes are left, for querysets; a number is all that others learn."""
    unused = BackupCode.objects.filter(code_set__user=person, used_at=None)
    counted = unused.order_by().values("code_set").annotate(number=Count("pk"))
    return Coalesce(Subquery(counted.values("number")[:1]), 0)


def _confirmed(model: type[TOTPDevice | SMSDevice], person: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(user_id=person, confirmed=True)
    return rows


def users_with_device(users: QuerySet[User]) -> QuerySet[User]:
    """Return those of ``users`` who have a confirmed device."""
    return users.filter(device_exists(OuterRef("pk")))


@dataclass(frozen=True, slots=True)
class Devices:
    """The confirmed devices of one person; one of each kind at most."""

    app: TOTPDevice | None
    phone: SMSDevice | None


def devices_of(user: User) -> Devices:
    return Devices(app_of(user), phone_of(user))


def has_device(user: User) -> bool:
    """Whether ``user`` has a confirmed device, set aside by a pass or not."""
    return app_of(user) is not None or phone_of(user) is not None


def can_verify(user: User) -> bool:
    """Whether ``user`` has a device that verifies now: enrolled, as the rules say it."""
    return user.pass_until is None and has_device(user)


def app_of(user: User) -> TOTPDevice | None:
    return _confirmed_of(user, TOTPDevice, _app_query)


def phone_of(user: User) -> SMSDevice | None:
    return _confirmed_of(user, SMSDevice, _phone_query)


def _confirmed_of(user: User, model: type[D], query_for: Callable[[str], Compiled]) -> D | None:
    using = router.db_for_write(model) or "default"
    query = query_for(using)
    row = query.run(using, user_id=user.pk)
    return None if row is None else query.instance(row, model, using)


# Asked with every code and every page that asks for one.


@lru_cache(maxsize=8)
def _app_query(using: str) -> Compiled:
    return compile_query(_confirmed(TOTPDevice, USER_HOLE).order_by("pk")[:1], using)


@lru_cache(maxsize=8)
def _phone_query(using: str) -> Compiled:
    return compile_query(_confirmed(SMSDevice, USER_HOLE).order_by("pk")[:1], using)


def pending_app(user: User, *, attempt: str, now: datetime) -> TOTPDevice | None:
    """Return the app that is being set up in ``attempt``; half an hour old, it is gone."""
    rows = TOTPDevice.objects.pending().filter(user=user, attempt=attempt)
    app: TOTPDevice | None = rows.filter(created_at__gt=now - SETUP_LIFE).order_by("-pk").first()
    return app


def pending_phone(user: User, *, attempt: str, now: datetime) -> SMSDevice | None:
    rows = SMSDevice.objects.pending().filter(user=user, attempt=attempt)
    phone: SMSDevice | None = rows.filter(created_at__gt=now - SETUP_LIFE).order_by("-pk").first()
    return phone
