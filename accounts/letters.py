"""One mail, rendered: texts, links and instants as its recipient is to read them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import keys, mail_names, wording
from accounts.mail import Kind
from accounts.models import Notice, User

INSTANTS = ("deadline", "until", "expires", "at", "ended")


def build(notice: Notice, kind: Kind, *, now: datetime) -> EmailMultiAlternatives:
    """Render one mail in its recipient's language and time zone.

    :raises ValueError: for an address that no mail can be sent to.
    """
    check_address(notice.recipient)
    person = notice.user
    with translation.override(language_of(person, otherwise=notice.context.get("language", ""))):
        values = _values(notice, kind, now=now)
        subject = _subject(kind, values)
        text = _without_gaps(render_to_string(f"{kind.folder}/body.txt", values))
        shown = {**values, "subject": subject, "preheader": _preheader(text)}
        html = render_to_string(f"{kind.folder}/body.html", shown)
    message = EmailMultiAlternatives(subject, text, to=[notice.recipient])
    message.attach_alternative(html, "text/html")
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def _subject(kind: Kind, values: dict[str, Any]) -> str:
    """Return one line, in which no name takes the room of what the mail is about."""
    short = {**values, **mail_names.shortened(values)}
    return " ".join(render_to_string(f"{kind.folder}/subject.txt", short).split())


def _without_gaps(text: str) -> str:
    """Return ``text`` with one empty line between paragraphs, whatever was left out there."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).lstrip()


def _preheader(text: str) -> str:
    """Return what a list of mails shows beside the subject: what comes behind the salutation."""
    return " ".join(" ".join(text.split("\n\n")[1:2]).split())


def check_address(address: str) -> None:
    """Refuse what would reach nobody, or somebody else.

    Django sends no mail to an empty address and says that it did; and it turns a mailbox name
    beyond ASCII into another name.

    :raises ValueError: for such an address.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain or not local.isascii():
        raise ValueError("No mail can be sent to this address.")


def _values(notice: Notice, kind: Kind, *, now: datetime) -> dict[str, Any]:
    person = notice.user
    values: dict[str, Any] = {
        "site_name": settings.TWO_FACTOR_ISSUER,
        "base_url": settings.BASE_URL,
        "sign_in_url": absolute(reverse("login")),
        "security_url": absolute(reverse("security")),
        "password_reset_url": absolute(reverse("password_reset")),
        "person_name": person.get_full_name() if person else "",
        "recipient": notice.recipient,
        "now": now,
        **notice.context,
        **wording.told(notice.context),
    }
    zone = zone_of(person, otherwise=notice.context.get("time_zone", "UTC"))
    for name in INSTANTS:
        if values.get(name):
            values.update(_told(name, values[name], zone))
    if "slug" in notice.context:
        values["account_url"] = absolute(reverse("account", args=[notice.context["slug"]]))
    if kind.offers_not_me:
        values["not_me_url"] = absolute(reverse("not_me", args=[not_me_token(notice)]))
        values["not_me_days"] = kind.not_me_for.days
    if kind.values is not None:
        values.update(kind.values(notice, now))
    return {**values, **mail_names.set_apart(values)}


def not_me_token(notice: Notice) -> str:
    """Return the token by which the recipient of ``notice`` says "it wasn't me"."""
    made = keys.mac("not-me", *_not_me_parts(notice))
    return f"{notice.pk}-{made.hex()}"


def is_not_me(token: str, notice: Notice) -> bool:
    """Whether ``token`` was mailed with ``notice``, under whichever of the keys."""
    number, _, given = token.partition("-")
    return number == str(notice.pk) and keys.is_hex_mac(given, "not-me", *_not_me_parts(notice))


def _not_me_parts(notice: Notice) -> tuple[object, ...]:
    return notice.pk, notice.nonce, notice.recipient


def language_of(person: User | None, *, otherwise: str = "") -> str:
    """Return the language to write to ``person`` in; ``otherwise`` to whom nobody knows yet."""
    wanted = person.language if person else otherwise
    is_spoken = wanted in dict(settings.LANGUAGES)
    return wanted if is_spoken else settings.LANGUAGE_CODE


def zone_of(person: User | None, *, otherwise: str = "UTC") -> ZoneInfo:
    try:
        return ZoneInfo(person.time_zone if person else otherwise)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _told(name: str, value: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return an instant, and how it is told: in the person's zone, named, with UTC beside it."""
    instant = datetime.fromisoformat(value)
    return {name: instant, f"{name}_told": told_in(instant, zone)}


def told_in(instant: datetime, zone: ZoneInfo) -> str:
    """Return ``instant`` to the second, as "Thursday, 26 November 2026, 09:30:00 UTC"."""
    local, in_utc = timezone.localtime(instant, zone), instant.astimezone(UTC)
    told = {
        "day": formats.date_format(local, _("l, j F Y")),
        "time": f"{local:%H:%M:%S}",
        "zone": f"{local:%Z}",
        "place": zone.key,
        "utc": _in_utc(in_utc, is_same_day=local.date() == in_utc.date()),
    }
    if local.utcoffset() == timedelta():
        return _("%(day)s, %(time)s UTC") % told
    return _("%(day)s, %(time)s %(zone)s (%(place)s; %(utc)s)") % told


def _in_utc(instant: datetime, *, is_same_day: bool) -> str:
    time = f"{instant:%H:%M:%S}"
    if is_same_day:
        return _("%(time)s UTC") % {"time": time}
    day = formats.date_format(instant, _("j F"))
    return _("%(day)s, %(time)s UTC") % {"day": day, "time": time}


def absolute(path: str) -> str:
    """Return the full address of ``path``; the host comes from settings, never from a request."""
    return f"{settings.BASE_URL}{path}"
