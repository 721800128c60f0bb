"""What else costs something: ending sessions, owing mails, finding deadlines, trying codes.

Each beside the way that is usually taken, in the same run, as a ratio.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from bench import audit_rows, codes, crowds, owners, switched_off


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: our way, the usual way, and how they compare."""

    what: str
    milliseconds: float
    usual: str
    usual_milliseconds: float
    # How many times faster at least, below 1 where somewhat slower is right; None: for information.
    least: float | None = None
    note: str = ""

    @property
    def times(self) -> float:
        return self.usual_milliseconds / self.milliseconds

    @property
    def is_missed(self) -> bool:
        return self.least is not None and self.times < self.least


MEASUREMENTS: tuple[Callable[[], Finding], ...] = (
    lambda: Finding(**crowds.forced_logout(people=10_000, sessions=100_000), least=20),
    lambda: Finding(**crowds.announcement(members=10_000)),
    lambda: Finding(**switched_off.mails(members=10_000), least=0.4),
    lambda: Finding(**switched_off.sign_outs(members=10_000), least=0.4),
    lambda: Finding(**crowds.deadline_scan(periods=100_000, due=1_000), least=20),
    lambda: Finding(**owners.page(members=100_000)),
    lambda: Finding(**codes.backup_code_try(), least=5),
    lambda: Finding(**codes.app_step()),
)
# Where several may write at once.
WHERE_MANY_WRITE: tuple[Callable[[], Finding], ...] = (
    lambda: Finding(**audit_rows.writers(), least=2),
)


def report(*, rounds: int, is_binding: bool) -> bool:
    """Print the table; return whether a goal is missed."""
    found = []
    several = WHERE_MANY_WRITE if connection.vendor == "postgresql" else ()
    for measurement in (*several, *MEASUREMENTS):
        finding = measurement()
        found.append(finding)
        least = f"  (at least {finding.least:g})" if finding.least else ""
        print(
            f"  {finding.what}: {finding.milliseconds:.3g} ms; {finding.usual}: "
            f"{finding.usual_milliseconds:.3g} ms; {finding.times:.1f} times faster{least}"
            f"{'  MISSED' if finding.is_missed else ''}",
            flush=True,
        )
        if finding.note:
            print(f"    {finding.note}")
    return is_binding and any(each.is_missed for each in found)
