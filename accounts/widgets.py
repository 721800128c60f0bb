"""Form widgets of our own."""

from functools import lru_cache
from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class LongSelect(forms.Select):
    """A select of hundreds of options without groups, such as time zones.

    Django renders a template for each option, twenty times as long as all the rest of the page.
    """

    def option_attrs(self, value: str) -> dict[str, Any]:
        """Return what else the option of ``value`` carries."""
        return {}

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        selected = self.format_value(value)
        options = format_html_join(
            "\n",
            "{}",
            ((self._option(key, label, str(key) in selected),) for key, label in self.choices),
        )
        own = self.build_attrs(self.attrs, {"name": name, **(attrs or {})})
        return format_html("<select{}>\n{}\n</select>", flatatt(own), options)

    def _option(self, key: Any, label: Any, is_selected: bool) -> SafeString:
        chosen = {"selected": True} if is_selected else {}
        return option(str(key), str(label), tuple((chosen | self.option_attrs(key)).items()))


@lru_cache(maxsize=4096)  # all of them, in each language
def option(value: str, label: str, attrs: tuple[tuple[str, Any], ...]) -> SafeString:
    return format_html('<option value="{}"{}>{}</option>', value, flatatt(dict(attrs)), label)
