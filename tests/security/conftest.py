"""A clock that stands still for those who attack."""

from collections.abc import Iterator

import pytest

from tests.journeys.clock import Clock, stopped_clock


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped_clock() as clock:
        yield clock
