"""Who and what is there when odd values arrive, and how each try is undone.

Each try happens in a transaction that is rolled back: no budget runs out, no state moves on, and
what is compared is what that one try did.
"""

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from django.db import connection, transaction
from django.db.models import CharField, TextField
from django.test import Client

from accounts.models import Account, Identity, Invitation, Membership, Provider, User
from enforcement.models import Approval, Pass, PassRequest, Policy
from twofactor.models import BackupCode, BackupCodeSet, SMSDevice, TOTPDevice

# What a refused try leaves alone. It may write elsewhere: that it was one, and what to tell.
KEPT: list[Any] = [
    User, Account, Membership, Invitation, Policy, Pass, PassRequest, Approval,
    TOTPDevice, SMSDevice, BackupCodeSet, BackupCode, Provider, Identity,
]  # fmt: skip
LINES = {"message", "endorsement", "reason", "certificates"}  # texts that may have several lines
Rows = dict[str, list[dict[str, Any]]]


def rows() -> Rows:
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in KEPT}


class Watch:
    """Notices each statement that may change a row of ``KEPT``: without one, all is as it was."""

    PLAIN = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK")

    def __init__(self) -> None:
        self.tables = [model._meta.db_table for model in KEPT]
        self.has_seen = False

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if not sql.startswith(self.PLAIN):
            self.has_seen |= any(table in sql for table in self.tables)
        return execute(sql, *args)


@contextmanager
def undone(client: Client) -> Iterator[Watch]:
    """Take back whatever is written inside, in the database and in the browser."""
    cookies, watch = deepcopy(client.cookies), Watch()
    with transaction.atomic():
        with connection.execute_wrapper(watch):
            yield watch
        transaction.set_rollback(True)
    client.cookies = cookies


def unclean(found: Rows) -> list[str]:
    """Return the stored texts that no page, mail or list could show on its line or in its room."""
    complaints = []
    for model in KEPT:
        texts = [f for f in model._meta.concrete_fields if isinstance(f, CharField | TextField)]
        for row in found.get(model.__name__, ()):
            complaints += [
                f"{model.__name__}.{field.name}: {row[field.attname]!r:.80}"
                for field in texts
                if not is_clean(row[field.attname], field=field)
            ]
    return complaints


def is_clean(value: str | None, *, field: Any) -> bool:
    allowed = "\r\n\t" if field.name in LINES else ""
    strange = any(
        unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} and letter not in allowed
        for letter in value or ""
    )
    return not strange and len(value or "") <= (field.max_length or len(value or ""))
