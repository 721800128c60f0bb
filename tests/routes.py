"""Every route of the product, with a path that it answers: for tests that leave none out."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from accounts.references import reference_to

HOLE = re.compile(r"<(?:(\w+):)?(\w+)>")
FILLED = {"int": "1", "slug": "northwind", "str": "x", "path": "1", "": "x"}
ROW = 1  # the number of the row that a path to one leads to


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its name with namespace (its text where it has none), its view and its text."""

    name: str
    view: Callable[..., Any]
    text: str  # with its holes

    @property
    def path(self) -> str:
        """A path that it answers."""
        return HOLE.sub(_fill, self.text)


def routes() -> list[Route]:
    return list(_below(get_resolver().url_patterns, prefix="/", space=""))


def _below(
    patterns: Sequence[URLPattern | URLResolver], *, prefix: str, space: str
) -> Iterator[Route]:
    for pattern in patterns:
        is_regex = isinstance(pattern.pattern, RegexPattern)
        text = "anything" if is_regex else str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _below(pattern.url_patterns, prefix=prefix + text, space=inner)
        else:
            name = pattern.name or str(pattern.pattern)
            yield Route(f"{space}{name}", pattern.callback, prefix + text)


def _fill(hole: re.Match[str]) -> str:
    return reference_to(ROW) if hole[1] == "row" else FILLED[hole[1] or ""]
