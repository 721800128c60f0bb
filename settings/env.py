"""Typed reader of the process environment.

Called by the settings modules only. Whatever is wrong in the environment ends the
process with one line that names the variable and never repeats its value, since the
value may be a secret.
"""

import os
import re
import urllib.parse
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any, NoReturn

import environ
import phonenumbers

TRUE = frozenset({"1", "on", "true", "yes"})
FALSE = frozenset({"0", "off", "false", "no"})
LONGEST = 10 * 365 * 86400  # seconds; more is a slip of the keyboard
MOST = 9_999_999_999
# What redis-py and Celery understand alike.
REDIS_TLS = {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}


def refuse(message: str) -> NoReturn:
    """End the process with one line on stderr."""
    raise SystemExit(f"gatehouse cannot start: {' '.join(message.split())}")


def text(name: str, default: str = "") -> str:
    """Return the value without surrounding space; an empty variable counts as unset."""
    return os.environ.get(name, "").strip() or default


def line(name: str, default: str = "", *, longest: int = 200) -> str:
    """Return words that can stand in one line of a mail, a text or a header."""
    value = text(name, default)
    if not value.isprintable() or len(value) > longest:
        refuse(f"{name} must be one line of at most {longest} printable characters.")
    return value


def sender(name: str, default: str) -> str:
    """Return an address that mail can come from, with or without a name before it."""
    value = line(name, default)
    _, address = parseaddr(value)
    if not _is_mailbox(address):
        refuse(f"{name} must be an email address, such as Gatehouse <no-reply@host.example>.")
    return value


def mailboxes(name: str) -> list[str]:
    """Return addresses that mail can go to."""
    found = names(name)
    if not all(_is_mailbox(address) for address in found):
        refuse(f"{name} must be email addresses, separated by commas.")
    return found


def _is_mailbox(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    is_word = address.isascii() and address.isprintable() and " " not in address
    return bool(local and domain) and is_word


def site(name: str) -> str:
    """Return the address that people use, without a slash at its end; empty when unset."""
    value = line(name).rstrip("/")
    try:
        parts = urllib.parse.urlsplit(value)
        is_site = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_site = False
    if value and not (is_site and value.isascii() and " " not in value):
        refuse(f"{name} must be http:// or https:// and a host.")
    return value


def url_prefix(name: str) -> str | None:
    """Return the path below which a proxy serves us; None when unset."""
    value = line(name).rstrip("/")
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        refuse(f"{name} must be a path, such as /gate.")
    return value or None


def countries(name: str, default: str) -> list[str]:
    """Return codes of countries as ISO 3166-1 spells them; each has telephone numbers.

    A code that fits no number would be offered to everybody, and no number ever taken.
    """
    found = [code.upper() for code in names(name, default)]
    if not all(re.fullmatch(r"[A-Z]{2}", code) for code in found):
        refuse(f"{name} must be two-letter codes of countries, separated by commas.")
    if unknown := sorted(set(found) - phonenumbers.SUPPORTED_REGIONS):
        refuse(
            f"{name} must name countries with telephone numbers, by the codes of ISO 3166-1 "
            f"(GB for the United Kingdom); {unknown[0]} is none."
        )
    return found


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    return refuse(f"{name} must be on or off.") if value else default


def number(name: str, *, default: int, least: int = 0, most: int = MOST) -> int:
    found = optional_number(name, least=least, most=most)
    return default if found is None else found


def optional_number(name: str, *, least: int = 0, most: int = MOST) -> int | None:
    value = text(name)
    if not value:
        return None
    # isdecimal() alone lets other alphabets' digits pass; a long one takes int() long.
    is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(MOST))
    if not is_number or not least <= int(value) <= most:
        refuse(f"{name} must be a whole number from {least} to {most}.")
    return int(value)


def seconds(name: str, *, default: int) -> timedelta:
    return timedelta(seconds=number(name, default=default, least=1, most=LONGEST))


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated value as a list without empty entries."""
    return [part for part in (raw.strip() for raw in text(name, default).split(",")) if part]


def path(name: str, *, default: Path) -> Path:
    value = text(name)
    return Path(value).expanduser().absolute() if value else default


def kept_number(file: Path) -> int | None:
    """Return what another process left in ``file``, if it did."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def optional_path(name: str) -> Path | None:
    return Path(text(name)).expanduser().absolute() if text(name) else None


def choice(name: str, choices: Mapping[str, str], *, default: str) -> str:
    """Return what the named choice stands for."""
    value = text(name, default)
    if value not in choices:
        refuse(f"{name} must be one of: {', '.join(choices)}.")
    return choices[value]


def database(name: str, *, default: str) -> dict[str, Any]:
    """Return Django's form of a ``sqlite:///`` or ``postgres://`` address."""
    url = text(name, default)
    if url.split(":", 1)[0] not in {"sqlite", "postgres", "postgresql"}:
        refuse(f"{name} must start with postgres:// or sqlite:///.")
    try:
        parsed: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, KeyError):
        refuse(f"{name} cannot be read as an address.")
    if not parsed["NAME"]:
        refuse(f"{name} does not name a database.")
    # A socket's folder stands percent-encoded where a host would.
    return {**parsed, "HOST": urllib.parse.unquote(parsed.get("HOST") or "")}


def mail(name: str) -> dict[str, Any]:
    """Return Django's EMAIL_* settings for an ``smtp://`` address; nothing when unset."""
    url = text(name)
    if not url:
        return {}
    if url.split(":", 1)[0] not in {"smtp", "smtp+tls", "smtp+ssl"}:
        refuse(f"{name} must start with smtp://, smtp+tls:// or smtp+ssl://.")
    try:
        if not urllib.parse.urlsplit(url).hostname:
            refuse(f"{name} does not name a mail server.")
        parsed = environ.Env.email_url_config(url)
    except (ValueError, KeyError):
        refuse(f"{name} cannot be read as an address.")
    return {key: value for key, value in parsed.items() if key.startswith("EMAIL_")}


def redis(name: str) -> tuple[str, str]:
    """Return the address as redis-py and as Celery want it; empty when unset."""
    url = text(name)
    if not url:
        return "", ""
    scheme, _, rest = url.partition("://")
    if scheme in {"unix", "redis+socket"} and rest.startswith("/"):
        socket, _, query = rest.partition("?")
        index = dict(urllib.parse.parse_qsl(query)).get("db", "0")
        if not re.fullmatch(r"[0-9]{1,4}", index):
            refuse(f"{name} must have the number of a database after db=.")
        return f"unix://{socket}?db={index}", f"redis+socket://{socket}?virtual_host={index}"
    parts = _parts_of_a_host(url)
    if scheme not in {"redis", "rediss"} or parts is None:
        refuse(f"{name} must start with redis://, rediss:// or unix:///.")
    if not re.fullmatch(r"(/[0-9]{0,4})?", parts.path) or parts.fragment:
        refuse(f"{name} must end with the number of a database; / ? # in a password are encoded.")
    return url, _for_celery(name, url, parts)


def _parts_of_a_host(url: str) -> urllib.parse.SplitResult | None:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _for_celery(name: str, url: str, parts: urllib.parse.SplitResult) -> str:
    """Have the certificate checked, as redis-py does by itself, and Celery only when told."""
    given = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    if given.keys() - (REDIS_TLS if parts.scheme == "rediss" else set()):
        refuse(f"{name} takes, after ?, only {', '.join(sorted(REDIS_TLS))}, with rediss://.")
    if parts.scheme != "rediss" or "ssl_cert_reqs" in given:
        return url
    return f"{url}{'&' if given else '?'}ssl_cert_reqs=required"
