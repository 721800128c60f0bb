"""Every setting, read from the environment; docs/operations.md lists the variables.

Required values are empty here: local.py and test.py fill them with values of their
own, production.py refuses to start without them.
"""

from pathlib import Path
from typing import Any

from settings import env
from settings.logs import LOG_LEVELS, logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.path("VAR_DIR", default=BASE_DIR / "var")  # tests run several at once

DEBUG = False
SECRET_KEY = env.text("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
FIELD_KEYS = env.names("FIELD_KEYS")
ALLOWED_HOSTS = [host.lower() for host in env.names("ALLOWED_HOSTS")]
BASE_URL = env.site("BASE_URL")
FORCE_SCRIPT_NAME = env.url_prefix("FORCE_SCRIPT_NAME")
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0)
LOCAL_PAGES = False

INSTALLED_APPS = [
    "accounts",
    "twofactor",
    "enforcement",
    "enforcement.admin_site.GatehouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.request_id.RequestIdMiddleware",
    "accounts.languages.BrowserLocaleMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    # Loads the user and decides in one step; it takes the place of AuthenticationMiddleware.
    "enforcement.middleware.GateMiddleware",
    "accounts.languages.PersonLocaleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "enforcement.context.gate",
            ],
        },
    }
]

# Database

SQLITE_OPTIONS = {
    "timeout": 20,
    # A transaction that starts by reading cannot be upgraded once another has written.
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
POSTGRESQL_OPTIONS = {
    # Django turns preparing off unless told; both are needed for statements to be prepared.
    "server_side_binding": True,
    "prepare_threshold": 2,
}


def configured_database() -> dict[str, Any]:
    """Return DATABASE_URL with the options of its engine; the URL's own options win."""
    found = env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'gatehouse.sqlite3'}")
    is_sqlite = found["ENGINE"].endswith("sqlite3")
    options = SQLITE_OPTIONS if is_sqlite else POSTGRESQL_OPTIONS
    found["OPTIONS"] = {**options, **found.get("OPTIONS", {})}
    # No health check: it costs each request a round trip. A connection that failed is
    # dropped at the end of its request.
    found.setdefault("CONN_MAX_AGE", 600)
    return found


DATABASES = {"default": configured_database()}
DATABASE_POOL = env.number("DATABASE_POOL", default=20, least=1, most=1000)  # under ASGI alone

# Cache and jobs

REDIS_URL, BROKER_REDIS_URL = env.redis("REDIS_URL")

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "gatehouse",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if REDIS_URL
    else {
        # Files, not memory: web and worker processes must see the same entries.
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
    }
}

BROKER_DIR = VAR_DIR / "broker"
SWEEP_SECONDS = env.number("SWEEP_SECONDS", default=60 if REDIS_URL else 5, least=1)

