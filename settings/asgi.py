"""The ASGI application, as uvicorn loads it."""

import os

from django.core.asgi import get_asgi_application
from django.db import DEFAULT_DB_ALIAS, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")

application = get_asgi_application()

# Each request runs in a thread of its own here, so none would ever use the connection that another
# left open: they would pile up until PostgreSQL refuses everybody.
connections.settings[DEFAULT_DB_ALIAS]["CONN_MAX_AGE"] = 0
