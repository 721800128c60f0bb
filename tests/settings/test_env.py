import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from kombu.utils.url import parse_url

from settings import env

FLAGS = {"on": True, "TRUE": True, "1": True, "off": False, "No": False, "0": False}
BAD = {
    "a flag that is neither": (lambda: env.flag("X", default=True), "maybe"),
    "a number with a sign": (lambda: env.number("X", default=1), "-1"),
    "a number with a point": (lambda: env.number("X", default=1), "1.5"),
    "digits of another alphabet": (lambda: env.number("X", default=1), "١٢"),
    "a number beyond reason": (lambda: env.number("X", default=1), "9" * 30),
    "a number too small": (lambda: env.number("X", default=12, least=8), "7"),
    "no time at all": (lambda: env.seconds("X", default=1), "0"),
    "eleven years": (lambda: env.seconds("X", default=1), str(11 * 366 * 86400)),
    "a choice not offered": (lambda: env.choice("X", {"a": "b"}, default="a"), "signed_cookies"),
    "another database": (lambda: env.database("X", default=""), "mysql://u:secret@h/d"),
    "a database without a name": (lambda: env.database("X", default=""), "postgres://u:secret@h/"),
    "a mail server by web address": (lambda: env.mail("X"), "https://u:secret@h"),
    "no mail server": (lambda: env.mail("X"), "smtp://"),
    "a Redis by web address": (lambda: env.redis("X"), "https://:secret@h"),
    "a database of Redis by name": (lambda: env.redis("X"), "redis://:secret@h/main"),
    "a database behind a socket by name": (lambda: env.redis("X"), "unix:///secret?db=main"),
    "a password of Redis that is cut": (lambda: env.redis("X"), "redis://:a@secret#b@h/0"),
    "an option that Celery refuses": (lambda: env.redis("X"), "redis://:secret@h/0?db=1"),
    "an option of TLS without it": (lambda: env.redis("X"), "redis://h/0?ssl_cert_reqs=none"),
}


@pytest.mark.parametrize(("read", "value"), BAD.values(), ids=BAD)
def test_a_bad_value_ends_the_process_without_being_repeated(
    read: object, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(read)
    monkeypatch.setenv("X", value)
    with pytest.raises(SystemExit) as stopped:
        read()
    message = str(stopped.value)
    assert message.startswith("gatehouse cannot start: X ")
    assert "\n" not in message
    assert "secret" not in message


@pytest.mark.parametrize(("value", "expected"), FLAGS.items())
def test_flags(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", value)
    assert env.flag("X", default=not expected) is expected


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_variable_counts_as_unset(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("X", raising=False)
    if value is not None:
        monkeypatch.setenv("X", value)
    assert env.text("X", "default") == "default"
    assert env.flag("X", default=True) is True
    assert env.seconds("X", default=60) == timedelta(minutes=1)
    assert env.optional_number("X") is None
    assert env.path("X", default=Path("var")) == Path("var")
    assert env.redis("X") == ("", "")
    assert env.mail("X") == {}


def test_names_drop_space_and_empty_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " US, ,CA,")
    assert env.names("X") == ["US", "CA"]


def test_a_socket_is_spelled_for_both_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "unix:///run/redis.sock?db=3")
    assert env.redis("X") == (
        "unix:///run/redis.sock?db=3",
        "redis+socket:///run/redis.sock?virtual_host=3",
    )


REDIS = {
    "redis://h": "redis://h",
    "redis://:p%23ss@h:6380/3": "redis://:p%23ss@h:6380/3",
    "rediss://h/0": "rediss://h/0?ssl_cert_reqs=required",
    "rediss://h/0?ssl_ca_certs=/ca.pem": "rediss://h/0?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required",
    "rediss://h/0?ssl_cert_reqs=none": "rediss://h/0?ssl_cert_reqs=none",
}


@pytest.mark.parametrize(("url", "for_celery"), REDIS.items())
def test_the_certificate_of_redis_is_checked_unless_told_otherwise(
    url: str, for_celery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", url)
    assert env.redis("X") == (url, for_celery)
    tls = parse_url(for_celery).get("ssl", {})
    assert (tls.get("ssl_cert_reqs") == ssl.CERT_REQUIRED) is ("required" in for_celery)


def test_a_database_socket_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "postgres://app@%2Frun%2Fpg/gatehouse")
    found = env.database("X", default="")
    assert (found["HOST"], found["USER"], found["NAME"]) == ("/run/pg", "app", "gatehouse")


def test_mail_with_and_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "smtp+tls://me:p%40ss@mail.example:587")
    found = env.mail("X")
    assert found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example", 587)
    assert (found["EMAIL_HOST_PASSWORD"], found["EMAIL_USE_TLS"]) == ("p@ss", True)
    monkeypatch.setenv("X", "smtp://127.0.0.1:2525")
    assert not env.mail("X").get("EMAIL_USE_TLS")


@pytest.mark.parametrize(
    ("value", "is_good"),
    [("8", True), ("7", False), ("10", True), ("11", False), ("9" * 5000, False)],
)
def test_a_number_has_both_its_bounds_told(
    value: str, is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", value)
    if is_good:
        assert env.number("X", default=9, least=8, most=10) == int(value)
        return
    with pytest.raises(SystemExit, match="X must be a whole number from 8 to 10"):
        env.number("X", default=9, least=8, most=10)


def test_countries_are_the_same_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "us, Ca")
    assert env.countries("X", "") == ["US", "CA"]


@pytest.mark.parametrize("value", ["UK", "US,EN"])
def test_a_country_without_telephone_numbers_is_named(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(SystemExit, match=rf"X must name countries .* {value[-2:]} is none\."):
        env.countries("X", "")
