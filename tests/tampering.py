"""What a database administrator can do, and the product's own role cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from accounts import append_only


@contextmanager
def as_administrator(on: Any = connection) -> Iterator[None]:
    """Lift the database's rule that the audit only grows."""
    if on.vendor == "postgresql":
        with on.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        yield
        with on.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")
    else:
        append_only.lift_on_sqlite(on)
        yield
        append_only.install(on)
