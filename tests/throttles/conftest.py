"""A clock that stands still, an account with people, and nothing left over outside."""

from tests.enforcement.conftest import ada, clean_outside, clock, northwind, now, owner

__all__ = ["ada", "clean_outside", "clock", "northwind", "now", "owner"]
