"""Break-glass: a pass granted by the operator."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import words
from accounts.commands import OneLineCommand
from accounts.models import User
from enforcement import approvals, passes
from enforcement.management import reading
from enforcement.models import Approval, Pass


class Command(OneLineCommand):
    help = "Let a person work without a second factor for the length of a pass."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--ticket", default="")
        parser.add_argument(
            "--by", metavar="EMAIL", help="who of support acts: bound as in the admin"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = reading.person(options["email"])
        actor = reading.person(options["by"]) if options["by"] else None
        given = {
            "user": user,
            "reason": words.lines(options["reason"]),
            "ticket": words.one_line(options["ticket"]),
            "now": timezone.now(),
        }
        try:
            self.stdout.write(_said(_grant(actor, given)))
        except passes.NotGrantable as error:
            raise CommandError(str(error)) from None


def _grant(actor: User | None, given: dict[str, Any]) -> Pass | Approval:
    """Break the glass; but under a name of support's, do what that person could do."""
    if actor is None:
        return passes.grant_pass(actor=None, **given)
    return approvals.grant_or_ask(actor=actor, **given)


def _said(made: Pass | Approval) -> str:
    until = made.until.isoformat()
    if isinstance(made, Pass):
        return f"{made.user.email} has a pass until {until}."
    return f"The pass for {made.user.email} waits for a second of support, until {until}."
