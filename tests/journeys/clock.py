"""The one clock of a journey: it stands still until it is moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

START = datetime(2026, 11, 25, 9, 30, 10, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY = timedelta(hours=24)


class Clock:
    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def set(self, at: datetime) -> None:
        self._traveller.move_to(at, tick=False)

    def forward(self, **span: float) -> None:
        self.set(self.now + timedelta(**span))


@contextmanager
def stopped_clock() -> Iterator[Clock]:
    with time_machine.travel(START, tick=False) as traveller:
        yield Clock(traveller)
