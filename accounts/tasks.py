"""Jobs of this app: each reads the clock and makes one call."""

import time

from celery import shared_task
from django.utils import timezone

from accounts import delivery, heads, mail, seals
from accounts.clock import is_trustworthy

BATCH = 100
TASK_SECONDS = 100  # well below the time limit, at which a worker would be killed between mails


@shared_task(name="accounts.tasks.send_notices")
def send_notices() -> None:
    """Send what is owed, batch after batch, until nothing is due."""
    if not is_trustworthy():
        return
    stop_at = time.monotonic() + TASK_SECONDS
    while delivery.send_due(now=timezone.now(), limit=BATCH) == BATCH:
        if time.monotonic() >= stop_at:
            mail.wake()  # the rest is another task's
            break


@shared_task(name="accounts.tasks.seal_audit")
def seal_audit() -> None:
    """Seal what no writer has, then tell the chain's end to the outside."""
    seals.seal_all()
    heads.export(now=timezone.now())
