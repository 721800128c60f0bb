"""The Celery app: workers, beat, and whoever publishes a task.

What is configured lies in base.py under CELERY_*. Work is never in a message alone:
rows say what is owed, a message only wakes a worker, and beat sweeps the rows.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from settings import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")
broker.register()

app = Celery("gatehouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_as_the_web_does(**_: Any) -> None:
    """Leave LOGGING, and so LOG_LEVEL, as it is: Celery would set a level of its own."""


@app.on_after_configure.connect
def spell_for_redbeat(source: Any, **_: Any) -> None:
    """Repeat two settings by their bare names: of those with our prefix it warns as missing."""
    for name in ("redbeat_redis_url", "redbeat_redis_options"):
        if (value := source.get(name)) is not None:
            source[name] = value
