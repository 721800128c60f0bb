"""How the audit is told to people: instants with their zone, and words in place of codes.

Called by the admin's lists and pages. Files for programs keep the codes beside the words.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.audit_names import EVENTS, FIELDS, MAILS, VALUES

SHORT = 8  # of a pseudonym: enough to tell two strangers apart
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+")
PSEUDONYM = re.compile(r"[0-9a-f]{32}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


def words_of(code: str) -> str:
    """Return what an event, or a kind of mail, is called."""
    name = EVENTS.get(code) or MAILS.get(code)
    return str(name) if name else plain_words_of(code)


def plain_words_of(code: str) -> str:
    """Return the same as files have it: in English, whoever takes them along."""
    return str(code).replace("_", " ").capitalize()


def told_at(instant: datetime | None) -> SafeString | str:
    """Return ``instant`` in the viewer's zone, with UTC beside it where that is another time."""
    if instant is None:
        return "-"
    local, utc = timezone.localtime(instant), instant.astimezone(UTC)
    in_utc = f"{formats.date_format(utc, _('d M, H:i:s'))} UTC"
    beside = "" if local.utcoffset() == timedelta() else in_utc
    return format_html(
        '<time datetime="{}">{}</time> <span class="quiet">{}</span>',
        utc.isoformat(),
        _plainly(local),
        beside,
    )


def _plainly(local: datetime) -> str:
    zone = "UTC" if local.utcoffset() == timedelta() else f"{local:%Z}"
    return f"{formats.date_format(local, _('D d M Y, H:i:s'))} {zone}"


def told_change(before: Any, after: Any) -> str:
    """Return what changed, as "role: member → admin, reason: …"."""
    return ", ".join(_lines(_values(before), _values(after)))


def _values(given: Any) -> dict[str, Any]:
    values = given if isinstance(given, dict) else {}
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _lines(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in {**before, **after}:
        called = FIELDS.get(name, name.replace("_", " "))
        was, now = (_told(name, values.get(name)) for values in (before, after))
        if name in before and name in after:
            yield f"{called}: {was} → {now}"
        elif name in after:
            yield f"{called}: {now}"
        else:
            yield _("%(field)s: was %(value)s") % {"field": called, "value": was}


def _told(name: str, value: Any) -> str:
    """Return a value in words; why something was refused is kept as the text to translate."""
    return _(value) if name == "why" and value else told_value(value)


def told_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(told_value(each) for each in value) or _("none")
    text = str(value)
    if text in VALUES:
        return str(VALUES[text])
    if PSEUDONYM.fullmatch(text):
        return _("somebody (%(pseudonym)s)") % {"pseudonym": text[:SHORT]}
    if INSTANT.fullmatch(text):
        return _instant(text)
    return text.replace("_", " ") if CODE.fullmatch(text) else text


def _instant(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if instant.tzinfo is None else _plainly(timezone.localtime(instant))
