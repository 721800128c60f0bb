"""No job does anything that can't be undone while application and database tell different times."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from accounts import clock as clocks
from enforcement import tasks
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

AGE = "gatehouse_sweep_age_seconds"

# It seals what stands, whatever the time.
HARMLESS = {"accounts.tasks.seal_audit"}
TASKS = sorted({each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()} - HARMLESS)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("apart", "is_done"), [(1.9, True), (2.1, False)])
def test_every_job_waits_while_the_clocks_differ(
    apart: float, is_done: bool, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "difference", lambda: timedelta(seconds=apart))
    with CaptureQueriesContext(connection) as asked:
        import_string(task)()
    assert bool(asked.captured_queries) is is_done


def age_told() -> str:
    """Return the figure's line of ``/metrics``; empty where it has none."""
    told = Client().get("/metrics").content.decode()
    return next((line for line in told.splitlines() if line.startswith(AGE)), "")


def test_monitoring_is_told_how_long_ago_the_last_sweep_was(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert age_told() == "", "nothing is known before the first one"
    tasks.sweep()
    clock.forward(seconds=90)
    assert age_told() == f"{AGE} 90"
    tasks.sweep()
    clock.forward(minutes=5)
    monkeypatch.setattr(clocks, "difference", lambda: timedelta(minutes=1))
    tasks.sweep()
    assert age_told() == f"{AGE} 300", "a sweep that waits has looked at nothing"
