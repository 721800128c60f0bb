"""The audit as a file: the rows of the page, all of them, for a table or a program.

Called by the audit's page in the admin. The export itself is a row of the audit.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import translation

from accounts import audit, exports, keys
from accounts.audit import Entry, Event
from accounts.audit_words import plain_words_of
from accounts.models import Account, AuditEvent, AuditSeal, User

CHUNK = 300
# A row's number counts those of the whole site: how much goes on there is no owner's to know.
COLUMNS = ("at", "event", "what", "by", "about", "account", "before", "after")
FOR_SUPPORT = ("number", *COLUMNS, "address", "request_id", "seal", "hash")
STREAMS = {"csv": exports.stream_csv, "json": exports.stream_json}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported, to whom; ``rows`` are the page's, narrowed as the page is."""

    rows: QuerySet[AuditEvent]
    form: str
    person: User
    is_support: bool
    accounts: list[Account]  # whose audit it is; none: support's view of all
    asked: dict[str, str]  # what it was narrowed by
    namer: Any  # how the page names the people of a row


def stream(export: Export, *, now: datetime) -> StreamingHttpResponse:
    """Record the export, then return its rows as they are read; the newest come first."""
    newest = export.rows.order_by("-number").values_list("number", flat=True).first()
    _record(export, now=now)
    columns = FOR_SUPPORT if export.is_support else COLUMNS
    found = _told(export, up_to=newest or 0)
    name = "-".join(["audit", *(account.slug for account in export.accounts[:1])])
    filename = exports.dated(name, now=now, ending=export.form)
    return STREAMS[export.form](found, columns=columns, filename=filename)


@transaction.atomic
def _record(export: Export, *, now: datetime) -> None:
    """One row for each account whose audit leaves; its owners see who took it."""
    asked = {name: value[:100] for name, value in export.asked.items() if value}
    if "q" in asked:
        asked["person"] = keys.pseudonym(asked.pop("q"))
    accounts: list[Account | None] = [*export.accounts] or [None]
    audit.record_many(
        [
            Entry(
                event=Event.AUDIT_EXPORTED,
                actor=export.person,
                account=account,
                after={"form": export.form, **asked},
            )
            for account in accounts
        ],
        now=now,
    )


def _told(export: Export, *, up_to: int) -> Iterator[list[Any]]:
    while rows := list(export.rows.filter(number__lte=up_to).order_by("-number")[:CHUNK]):
        seals = _seals(rows) if export.is_support else {}
        for row in rows:
            yield _row(row, export, seals.get(row.number))
        up_to = rows[-1].number - 1


def _seals(rows: list[AuditEvent]) -> dict[int, AuditSeal]:
    found = AuditSeal.objects.filter(row__in=[row.number for row in rows])
    return {seal.row: seal for seal in found}


@translation.override(None)  # a file is the same for all readers
def _row(row: Any, export: Export, seal: AuditSeal | None) -> list[Any]:
    values = [row.before, row.after]
    if export.form == "csv":
        values = [
            "" if value is None else json.dumps(value, ensure_ascii=False) for value in values
        ]
    told = [
        row.at.astimezone(UTC),
        row.event,
        plain_words_of(row.event),
        export.namer.who(row),
        export.namer.whom(row),
        export.namer.account_name(row),
        *values,
    ]
    if export.is_support:
        place = [seal.number, seal.hash] if seal else ["", ""]
        return [row.number, *told, row.address, row.request_id, *place]
    return told
