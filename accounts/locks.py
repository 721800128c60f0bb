"""One at a time, by a name: for limits over something that has no row to lock.

Always taken in this order, after the person's row (of several people: by their keys; a new one
counts from the moment it is made): client address, accounts, phone number, the whole site.

An invitation and a notice come after the person and the account that they are about. A mail waits
at the commit for the key of its reader's row, which only a deletion holds: that takes the reader
out of invitations, and of other rows that stay, before.
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
