"""End a pass early."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.commands import OneLineCommand
from enforcement import passes
from enforcement.management import reading


class Command(OneLineCommand):
    help = "End a person's pass; the devices from before it verify again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = reading.person(options["email"])
        try:
            passes.revoke_pass(user=user, actor=None, now=timezone.now())
        except passes.NotGrantable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"The pass of {user.email} has ended.")
