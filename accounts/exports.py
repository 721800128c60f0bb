"""Tables that leave the product as files: CSV and JSON, streamed, safe in a spreadsheet.

Called by pages and commands with an iterator of rows, which is asked for a chunk at a time: a
hundred thousand rows take no more memory than a hundred, under WSGI and under ASGI.
"""

import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

Row = Sequence[Any]

# What a spreadsheet takes for the beginning of a formula; it skips spaces before it.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTROL = ("\t", "\r", "\n")
ROWS_PER_CHUNK = 200


class FileResponse(StreamingHttpResponse):
    """A stream that ASGI, too, takes chunk by chunk: Django's own would be read whole first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self)
        while chunk := await sync_to_async(_next_of)(chunks):
            yield chunk


def stream_csv(
    rows: Iterable[Row], *, columns: Sequence[str], filename: str
) -> StreamingHttpResponse:
    """Return ``rows`` under a line with the names of ``columns``."""
    return _file(csv_lines(rows, columns=columns), filename=filename, kind="text/csv")


def stream_json(
    rows: Iterable[Row], *, columns: Sequence[str], filename: str
) -> StreamingHttpResponse:
    """Return ``rows`` as one list of objects, whose keys are ``columns``."""
    return _file(json_lines(rows, columns=columns), filename=filename, kind="application/json")


def dated(name: str, *, now: datetime, ending: str) -> str:
    """Return the name of a file with the day of ``now`` in it."""
    return f"{name}-{now:%Y-%m-%d}.{ending}"


def csv_lines(rows: Iterable[Row], *, columns: Sequence[str]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([harmless(value) for value in row])


def json_lines(rows: Iterable[Row], *, columns: Sequence[str]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        yield before + json.dumps(values, ensure_ascii=False, default=_plain)
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


def harmless(value: Any) -> Any:
    """Return ``value`` for a cell: text that a spreadsheet would run is marked as text."""
    value = _plain(value) if isinstance(value, date) else value
    if not isinstance(value, str):
        return value
    is_formula = value.lstrip().startswith(FORMULA) or value.startswith(CONTROL)
    return f"'{value}" if is_formula else value


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


class _Echo:
    """A file for ``csv.writer`` that hands back what it would write."""

    def write(self, text: str) -> str:
        return text


def _file(lines: Iterator[str], *, filename: str, kind: str) -> FileResponse:
    answer = FileResponse(_chunks(lines), content_type=f"{kind}; charset=utf-8")
    header = content_disposition_header(as_attachment=True, filename=filename)
    answer["Content-Disposition"] = header or "attachment"
    # No proxy and no shared computer keeps who is a member where.
    answer["Cache-Control"] = "no-store, private"
    return answer


def _next_of(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    while chunk := "".join(islice(lines, ROWS_PER_CHUNK)):
        yield chunk.encode()
