"""Jobs of this app: each reads the clock and makes one call."""

from celery import shared_task
from django.utils import timezone

from accounts import mail
from accounts.clock import is_trustworthy

BATCH = 100


@shared_task(name="accounts.tasks.send_notices")
def send_notices() -> None:
    """Send what is owed, batch after batch, until nothing is due."""
    if not is_trustworthy():
        return
    while mail.send_due(now=timezone.now(), limit=BATCH) == BATCH:
        continue
