"""Retention removes a whole prefix of the audit and leaves a checkpoint."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts import audit, audit_check, seals
from accounts.audit import Event
from accounts.models import AuditEvent, AuditSeal
from enforcement.tasks import forget_audit
from tests.tampering import as_administrator

DAY = timedelta(days=1)
pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def now() -> datetime:
    """The instant it is: the database itself knows how old a row must be to be removed."""
    return timezone.now()


@pytest.fixture
def five_days(now: datetime) -> None:
    """One event on each of the last five days, the oldest first."""
    for age in (5.5, 4.5, 3.5, 2.5, 1.5):
        audit.record(Event.SIGNED_IN, now=now - age * DAY)
    seals.seal_all()


def places() -> list[int]:
    return list(AuditSeal.objects.order_by("number").values_list("number", flat=True))


@pytest.mark.usefixtures("five_days")
def test_the_chain_is_whole_after_its_beginning_was_removed(now: datetime) -> None:
    assert audit.remove_older(than=now - 3 * DAY, now=now) == 3
    assert audit.first_bad_row() is None  # before the checkpoint is sealed, too
    seals.seal_all()
    assert audit.first_bad_row() is None
    assert places() == [4, 5, 6]
    assert AuditEvent.objects.count() == 3
    told = AuditEvent.objects.get(event="audit_removed").after
    assert told == {"up_to": 3, "hash": AuditSeal.objects.get(number=4).previous}
    assert audit.remove_older(than=now - 3 * DAY, now=now) == 0


@pytest.mark.usefixtures("five_days")
def test_a_row_removed_past_the_checkpoint_is_found(now: datetime) -> None:
    audit.remove_older(than=now - 3 * DAY, now=now)
    seals.seal_all()
    missing = AuditSeal.objects.get(number=4).row
    with as_administrator():
        AuditEvent.objects.filter(number=missing).delete()
    assert audit.first_bad_row() == missing


@pytest.mark.usefixtures("five_days")
def test_a_beginning_removed_by_hand_is_found(now: datetime) -> None:
    """No row that the product wrote tells of a checkpoint there."""
    audit.remove_older(than=now - 4 * DAY, now=now)
    seals.seal_all()
    assert audit.first_bad_row() is None
    with as_administrator():
        first = AuditSeal.objects.order_by("number").first()
        assert first is not None
        AuditEvent.objects.filter(number=first.row).delete()
        first.delete()
    fault = audit_check.check().fault
    assert fault is not None
    assert "no retention" in fault.what


def test_retention_never_leaves_a_hole(now: datetime) -> None:
    """A clock that was set back put an old row behind a younger one."""
    for age in (9, 4, 8, 3):
        audit.record(Event.SIGNED_IN, now=now - age * DAY)
    seals.seal_all()
    assert audit.remove_older(than=now - 5 * DAY, now=now) == 1
    seals.seal_all()
    assert places() == [2, 3, 4, 5]
    assert audit.first_bad_row() is None


@pytest.mark.usefixtures("five_days")
def test_the_last_row_stays_for_the_chain_to_go_on_from(now: datetime) -> None:
    assert audit.remove_older(than=now - DAY, now=now) == 4
    seals.seal_all()
    assert places() == [5, 6]
    assert audit.first_bad_row() is None


@pytest.mark.usefixtures("five_days")
def test_nothing_is_removed_unless_retention_is_set(now: datetime, settings: Settings) -> None:
    settings.AUDIT_RETENTION_DAYS = None
    forget_audit(now=now)
    assert AuditEvent.objects.count() == 5

    settings.AUDIT_RETENTION_DAYS = 2
    forget_audit(now=now)
    assert audit.first_bad_row() is None
    assert AuditEvent.objects.filter(at__lt=now - 2 * DAY).count() == 0
