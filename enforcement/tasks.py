"""Jobs of this app: each reads the clock and makes its calls; one that fails stops no other."""

import logging
from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.clock import is_trustworthy
from enforcement import logouts, notices

logger = logging.getLogger(__name__)

WORK: tuple[Callable[..., None], ...] = (
    logouts.end_overdue_sessions,
    logouts.settle_passes,
    notices.announce,
    notices.remind,
    notices.warn_of_passes,
)


@shared_task(name="enforcement.tasks.sweep")
def sweep() -> None:
    """Carry out what has become due, from stored state alone."""
    if is_trustworthy():
        carry_out(now=timezone.now())


def carry_out(*, now: datetime) -> None:
    for work in WORK:
        try:
            work(now=now)
        except Exception:
            logger.exception("%s failed; the next sweep tries again.", work.__name__)
