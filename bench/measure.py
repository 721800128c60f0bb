"""Time things side by side: in one run, in rotating order, by medians, as ratios.

A busy machine slows neighbours alike, so what is compared runs in turns, a few calls each.
"""

import gc
import time
from collections.abc import Callable, Sequence
from statistics import median

Call = Callable[[], object]


def interleaved(calls: Sequence[Call], *, rounds: int, block: int = 5) -> list[list[float]]:
    """Return for each call its seconds per round: the best of a block of ``block`` calls in turn.

    The first of a block finds the processor's caches full of its predecessor's work, which no
    real process shares; the median of the block is taken.
    """
    times: list[list[float]] = [[] for _ in calls]
    order = list(range(len(calls)))
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            for which in order[turn % len(order) :] + order[: turn % len(order)]:
                times[which].append(_timed(calls[which], block))
    finally:
        gc.enable()
    return times


def _timed(call: Call, block: int) -> float:
    found = []
    for _ in range(block):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return median(found)


def medians(times: Sequence[Sequence[float]]) -> list[float]:
    return [median(each) for each in times]


def ratio(times: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the ratios of neighbours in time."""
    return median(one / other for one, other in zip(times, base, strict=True))
