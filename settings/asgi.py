"""The ASGI application, as uvicorn loads it."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import DEFAULT_DB_ALIAS, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")

application = get_asgi_application()

# Each request runs in a thread of its own here, so none would ever use the connection that another
# left open: they would pile up until PostgreSQL refuses everybody.
database = connections.settings[DEFAULT_DB_ALIAS]
database["CONN_MAX_AGE"] = 0
if database["ENGINE"].endswith("postgresql"):
    database["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": settings.DATABASE_POOL,
        "timeout": 10,  # seconds; who gets none by then reads that the database does not answer
    }
