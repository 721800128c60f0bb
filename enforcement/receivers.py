"""What the app below tells this one: set-up was completed; a sign-in came through an invitation."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.models import User
from enforcement import passes
from twofactor.signals import device_confirmed


@receiver(device_confirmed)
def end_pass(sender: Any, *, user: User, now: datetime, **kwargs: Any) -> None:
    passes.end_by_set_up(user=user, now=now)
