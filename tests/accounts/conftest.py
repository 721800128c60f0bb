"""What tests of people, accounts and sessions share; the clock stands still where asked for."""

from tests.enforcement.conftest import ada, clean_outside, clock, northwind, now, owner

__all__ = ["ada", "clean_outside", "clock", "northwind", "now", "owner"]
