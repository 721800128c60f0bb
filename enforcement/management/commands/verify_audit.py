"""Prove that the audit trail is whole."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts import audit_check, heads
from accounts.audit_check import Verdict
from accounts.commands import OneLineCommand


class Command(OneLineCommand):
    help = "Exit 0 when the chain of the audit is whole, else name the first bad row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head", action="append", default=[], metavar="COUNT:HASH",
            help="A head that was kept: the chain must hold it. May be given several times.",
        )  # fmt: skip
        parser.add_argument(
            "--head-file", type=Path, help="A file of such heads, as AUDIT_HEAD_FILE names one."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = audit_check.check(kept=_kept(options["head"], options["head_file"]))
        if verdict.fault is not None:
            fault = verdict.fault
            raise CommandError(f"The audit is broken at row {fault.row}: {fault.what}.")
        if set(verdict.unchecked) & set(_kept(options["head"], None)):
            raise CommandError(
                f"The audit begins at {verdict.first}: retention removed what an older head names."
            )
        self.stdout.write(_told(verdict))


def _kept(given: list[str], file: Path | None) -> dict[int, str]:
    try:
        lines = file.read_text().splitlines() if file else []
        return heads.read([*lines, *given])
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The file of heads cannot be read: {error}") from error
    except heads.Unreadable as error:
        raise CommandError(f"No head, or one that contradicts another: {error}") from error


def _told(verdict: Verdict) -> str:
    if not verdict.count:
        return f"The audit is whole: {verdict.waiting} rows."
    waiting = f", {verdict.waiting} more waiting to be sealed" if verdict.waiting else ""
    return (
        f"The audit is whole: {verdict.sealed} rows{waiting}; head {verdict.count}:{verdict.hash}"
    )