CELERY_BROKER_URL = BROKER_REDIS_URL or "gatehouse-files://localhost//"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        # Late acknowledgement helps only where lost messages are looked for often.
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A request that wakes a worker must not hang while Redis is away or stands still.
        "socket_connect_timeout": 1,
        "socket_timeout": 1.5,
        "max_retries": 1,
        "interval_start": 0,
    }
    if REDIS_URL
    else {"folder": str(BROKER_DIR), "polling_interval": 0.15}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False  # The row is there; the sweep finds it.
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_TASK_TIME_LIMIT = 240  # below visibility_timeout, or a slow task runs twice
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    # A tick nobody took within its interval is dropped; the next one does the same work.
    task: {"task": task, "schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS}}
    for task in ("enforcement.tasks.sweep", "accounts.tasks.send_notices")
}
CELERY_BEAT_SCHEDULE["accounts.tasks.seal_audit"] = {
    "task": "accounts.tasks.seal_audit",
    "schedule": 60,
    "options": {"expires": 60},
}
CELERY_BEAT_SCHEDULE["enforcement.tasks.forget_old"] = {
    "task": "enforcement.tasks.forget_old",
    "schedule": 3600,
    "options": {"expires": 3600},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat")
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
if REDIS_URL:
    CELERY_BEAT_SCHEDULER = "redbeat.RedBeatScheduler"
    CELERY_REDBEAT_REDIS_URL = REDIS_URL
    CELERY_REDBEAT_REDIS_OPTIONS: dict[str, Any] = {}  # those of the broker are not for it
    CELERY_REDBEAT_KEY_PREFIX = "gatehouse:beat:"
    CELERY_REDBEAT_LOCK_TIMEOUT = 30

# People, passwords, sessions

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"

PASSWORD_MIN_LENGTH = env.number("PASSWORD_MIN_LENGTH", default=12, least=8, most=256)
PASSWORD_RESET_TIMEOUT = 3600
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

SESSION_ENGINE = env.choice(
    "SESSION_ENGINE",
    {"db": "accounts.session_db", "cached_db": "accounts.session_cached_db"},
    default="db",
)
SESSION_IDLE = env.seconds("SESSION_IDLE", default=7 * 86400)
SESSION_ABSOLUTE = env.seconds("SESSION_ABSOLUTE", default=30 * 86400)
STAFF_SESSION_IDLE = env.seconds("STAFF_SESSION_IDLE", default=30 * 60)
STAFF_SESSION_ABSOLUTE = env.seconds("STAFF_SESSION_ABSOLUTE", default=12 * 3600)
SESSION_COOKIE_AGE = int(SESSION_ABSOLUTE.total_seconds())
SESSION_COOKIE_NAME = "gatehouse_session"
SESSION_COOKIE_SAMESITE = "Lax"
BROWSER_COOKIE_NAME = "gatehouse_browser"  # of accounts.browsers
SSO_COOKIE_NAME = "gatehouse_sso"  # of accounts.sso_attempts
CSRF_COOKIE_NAME = "gatehouse_csrf"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "accounts.languages.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# The product's rules

TWO_FACTOR_GRACE = env.seconds("TWO_FACTOR_GRACE", default=86400)
TWO_FACTOR_PASS = env.seconds("TWO_FACTOR_PASS", default=86400)
TWO_FACTOR_MAILBOX_PROOF = env.flag("TWO_FACTOR_MAILBOX_PROOF", default=True)
TWO_FACTOR_ISSUER = env.line("TWO_FACTOR_ISSUER", "Gatehouse", longest=60)
TWO_FACTOR_SELF_SERVICE = env.flag("TWO_FACTOR_SELF_SERVICE", default=False)
TWO_FACTOR_OWNER_PASSES = env.flag("TWO_FACTOR_OWNER_PASSES", default=False)
TWO_FACTOR_PASS_APPROVAL = env.flag("TWO_FACTOR_PASS_APPROVAL", default=False)
AUDIT_HEAD_FILE = env.optional_path("AUDIT_HEAD_FILE")
AUDIT_RETENTION_DAYS = env.optional_number("AUDIT_RETENTION_DAYS", least=1, most=36_500)
SSO_ALLOW_PRIVATE = env.flag("SSO_ALLOW_PRIVATE", default=False)

# Mail and texts

OUTBOX_DIR = env.path("OUTBOX_DIR", default=VAR_DIR / "outbox")
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", "Gatehouse <no-reply@gatehouse.example>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = "accounts.outbox.EmailBackend"
globals().update(env.mail("EMAIL_URL"))
OPERATORS = env.mailboxes("OPERATORS")  # addresses that alarms are mailed to; none: the superusers

SMS_COUNTRIES = env.countries(
    "SMS_COUNTRIES",
    "US,CA,GB,IE,AU,NZ,DE,AT,CH,FR,BE,NL,LU,ES,PT,IT,DK,SE,NO,FI,IS,PL,CZ",
)
SMS_DAILY_LIMIT = env.number("SMS_DAILY_LIMIT", default=2000)  # texts in 24 hours, site-wide
TWILIO_ACCOUNT_SID = env.line("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = env.line("TWILIO_AUTH_TOKEN")
TWILIO_FROM = env.line("TWILIO_FROM")
TWILIO_MESSAGING_SERVICE_SID = env.line("TWILIO_MESSAGING_SERVICE_SID")
TWILIO_BASE_URL = env.site("TWILIO_BASE_URL")

# Language, time, files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]  # as their speakers say
LANGUAGE_COOKIE_NAME = "gatehouse_language"
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
# Each app brings its own words; those of pages and of mails lie beside their templates.
LOCALE_PATHS = [BASE_DIR / "templates/locale", BASE_DIR / "templates/parts/mail/locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Absolute: Django works out a relative one once, at first use, which is before any request.
STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # Nothing is uploaded; forms are short.

# What browsers are told

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = logging_config(level=env.choice("LOG_LEVEL", LOG_LEVELS, default="INFO"))
