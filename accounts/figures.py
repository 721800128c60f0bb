"""Figures for monitoring: what is waiting, what failed, how long it has been so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from accounts import alarms, heads, seals, throttle
from accounts.models import AuditSeal, Notice
from accounts.records import NoticeState


@dataclass(frozen=True, slots=True)
class Figure:
    """One gauge, in the words of Prometheus."""

    name: str
    help: str
    value: float
    labels: str = ""


Source = Callable[..., Iterable[Figure]]
_sources: list[Source] = []


def collect(*, now: datetime) -> list[Figure]:
    counted = Notice.objects.values_list("state").annotate(Count("pk"))
    states = dict(counted.order_by())
    oldest = Notice.objects.filter(state=NoticeState.OWED).aggregate(at=Min("created_at"))["at"]
    found = [
        Figure(
            "gatehouse_notices",
            "Mails by state.",
            states.get(state.value, 0),
            f'{{state="{state.value}"}}',
        )
        for state in NoticeState
    ]
    waited = (now - oldest).total_seconds() if oldest else 0.0
    found.append(Figure("gatehouse_notice_wait_seconds", "Age of the oldest mail owed.", waited))
    found += _audit()
    tries = throttle.failed_tries(now=now)
    found.append(Figure("gatehouse_failed_tries", "Wrong tries within five minutes.", tries))
    found += [
        Figure("gatehouse_alarm", "Alarms within the hour.", is_on, f'{{alarm="{alarm.value}"}}')
        for alarm, is_on in alarms.ringing(now=now).items()
    ]
    for source in _sources:
        found += source(now=now)
    return found


def _audit() -> list[Figure]:
    tail = AuditSeal.objects.order_by("number").last()
    count = tail.number if tail else 0
    begin = int(tail.hash[: heads.DIGITS], 16) if tail else 0
    return [
        Figure("gatehouse_audit_rows", "Rows of the audit that were ever sealed.", count),
        Figure("gatehouse_audit_head", "First 48 bits of the hash of the last one.", begin),
        Figure(
            "gatehouse_audit_waiting",
            "Whether rows wait for their seal.",
            int(seals.is_anything_waiting()),
        ),
        Figure("gatehouse_audit_lost", "Whether an exported head is gone.", int(heads.is_lost())),
    ]


def add_source(source: Source) -> None:
    """Let an app above tell figures of its own."""
    _sources.append(source)


def as_text(figures: Iterable[Figure]) -> str:
    lines: list[str] = []
    named: set[str] = set()
    for figure in figures:
        if figure.name not in named:
            named.add(figure.name)
            lines.append(f"# HELP {figure.name} {figure.help}")
            lines.append(f"# TYPE {figure.name} gauge")
        lines.append(f"{figure.name}{figure.labels} {figure.value:.15g}")
    return "\n".join(lines) + "\n"
