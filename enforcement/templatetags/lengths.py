"""How long a pass lasts, for pages and mails: an operator may have chosen another length."""

from datetime import timedelta

from django import template
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

HOUR, MINUTE = 3600, 60


@register.simple_tag
def pass_lasts() -> str:
    """Return how long a pass lasts, as "24 hours"."""
    return in_full(settings.TWO_FACTOR_PASS)


@register.simple_tag
def a_pass() -> str:
    """Return a pass by its length, as "a 24-hour pass" or "an 8-hour pass"."""
    number, unit = _parts(settings.TWO_FACTOR_PASS)
    words = {HOUR: _("%d-hour pass"), MINUTE: _("%d-minute pass"), 1: _("%d-second pass")}
    is_spoken_with_a_vowel = str(number).startswith("8") or number in {11, 18}
    return f"{'an' if is_spoken_with_a_vowel else 'a'} {words[unit] % number}"


def in_full(length: timedelta) -> str:
    number, unit = _parts(length)
    if unit == HOUR:
        return ngettext("%d hour", "%d hours", number) % number
    if unit == MINUTE:
        return ngettext("%d minute", "%d minutes", number) % number
    return ngettext("%d second", "%d seconds", number) % number


def _parts(length: timedelta) -> tuple[int, int]:
    """Return ``length`` in the largest unit that tells it exactly; a promise is not rounded."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit in (HOUR, MINUTE, 1) if seconds % unit == 0)
    return seconds // unit, unit
