"""The databases that are measured: each private, empty, and gone at the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command

from tests.services.postgres import running_postgres


@contextmanager
def sqlite() -> Iterator[str]:
    """Yield the DATABASE_URL of a file: what a server uses, unlike a database in memory."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


@contextmanager
def postgres() -> Iterator[str]:
    with running_postgres() as url:
        yield url


def prepare() -> None:
    """Make the tables of this process's database, which is new and empty."""
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)  # the stock user has no migrations
