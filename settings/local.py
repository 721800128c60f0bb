"""For one's own machine: `make run`. Nothing here is secret, so nothing here is safe elsewhere."""

from settings import env
from settings.base import *  # noqa: F403  (differences only; a settings module is its namespace)
from settings.base import ALLOWED_HOSTS, BASE_URL, FIELD_KEYS, SECRET_KEY, VAR_DIR

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = SECRET_KEY or "local-only-key-that-everyone-can-read-and-nobody-should-use"
FIELD_KEYS = FIELD_KEYS or ["local-only-field-key-that-everyone-can-read"]
ALLOWED_HOSTS = ALLOWED_HOSTS or ["127.0.0.1", "localhost", "[::1]"]
# A command in another shell makes links, too: `make run` leaves the port it was given there.
PORT = env.optional_number("PORT") or env.kept_number(VAR_DIR / "port") or 8000
BASE_URL = BASE_URL or f"http://127.0.0.1:{PORT}"

LOCAL_PAGES = True
DEMO_PASSWORD = "open the gatehouse please"  # printed by `make run`

# Serves static files where they lie, without a build step, also with DEBUG off.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
