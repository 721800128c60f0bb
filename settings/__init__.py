"""Settings, URLs, servers and workers of the project.

The Celery app is imported here, so that every process that configures Django, the
web server too, publishes its tasks to the configured broker.
"""

import os
from importlib.util import find_spec

from settings import env
from settings.celery import app as celery_app

__all__ = ["celery_app"]

_chosen = os.environ.get("DJANGO_SETTINGS_MODULE", "")
if _chosen.startswith("settings.") and find_spec(_chosen) is None:
    env.refuse(f"DJANGO_SETTINGS_MODULE names {_chosen!r}, which is not there.")
