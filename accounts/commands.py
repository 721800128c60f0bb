"""What all commands share: whatever is wrong is one line on stderr, and a status other than 0."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError

from accounts import words

BAD_USAGE = 2
# Not there, not writable, or without our tables.
UNUSABLE = (OperationalError, InterfaceError, ProgrammingError)
TRIES = 5
T = TypeVar("T")


def beside_others(make: Callable[[], T]) -> T:
    """Return what ``make``, a transaction of its own, makes; in a next try if it was in vain.

    A command that runs beside may make the same row, a sign-in or a short name: the next try
    finds that one.

    :raises django.db.IntegrityError: if it was in vain five times.
    """
    for _ in range(TRIES - 1):
        try:
            return make()
        except IntegrityError:
            continue
    return make()


class OneLineCommand(BaseCommand):
    def run_from_argv(self, argv: list[str]) -> None:
        try:
            self.check_usage(argv)
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(BAD_USAGE)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Carry it out; what it complains of repeats what was typed, in one line as well.

        :raises CommandError: with one line.
        """
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            said = words.one_line(str(error))
            raise CommandError(said, returncode=error.returncode) from None
        except UNUSABLE as error:
            said = words.one_line(str(error))
            told = f"The database can't be used (does it run, and is it migrated?): {said}"
            raise CommandError(told) from error

    def check_usage(self, argv: list[str]) -> None:
        """Read the arguments before argparse does, which would print the whole usage, too.

        :raises CommandError: with one line, for arguments that are none of this command's, or
            that no database can look for: a terminal may write another encoding.
        """
        if not words.is_utf8("".join(argv)):
            raise CommandError(f"{argv[1]}: arguments are read as UTF-8.")
        try:
            self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        except CommandError as error:
            said = words.one_line(str(error).removeprefix("Error: "))
            raise CommandError(f"{argv[1]}: {said} (--help tells more)") from None
