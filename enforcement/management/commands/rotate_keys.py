"""Move every sealed value to the newest key."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts import sealing
from accounts.commands import OneLineCommand
from twofactor import rotation


class Command(OneLineCommand):
    help = "Re-encrypt secrets under the first of FIELD_KEYS; can be run again after a stop."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            counts = rotation.reseal_all(now=now)
        except sealing.Unreadable:
            raise CommandError(
                "A value is under none of FIELD_KEYS; put its key back, and run this again."
            ) from None
        for name, count in counts.items():
            self.stdout.write(f"{name}: {count}")
        if settings.FIELD_KEYS[1:]:
            until = now + rotation.LINK_LIFE
            self.stdout.write(
                "Nothing is left under an older key but links in mails: keep it until "
                f"{until:%Y-%m-%d %H:%M} UTC."
            )
