"""Which second factors people have. Backup codes do not count: they are a way back, no factor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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

from accounts.models import User
from twofactor.models import BackupCode, SMSDevice, TOTPDevice

SETUP_LIFE = timedelta(minutes=30)


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
    app: TOTPDevice | None = TOTPDevice.objects.confirmed().filter(user=user).first()
    return app


def phone_of(user: User) -> SMSDevice | None:
    phone: SMSDevice | None = SMSDevice.objects.confirmed().filter(user=user).first()
    return phone


def pending_app(user: User, *, attempt: str, now: datetime) -> TOTPDevice | None:
    """Return the app that is being set up in ``attempt``; half an hour old, it is gone."""
    rows = TOTPDevice.objects.pending().filter(user=user, attempt=attempt)
    app: TOTPDevice | None = rows.filter(created_at__gt=now - SETUP_LIFE).order_by("-pk").first()
    return app


def pending_phone(user: User, *, attempt: str, now: datetime) -> SMSDevice | None:
    rows = SMSDevice.objects.pending().filter(user=user, attempt=attempt)
    phone: SMSDevice | None = rows.filter(created_at__gt=now - SETUP_LIFE).order_by("-pk").first()
    return phone
