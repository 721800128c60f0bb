"""Why a member stands where the report says, as a sentence with its instant."""

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from accounts.templatetags.told import moment
from enforcement.report import Row

register = template.Library()


@register.simple_tag
def why(row: Row) -> SafeString:
    words = conditional_escape(row.reason.label)
    return mark_safe(words % {"at": moment(row.reason_at)})  # noqa: S308  (escaped)
