"""Names that people chose, inside sentences of ours: ``{{ person|named }}``.

A name that is written from right to left would turn round what stands beside it. An address that
is wider than its column is broken between its parts: ``{{ person.email|parted }}``.
"""

import re

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts import mail_names

register = template.Library()
BEHIND_AT, BEFORE_DOT = re.compile(r"(?<=@)"), re.compile(r"(?=\.)")
NARROW = 20  # letters that even a narrow column holds; each place costs its bytes


@register.filter
def named(name: object) -> SafeString:
    """Return ``name``, set apart where it is written from right to left."""
    told = "" if name is None else str(name)
    if mail_names.is_right_to_left(told):
        return format_html("<bdi>{}</bdi>", told)
    return conditional_escape(told)


@register.filter
def isolated(name: object) -> str:
    """Return the same as a text: titles and choices can't have elements in them."""
    return mail_names.isolated("" if name is None else str(name))


@register.filter
def parted(address: object) -> SafeString:
    """Return ``address`` with places to break it: behind its ``@``, in a long part before dots."""
    parts: list[str] = []
    for part in BEHIND_AT.split("" if address is None else str(address)):
        parts += BEFORE_DOT.split(part) if len(part) > NARROW else [part]
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))
