"""Let a role of its own run the application, on PostgreSQL."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts import app_role
from accounts.commands import OneLineCommand


class Command(OneLineCommand):
    help = "Grant a role what the application needs, and no change of the audit; run as the owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            app_role.grant(options["role"])
        except app_role.NotGrantable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['role']} may run the application, and only add to the audit.")
