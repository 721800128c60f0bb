"""Retention removes a whole prefix of the audit and leaves a checkpoint."""

from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from accounts import audit
from accounts.audit import Event
from accounts.models import AuditEvent
from enforcement.tasks import forget_audit

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return datetime.fromisoformat("2026-11-25T12:00:00+00:00")


@pytest.fixture
def five_days(now: datetime) -> None:
    """One event on each of the last five days, the oldest first."""
    for age in (5, 4, 3, 2, 1):
        audit.record(Event.SIGNED_IN, now=now - age * DAY)


@pytest.mark.usefixtures("five_days")
def test_the_chain_is_whole_after_its_beginning_was_removed(now: datetime) -> None:
    assert audit.remove_older(than=now - 3 * DAY, now=now) == 2

    assert audit.first_bad_row() is None
    assert list(AuditEvent.objects.order_by("number").values_list("number", flat=True)) == [
        3,
        4,
        5,
        6,
    ]


@pytest.mark.usefixtures("five_days")
def test_a_row_removed_past_the_checkpoint_is_found(now: datetime) -> None:
    audit.remove_older(than=now - 3 * DAY, now=now)

    AuditEvent.objects.filter(number=3).delete()

    assert audit.first_bad_row() == 3


@pytest.mark.usefixtures("five_days")
def test_nothing_is_removed_unless_retention_is_set(now: datetime, settings: Settings) -> None:
    settings.AUDIT_RETENTION_DAYS = None
    forget_audit(now=now)
    assert AuditEvent.objects.count() == 5

    settings.AUDIT_RETENTION_DAYS = 2
    forget_audit(now=now)
    assert audit.first_bad_row() is None
    assert AuditEvent.objects.filter(at__lt=now - 2 * DAY).count() == 0
