"""How long a pass lasts and how much time is left: an operator may have chosen other lengths."""

from datetime import datetime, timedelta

from django import template
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

HOUR, MINUTE = 3600, 60
TOLD_IN_MINUTES = timedelta(minutes=90)


@register.simple_tag
def pass_lasts() -> str:
    """Return how long a pass lasts, as "24 hours"."""
    return in_full(settings.TWO_FACTOR_PASS)


@register.simple_tag
def a_pass() -> str:
    """Return a pass by its length, as "a 24-hour pass" or "an 8-hour pass"."""
    number, unit = _parts(settings.TWO_FACTOR_PASS)
    is_spoken_with_a_vowel = str(number).startswith("8") or number in {11, 18}
    told = _spoken_with_a_vowel(unit) if is_spoken_with_a_vowel else _spoken(number, unit)
    return told % {"number": number}


def _spoken(number: int, unit: int) -> str:
    if unit == HOUR:
        return ngettext("a %(number)d-hour pass", "a %(number)d-hour pass", number)
    if unit == MINUTE:
        return ngettext("a %(number)d-minute pass", "a %(number)d-minute pass", number)
    return ngettext("a %(number)d-second pass", "a %(number)d-second pass", number)


def _spoken_with_a_vowel(unit: int) -> str:
    """These are never one."""
    words = {
        HOUR: _("an %(number)d-hour pass"),
        MINUTE: _("an %(number)d-minute pass"),
        1: _("an %(number)d-second pass"),
    }
    return words[unit]


@register.simple_tag
def time_left(until: datetime, now: datetime) -> str:
    """Return about how long it is ``until`` then: hours to the nearest, minutes not too many.

    Of an instant that is past, nothing: a mail may have waited for its server.
    """
    left = until - now
    if left <= timedelta():
        return ""
    if left >= TOLD_IN_MINUTES:
        return in_full(timedelta(hours=round(left / timedelta(hours=1))))
    return in_full(timedelta(minutes=max(left // timedelta(minutes=1), 1)))


def in_full(length: timedelta) -> str:
    number, unit = _parts(length)
    if unit == HOUR:
        return ngettext("%(number)d hour", "%(number)d hours", number) % {"number": number}
    if unit == MINUTE:
        return ngettext("%(number)d minute", "%(number)d minutes", number) % {"number": number}
    return ngettext("%(number)d second", "%(number)d seconds", number) % {"number": number}


def _parts(length: timedelta) -> tuple[int, int]:
    """Return ``length`` in the largest unit that tells it exactly; a promise is not rounded."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit in (HOUR, MINUTE, 1) if seconds % unit == 0)
    return seconds // unit, unit
