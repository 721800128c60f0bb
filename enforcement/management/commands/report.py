"""Every member's state, for a table or a program."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts import exports
from accounts.commands import OneLineCommand
from enforcement import report
from enforcement.management import reading

SHOWN = 8  # values to a line on the screen; files have them all


class Command(OneLineCommand):
    help = "List every member of an account: outcome, what must be done, and flags."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true")
        form.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        account = reading.account(options["slug"])
        found = map(report.told, report.rows(account, now=timezone.now()))
        if options["json"]:
            lines = exports.json_lines(found, columns=report.COLUMNS)
        elif options["csv"]:
            lines = exports.csv_lines(found, columns=report.COLUMNS)
        else:
            lines = ("  ".join(map(str, each[:SHOWN])) for each in found)
        for line in lines:
            self.stdout.write(line.strip("\r\n"))
