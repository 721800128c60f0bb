"""A clock that stands still for those who attack, and nothing left over outside."""

from tests.enforcement.conftest import clean_outside, clock

__all__ = ["clean_outside", "clock"]
