"""The Celery app: workers, beat, and whoever publishes a task.

What is configured lies in base.py under CELERY_*. Work is never in a message alone:
rows say what is owed, a message only wakes a worker, and beat sweeps the rows.
"""

import os

from celery import Celery

from settings import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")
broker.register()

app = Celery("gatehouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
