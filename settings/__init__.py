"""Settings, URLs, servers and workers of the project.

The Celery app is imported here, so that every process that configures Django, the
web server too, publishes its tasks to the configured broker.
"""

from settings.celery import app as celery_app

__all__ = ["celery_app"]
