"""For pytest: fast, in memory, and blind to the developer's own environment where it matters.

DATABASE_URL and REDIS_URL still count: tests/conftest.py points them at servers of its own.
"""

from settings import env
from settings.base import *  # noqa: F403  (differences only; a settings module is its namespace)
from settings.base import BASE_DIR, DATABASES

SECRET_KEY = "test-key-" + "k" * 50
FIELD_KEYS = ["test-field-key-of-more-than-32-bytes"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
BASE_URL = "http://testserver"
LOCAL_PAGES = True
DEMO_PASSWORD = "open the gatehouse please"  # as in settings.local

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if not env.text("DATABASE_URL"):
    DATABASES["default"]["NAME"] = ":memory:"
if not env.text("REDIS_URL"):
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Tasks are called by name in tests; nothing is published unless a test starts a broker.
CELERY_BROKER_URL = env.redis("REDIS_URL")[1] or "memory://"

WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
STATIC_ROOT = BASE_DIR / "static"  # exists, so whitenoise has nothing to warn about
