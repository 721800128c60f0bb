"""Production starts whole or not at all; each case differs from a good environment in one value."""

import json
import subprocess
from typing import Any

import pytest

from tests.services.processes import ROOT, environment, python

GOOD = {
    "DJANGO_SETTINGS_MODULE": "settings.production",
    "SECRET_KEY": "n3Vw8qkZ1xT5rY7uB2mC4dF6gH9jK0lPaSsDfGhJqWeRtYuIoPz",
    "FIELD_KEYS": "Zk3v9QwErTy7UiOp1AsDfGh5JkLzXcVb,older-Zk3v9QwErTy7UiOp1AsDfGh5JkLzXc",
    "ALLOWED_HOSTS": "gatehouse.example",
    "BASE_URL": "https://gatehouse.example",
    "DATABASE_URL": "postgres://gatehouse:db-secret@db.example/gatehouse",
    "REDIS_URL": "redis://:redis-secret@redis.example/0",
    "EMAIL_URL": "smtp+tls://mailer:mail-secret@mail.example:587",
}
CASES = {
    **{f"no {name}": ({name: ""}, f"{name} is not set") for name in list(GOOD)[1:]},
    "a short secret": ({"SECRET_KEY": GOOD["SECRET_KEY"][:49]}, "SECRET_KEY and its fallbacks"),
    "a monotonous secret": ({"SECRET_KEY": "ab" * 40}, "SECRET_KEY and its fallbacks"),
    "the published secret": (
        {"SECRET_KEY": "local-only-key-that-everyone-can-read-and-nobody-should-use"},
        "SECRET_KEY and its fallbacks",
    ),
    "a weak fallback": ({"SECRET_KEY_FALLBACKS": "old"}, "SECRET_KEY and its fallbacks"),
    "a field key of 31 bytes": ({"FIELD_KEYS": GOOD["FIELD_KEYS"][:31]}, "each of FIELD_KEYS"),
    "a weak older field key": ({"FIELD_KEYS": GOOD["FIELD_KEYS"][:33] + "x"}, "each of FIELD_KEYS"),
    "one key for both": ({"FIELD_KEYS": GOOD["SECRET_KEY"]}, "must differ from SECRET_KEY"),
    "any host": ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name each host"),
    "another host": ({"ALLOWED_HOSTS": "other.example"}, "must be one of ALLOWED_HOSTS"),
    "no TLS": ({"BASE_URL": "http://gatehouse.example"}, "BASE_URL must be https://"),
    "a path": ({"BASE_URL": "https://gatehouse.example/x"}, "BASE_URL must be https://"),
    "half of Twilio": ({"TWILIO_ACCOUNT_SID": "AC1"}, "Twilio needs"),
    "an engine not offered": ({"SESSION_ENGINE": "signed_cookies"}, "SESSION_ENGINE must be"),
    "a grace period in words": ({"TWO_FACTOR_GRACE": "a day"}, "TWO_FACTOR_GRACE must be"),
}


