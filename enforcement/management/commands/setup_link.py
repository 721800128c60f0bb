"""A set-up link for somebody who can't be mailed."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.commands import OneLineCommand
from enforcement.management import reading
from twofactor import mailbox


class Command(OneLineCommand):
    help = "Print a set-up link that proves the mailbox; for a first superuser without mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        person = reading.person(options["email"])
        self.stdout.write(mailbox.give_out_link(person, now=timezone.now()))
