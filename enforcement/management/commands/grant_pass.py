"""Break-glass: a pass granted by the operator."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import words
from accounts.commands import OneLineCommand
from enforcement import passes
from enforcement.management import reading


class Command(OneLineCommand):
    help = "Let a person work without a second factor for the length of a pass."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--ticket", default="")
        parser.add_argument("--by", metavar="EMAIL", help="the support person who acts")

    def handle(self, *args: Any, **options: Any) -> None:
        user = reading.person(options["email"])
        actor = reading.person(options["by"]) if options["by"] else None
        try:
            granted = passes.grant_pass(
                user=user,
                actor=actor,
                reason=words.lines(options["reason"]),
                ticket=words.one_line(options["ticket"]),
                now=timezone.now(),
            )
        except passes.NotGrantable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.email} has a pass until {granted.until.isoformat()}.")
