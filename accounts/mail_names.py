"""Names that people chose, where a mail prints them: they fit in, and turn nothing round."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.text import Truncator

# What people wrote, by the names that templates know it under.
WRITTEN = (
    "account", "actor_begins", "actor_name", "inviter", "member_name", "message", "person_name",
    "provider", "provider_name", "reason",
)  # fmt: skip
IN_A_SUBJECT = 60
RIGHT_TO_LEFT = {"R", "AL"}
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"


def shortened(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the names that are too long for a subject, cut."""
    names = {name: str(values[name]) for name in WRITTEN if values.get(name)}
    return {name: Truncator(told).chars(IN_A_SUBJECT) for name, told in names.items()}


def set_apart(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written from right to left, so marked that what is around it stays put."""
    found = {name: isolated(str(values[name])) for name in WRITTEN if values.get(name)}
    names = values.get("names")
    return {**found, **({"names": [isolated(str(name)) for name in names]} if names else {})}


def is_right_to_left(text: str) -> bool:
    """Return whether ``text`` has letters that are written from right to left."""
    return any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in text)


def isolated(text: str) -> str:
    return f"{ISOLATE}{text}{END_OF_ISOLATE}" if is_right_to_left(text) else text
