"""What an enforced request costs beside the same view on plain Django, state by state.

Run by ``bench.__main__`` once per database, in a process of its own.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import handlers, measure, people

GOALS = {"verified": 0.90}
GOAL = 1.00
THROUGH_SSO = "exempt by SSO"  # one query more


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    state: str
    queries: int
    plain_queries: int
    microseconds: float
    ratio: float
    goal: float | None

    @property
    def is_missed(self) -> bool:
        return self.goal is not None and self.ratio > self.goal


def calls(engine: str) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Return for each state the request to each of the sites: enforced, plain."""
    enforced, plain = handlers.enforced_site(engine), handlers.plain_site(engine)
    name = settings.SESSION_COOKIE_NAME
    now = timezone.now()
    base = handlers.caller(
        plain,
        path="/trivial/",
        cookie=f"{name}={handlers.plain_session(engine)}",
        expected="signed in",
    )
    found = {}
    with people.cheap_backup_codes():
        for state, make in {**people.STATES, THROUGH_SSO: people.exempt_by_sso}.items():
            call = handlers.caller(
                enforced,
                path="/trivial/",
                cookie=f"{name}={make(now)}",
                expected="signed in" if state in (*people.LET_IN, THROUGH_SSO) else "401",
            )
            found[state] = (call, base)
    found["anonymous"] = (
        handlers.caller(enforced, path="/trivial/open/", cookie="", expected="nobody"),
        handlers.caller(plain, path="/trivial/open/", cookie="", expected="nobody"),
    )
    return found


def measured(*, rounds: int, is_binding: bool) -> list[Row]:
    """Measure every state; ``is_binding`` says whether the goals hold for this database."""
    pairs = calls(settings.SESSION_ENGINE)
    each = [call for pair in pairs.values() for call in pair]
    for call in each * 5:
        call()  # compiled queries, prepared statements, caches
    times = measure.interleaved(each, rounds=rounds)
    rows = []
    for place, (state, (call, base)) in enumerate(pairs.items()):
        ours, theirs = times[2 * place], times[2 * place + 1]
        rows.append(
            Row(
                state=state,
                queries=_queries(call),
                plain_queries=_queries(base),
                microseconds=measure.medians([ours])[0] * 1e6,
                ratio=measure.ratio(ours, theirs),
                goal=GOALS.get(state, GOAL) if is_binding else None,
            )
        )
    return rows


def _queries(call: Callable[[], None]) -> int:
    context: AbstractContextManager[CaptureQueriesContext] = CaptureQueriesContext(connection)
    with context as captured:
        call()
    return len(captured)


def report(*, rounds: int, is_binding: bool) -> bool:
    """Print the table; return whether a goal is missed."""
    rows = measured(rounds=rounds, is_binding=is_binding)
    print("  state                     queries (plain)     us   x plain    goal")
    for row in rows:
        goal = f"<= {row.goal:.2f}" if row.goal is not None else "-"
        print(
            f"  {row.state:25} {row.queries:7} ({row.plain_queries}) {row.microseconds:10.0f}"
            f" {row.ratio:9.2f} {goal:>7}{'  MISSED' if row.is_missed else ''}"
        )
    return any(row.is_missed for row in rows)
