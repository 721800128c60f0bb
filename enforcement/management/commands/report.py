"""Every member's state, for a table or a program."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from accounts import exports
from accounts.commands import OneLineCommand
from enforcement import report
from enforcement.management import reading
from enforcement.report import Row


class Command(OneLineCommand):
    help = "List every member of an account: outcome, what must be done, and flags."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true")
        form.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        account = reading.account(options["slug"])
        found = [_shown(row) for row in report.rows(account, now=timezone.now())]
        if options["json"]:
            self.stdout.write(json.dumps(found))
        elif options["csv"]:
            for line in _as_csv(found):
                self.stdout.write(line)
        else:
            for each in found:
                self.stdout.write("  ".join(str(value) for value in each.values()))


def _shown(row: Row) -> dict[str, Any]:
    until = row.obligation.until
    return {
        "email": row.membership.user.email,
        "name": row.membership.user.name,
        "role": row.membership.role,
        "outcome": str(row.outcome),
        "step": row.obligation.step.value,
        "until": until.isoformat() if until else "",
        "no_working_email": row.mail_fails,
        "outside_domains": row.is_outside,
    }


def _as_csv(rows: list[dict[str, Any]]) -> Iterator[str]:
    columns = list(rows[0]) if rows else ["email"]
    for line in exports.csv_lines((list(row.values()) for row in rows), columns=columns):
        yield line.rstrip("\r\n")
