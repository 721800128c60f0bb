"""The account of the journeys is there for odd values, too."""

from tests.journeys.conftest import clean_outside, clock, northwind

__all__ = ["clean_outside", "clock", "northwind"]
