"""One at a time, by a name: for limits over something that has no row to lock.

Always taken in this order, after the person's row (of several people: by their keys): client
address, accounts, phone number, the whole site.
"""

import hashlib

from django.db import connection


def hold(*name: object) -> None:
    """Let nobody else go on with ``name`` until the transaction under way has ended.

    SQLite needs nothing: there each transaction is IMMEDIATE, and so alone from its beginning.
    """
    if connection.vendor != "postgresql":
        return
    digest = hashlib.sha256("\0".join(map(str, name)).encode()).digest()
    number = int.from_bytes(digest[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [number])
