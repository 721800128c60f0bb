"""Whether the jobs run at all: of a beat or worker that is gone nothing else would tell.

Pages go on without them, and the gate holds every deadline; mails and sign-outs wait.
"""

from collections.abc import Iterable
from datetime import datetime

from accounts.figures import Figure
from enforcement.models import Sweep

ONE_ROW = 1


def note(*, now: datetime) -> None:
    """Write down that the jobs have looked; each sweep does so at its end."""
    Sweep.objects.update_or_create(pk=ONE_ROW, defaults={"at": now})


def figures(*, now: datetime) -> Iterable[Figure]:
    """Return how long ago that was, in seconds; nothing before the first time."""
    last = Sweep.objects.filter(pk=ONE_ROW).first()
    if last is None:
        return []
    age = max(0.0, (now - last.at).total_seconds())
    return [Figure("gatehouse_sweep_age_seconds", "Time since the last sweep.", age)]
