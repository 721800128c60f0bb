"""Odd values of every variable: a usable setting, or one clear line that does not repeat them."""

import importlib
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from django.core.mail import EmailMessage
from kombu import Connection
from redis import ConnectionPool

from tests.odd.values import SHARE, share_for, without_nul

VARIABLES = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "FIELD_KEYS", "ALLOWED_HOSTS", "BASE_URL", "PORT",
    "DATABASE_URL", "DATABASE_POOL", "REDIS_URL", "EMAIL_URL", "DEFAULT_FROM_EMAIL",
    "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_BASE_URL", "SMS_COUNTRIES", "SESSION_ENGINE", "SESSION_IDLE", "SESSION_ABSOLUTE",
    "STAFF_SESSION_IDLE", "STAFF_SESSION_ABSOLUTE", "PASSWORD_MIN_LENGTH", "AUDIT_RETENTION_DAYS",
    "SSO_ALLOW_PRIVATE",
    "TWO_FACTOR_GRACE", "TWO_FACTOR_PASS", "TWO_FACTOR_MAILBOX_PROOF", "TWO_FACTOR_ISSUER",
    "TWO_FACTOR_SELF_SERVICE", "TWO_FACTOR_OWNER_PASSES", "TWO_FACTOR_PASS_APPROVAL",
    "TRUSTED_PROXIES", "FORCE_SCRIPT_NAME", "OUTBOX_DIR", "VAR_DIR", "SWEEP_SECONDS", "LOG_LEVEL",
    "OPERATORS", "SMS_DAILY_LIMIT",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each try reads the settings anew, and the process keeps those that it had."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith("settings")}
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    sys.modules.update(kept)


def settings_read() -> ModuleType:
    for name in ("settings.local", "settings.base"):
        sys.modules.pop(name, None)
    return importlib.import_module("settings.local")


@pytest.mark.parametrize("name", VARIABLES)
def test_an_odd_variable_is_usable_or_one_clear_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in without_nul(share_for(name, count=3 * SHARE)):
        monkeypatch.setenv(name, value)
        try:
            use(settings_read())
        except SystemExit as refused:
            check_refusal(str(refused.code), name=name, value=value)


def check_refusal(said: str, *, name: str, value: str) -> None:
    start = "gatehouse cannot start: "
    assert said.startswith(f"{start}{name} must "), (value, said)
    assert said.isprintable(), value
    assert len(value) < 8 or value not in said, "a secret would be repeated"


def use(found: ModuleType) -> None:
    """Do with the settings what the product will do with them."""
    EmailMessage("Hello", "there", found.DEFAULT_FROM_EMAIL, ["a@b.example"]).message().as_bytes()
    assert urlsplit(f"{found.BASE_URL}/login/").path.endswith("/login/")
    assert f"{found.TWO_FACTOR_ISSUER}{found.BASE_URL}".isprintable()
    logging.getLogger("odd").setLevel(found.LOGGING["root"]["level"])
    if found.REDIS_URL:
        ConnectionPool.from_url(found.REDIS_URL)
        Connection(found.CELERY_BROKER_URL).as_uri()
    assert all(code.isascii() and len(code) == 2 for code in found.SMS_COUNTRIES)
    assert datetime.now(UTC) + found.TWO_FACTOR_GRACE + found.TWO_FACTOR_PASS
    assert found.SESSION_ENGINE in {"accounts.session_db", "accounts.session_cached_db"}
