"""Instants, lengths and names inside sentences: ``{% moment at as until %}``, then ``{{ until }}``.

A sentence is translated whole, so what stands inside it has to be a value.
"""

from collections.abc import Iterable
from datetime import datetime
from math import ceil

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from accounts import agents, wording, words
from accounts.pages import in_words, to_the_second

register = template.Library()


@register.simple_tag
def moment(at: datetime | None) -> str:
    """Return ``at`` in the reader's zone, with UTC beside where that is another time."""
    return render_to_string("parts/_time.html", {"at": at}) if at else ""


@register.simple_tag
def second(at: datetime) -> SafeString:
    """Return ``at`` to the second, for whoever has to wait until then."""
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), to_the_second(at))


@register.simple_tag
def clock(at: datetime | None) -> str:
    """Return the time of day, to the second."""
    return render_to_string("parts/_clock.html", {"at": at}) if at else ""


@register.simple_tag
def left(until: datetime | None, seconds_left: int) -> str:
    """Return how long is left, counted down where there is JavaScript."""
    if until is None:
        return ""
    return render_to_string("parts/_left.html", {"until": until, "seconds_left": seconds_left})


@register.filter
def browser(agent: str) -> str:
    """Return the browser that sent ``agent`` by the name that people know."""
    return agents.described(agent)


@register.filter
def countdown(until: datetime) -> SafeString:
    """Return how long a wait still lasts, counted down where there is JavaScript."""
    wait = until - timezone.now()
    seconds = max(0, ceil(wait.total_seconds()))
    return format_html(
        '<span class="left" data-seconds-left="{}">{}</span>', seconds, in_words(wait)
    )


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """Return what the site speaks, each as its speakers call it."""
    return settings.LANGUAGES


@register.filter
def role_word(role: str) -> str:
    """Return a role as it stands within a sentence."""
    return str(wording.ROLES.get(role, role))


@register.simple_tag
def names(given: Iterable[object], *, otherwise: str = "") -> SafeString:
    """Return all of ``given``, as "A, B and C", each of them stressed; or else ``otherwise``."""
    if not given:
        return conditional_escape(otherwise)
    stressed = [format_html("<strong>{}</strong>", name) for name in given]
    return mark_safe(words.listed(map(conditional_escape, stressed)))  # noqa: S308  (escaped)
