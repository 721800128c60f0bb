"""How the audit is told to people: instants with their zone, and words in place of codes.

Called by the admin's lists and pages. Files for programs keep the codes beside the words.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

SHORT = 8  # of a pseudonym: enough to tell two strangers apart
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+")
PSEUDONYM = re.compile(r"[0-9a-f]{32}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
NAMES = {
    "kind": "with", "up_to": "up to row", "is_staff": "support staff",
    "is_superuser": "superuser", "email_domains": "email domains", "person": "address",
}  # fmt: skip
VALUES = {
    "app": "authenticator app", "totpdevice": "authenticator app", "text": "text message",
    "smsdevice": "text message", "backup": "backup code", "sso": "SSO", "True": "yes",
    "False": "no", "None": "nothing",
}  # fmt: skip


def words_of(event: str) -> str:
    return str(event).replace("_", " ").capitalize()


def told_at(instant: datetime | None) -> SafeString | str:
    """Return ``instant`` in the viewer's zone, with UTC beside it where that is another time."""
    if instant is None:
        return "-"
    local, utc = timezone.localtime(instant), instant.astimezone(UTC)
    beside = "" if local.utcoffset() == timedelta() else f"{utc:%d %b, %H:%M:%S} UTC"
    return format_html(
        '<time datetime="{}">{}</time> <span class="quiet">{}</span>',
        utc.isoformat(),
        _plainly(local),
        beside,
    )


def _plainly(local: datetime) -> str:
    zone = "UTC" if local.utcoffset() == timedelta() else f"{local:%Z}"
    return f"{local:%a %d %b %Y, %H:%M:%S} {zone}"


def told_change(before: Any, after: Any) -> str:
    """Return what changed, as "role: member → admin, reason: …"."""
    return ", ".join(_lines(_values(before), _values(after)))


def _values(given: Any) -> dict[str, Any]:
    values = given if isinstance(given, dict) else {}
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _lines(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in {**before, **after}:
        called = NAMES.get(name, name.replace("_", " "))
        was, now = told_value(before.get(name)), told_value(after.get(name))
        if name in before and name in after:
            yield f"{called}: {was} → {now}"
        elif name in after:
            yield f"{called}: {now}"
        else:
            yield f"{called}: was {was}"


def told_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(told_value(each) for each in value) or "none"
    text = str(value)
    if text in VALUES:
        return VALUES[text]
    if PSEUDONYM.fullmatch(text):
        return f"somebody ({text[:SHORT]})"
    if INSTANT.fullmatch(text):
        return _instant(text)
    return text.replace("_", " ") if CODE.fullmatch(text) else text


def _instant(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if instant.tzinfo is None else _plainly(timezone.localtime(instant))