def start(code: str, **differences: str) -> subprocess.CompletedProcess[str]:
    """Run code under production settings; an empty value counts as unset."""
    return subprocess.run(
        python("-c", code),
        env=environment(**{**GOOD, **differences}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def read(*names: str, **differences: str) -> dict[str, Any]:
    code = "import json, settings.production as s; "
    code += f"print(json.dumps({{n: getattr(s, n, None) for n in {names!r}}}))"
    done = start(code, **differences)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("differences", "complaint"), CASES.values(), ids=CASES)
def test_a_missing_or_weak_value_is_one_line(differences: dict[str, str], complaint: str) -> None:
    done = start("import settings.production", **differences)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr
    assert "-secret" not in done.stderr


def test_all_that_is_missing_is_named_at_once() -> None:
    done = start("import settings.production", SECRET_KEY="", REDIS_URL="")
    assert "SECRET_KEY is not set; REDIS_URL is not set." in done.stderr


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-m", "celery", "-A", "settings"]])
def test_commands_say_it_in_one_line_too(command: list[str]) -> None:
    if command[0] == "-m":
        command = [*command, "worker"]
    done = subprocess.run(
        python(*command),
        env=environment(**{**GOOD, "FIELD_KEYS": ""}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "gatehouse cannot start: FIELD_KEYS is not set.\n"


def test_cookies_and_headers_of_a_good_environment() -> None:
    found = read(
        "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "LOCAL_PAGES", "DEBUG", "SMS_COUNTRIES",
        "BROWSER_COOKIE_NAME", "LANGUAGE_COOKIE_NAME", "LANGUAGE_COOKIE_SECURE",
    )  # fmt: skip
    assert found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert found["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert found["BROWSER_COOKIE_NAME"].startswith("__Host-")
    assert found["LANGUAGE_COOKIE_NAME"].startswith("__Host-")
    assert found["LANGUAGE_COOKIE_SECURE"] is True
    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] >= 31536000
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["LOCAL_PAGES"] is found["DEBUG"] is False
    assert found["SMS_COUNTRIES"] == [], "no provider, so no country may get a text"


def test_forwarded_schemes_are_believed_behind_a_proxy_alone() -> None:
    assert read("SECURE_PROXY_SSL_HEADER")["SECURE_PROXY_SSL_HEADER"] is None
    behind = read("SECURE_PROXY_SSL_HEADER", TRUSTED_PROXIES="1")
    assert behind["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_sessions_can_be_cached() -> None:
    assert read("SESSION_ENGINE")["SESSION_ENGINE"] == "accounts.session_db"
    cached = read("SESSION_ENGINE", SESSION_ENGINE="cached_db")
    assert cached["SESSION_ENGINE"] == "accounts.session_cached_db"


def test_the_deployment_check_is_clean() -> None:
    done = subprocess.run(
        python("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        env=environment(**GOOD),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.proves("S63", "B32")
def test_slow_tasks_end_before_redis_hands_them_out_again() -> None:
    found = read("CELERY_TASK_TIME_LIMIT", "CELERY_BROKER_TRANSPORT_OPTIONS")
    visible = found["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"]
    assert found["CELERY_TASK_TIME_LIMIT"] < visible <= 300


@pytest.mark.proves("S63")
def test_what_a_lost_worker_had_in_hand_comes_back_and_the_sweep_within_a_minute() -> None:
    found = read("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST", "SWEEP_SECONDS")
    assert found == {
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "SWEEP_SECONDS": 60,
    }


def test_beat_asks_for_no_setting_that_is_there() -> None:
    code = "import django; django.setup(); from settings.celery import app; "
    code += "from redbeat.schedulers import RedBeatConfig; found = RedBeatConfig(app); "
    code += "print(found.redis_url, found.redbeat_redis_options)"
    done = start(code)
    assert done.stdout.strip() == f"{GOOD['REDIS_URL']} {{}}"
    assert not done.stderr


def test_hosts_have_no_case() -> None:
    assert read("ALLOWED_HOSTS", ALLOWED_HOSTS="Gatehouse.EXAMPLE")["ALLOWED_HOSTS"] == [
        "gatehouse.example"
    ]


UNUSABLE = {
    "no such settings": (
        {"DJANGO_SETTINGS_MODULE": "settings.prodution"},
        "DJANGO_SETTINGS_MODULE",
    ),
    "no server": (
        {"DATABASE_URL": "postgres://u:db-secret@127.0.0.1:1/x"},
        "database can't be used",
    ),
    "no tables": ({"DATABASE_URL": "sqlite:///:memory:"}, "is it migrated?"),
}


@pytest.mark.parametrize(("differences", "complaint"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_command_that_cant_begin_says_why_in_one_line(
    differences: dict[str, str], complaint: str
) -> None:
    done = subprocess.run(
        python("manage.py", "verify_audit"),
        env=environment(**{"DJANGO_SETTINGS_MODULE": "settings.local", **differences}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert complaint in done.stderr
    assert "db-secret" not in done.stderr
