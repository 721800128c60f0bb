"""For real use. Refuses to start, with one line that names every missing or weak value."""

from urllib.parse import urlsplit

from settings import env
from settings.base import *  # noqa: F403  (differences only; a settings module is its namespace)
from settings.base import (
    ALLOWED_HOSTS,
    BASE_URL,
    FIELD_KEYS,
    SECRET_KEY,
    SECRET_KEY_FALLBACKS,
    SMS_COUNTRIES,
    STORAGES,
    TRUSTED_PROXIES,
    TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN,
    TWILIO_FROM,
    TWILIO_MESSAGING_SERVICE_SID,
)

REQUIRED = (
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "BASE_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "FIELD_KEYS",
)
PUBLISHED = ("local-only-", "django-insecure-", "test-")  # in a repository, so known


def is_weak(key: str, *, length: int) -> bool:
    return len(key.encode()) < length or len(set(key)) < 8 or key.startswith(PUBLISHED)


def find_missing() -> list[str]:
    return [f"{name} is not set" for name in REQUIRED if not env.text(name)]


def find_weak_keys() -> list[str]:
    problems = []
    if any(is_weak(key, length=50) for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS) if key):
        problems.append("SECRET_KEY and its fallbacks need 50 random characters")
    if any(is_weak(key, length=32) for key in FIELD_KEYS):
        problems.append("each of FIELD_KEYS needs 32 random bytes")
    if SECRET_KEY and SECRET_KEY in FIELD_KEYS:
        problems.append("FIELD_KEYS must differ from SECRET_KEY")
    return problems


def find_wrong_addresses() -> list[str]:
    problems = []
    if any(host.startswith(("*", ".")) for host in ALLOWED_HOSTS):
        problems.append("ALLOWED_HOSTS must name each host, without wildcards")
    parts = urlsplit(BASE_URL)
    if BASE_URL and (parts.scheme != "https" or not parts.netloc or parts.path or parts.query):
        problems.append("BASE_URL must be https:// and a host, without a path")
    elif BASE_URL and ALLOWED_HOSTS and parts.hostname not in ALLOWED_HOSTS:
        problems.append("the host of BASE_URL must be one of ALLOWED_HOSTS")
    return problems


def find_half_twilio() -> list[str]:
    sender = TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID
    given = [bool(TWILIO_ACCOUNT_SID), bool(TWILIO_AUTH_TOKEN), bool(sender)]
    if any(given) and not all(given):
        return ["Twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and a sender, or none of them"]
    return []


if problems := find_missing() + find_weak_keys() + find_wrong_addresses() + find_half_twilio():
    env.refuse("; ".join(problems) + ".")

if not TWILIO_ACCOUNT_SID:
    # Without a provider a text would end in a file nobody reads; so no country may get one.
    SMS_COUNTRIES.clear()

SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
BROWSER_COOKIE_NAME = "__Host-browser"
SSO_COOKIE_NAME = "__Host-sso"
LANGUAGE_COOKIE_NAME = "__Host-language"
LANGUAGE_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [BASE_URL]

SECURE_SSL_REDIRECT = True
# Probes come from inside, past the proxy that speaks TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 86400
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Being built into browsers binds the whole domain for years: its owner's choice, not ours.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

STORAGES["staticfiles"]["BACKEND"] = "whitenoise.storage.CompressedManifestStaticFilesStorage"
