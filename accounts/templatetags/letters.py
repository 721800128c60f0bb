"""Parts of sentences in mails: so the plain and the HTML text are one sentence to translate."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def strong(value: object) -> SafeString:
    """Return ``value`` as a name that stands out; for the HTML part alone."""
    return format_html("<strong>{}</strong>", value)


@register.filter
def link(url: str) -> SafeString:
    """Return ``url`` as a link that shows where it leads; for the HTML part alone."""
    return format_html('<a href="{}">{}</a>', url, url)


@register.filter
def work_addresses(domains: Iterable[str]) -> str:
    """Return how the work addresses of an account end, as "…@a.example, …@b.example"."""
    return ", ".join(f"…@{domain}" for domain in domains)
