"""Settings of measured processes: the product's own, beside a stock Django in the same process.

BENCH_PREPARED=off measures PostgreSQL without prepared statements, as Django leaves it.
"""

import os

from settings.test import *  # noqa: F403  (differences only; a settings module is its namespace)
from settings.test import AUTHENTICATION_BACKENDS, DATABASES, INSTALLED_APPS

# The stock session table and a user with the stock columns, for the handler measured against.
INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions", "bench.plain"]
AUTHENTICATION_BACKENDS = [*AUTHENTICATION_BACKENDS, "bench.plain.backends.PlainBackend"]
ROOT_URLCONF = "bench.urls"
DEBUG = False
# Records are made, as in production, and dropped: a terminal's speed is not what is measured.
LOGGING = {
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"], "level": "INFO"},
}

if os.environ.get("BENCH_PREPARED") == "off":
    DATABASES["default"]["OPTIONS"] = {}
