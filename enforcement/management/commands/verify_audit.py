"""Prove that the audit trail is whole."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.models import AuditEvent


class Command(BaseCommand):
    help = "Exit 0 when the chain of the audit is whole, else name the first bad row."

    def handle(self, *args: Any, **options: Any) -> None:
        bad = audit.first_bad_row()
        if bad is not None:
            raise CommandError(f"The audit is broken at row {bad}.")
        self.stdout.write(f"The audit is whole: {AuditEvent.objects.count()} rows.")
