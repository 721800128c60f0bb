"""No job does anything that can't be undone while application and database tell different times."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from accounts import clock as clocks

pytestmark = pytest.mark.django_db

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
