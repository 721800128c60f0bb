"""The ASGI application, as uvicorn loads it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.local")

application = get_asgi_application()
