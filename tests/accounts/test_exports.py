"""Files that leave the product: safe in a spreadsheet, streamed, whole."""

import csv
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import StreamingHttpResponse

from accounts import exports
from tests.asgi import wait_for

COLUMNS = ("name", "at", "count")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def content(answer: StreamingHttpResponse) -> str:
    return b"".join(answer).decode()


def rows_of(answer: StreamingHttpResponse) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content(answer), newline="")))


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1", "\u00a0=1", "\uff1d1", "=cmd|' /C'!A0"],
)
def test_a_cell_never_begins_as_a_formula(name: str) -> None:
    answer = exports.stream_csv([(name, NOON, 1)], columns=COLUMNS, filename="x.csv")
    _, (cell, *_) = rows_of(answer)
    assert cell == f"'{name}"


@pytest.mark.parametrize("name", ["Ada", "a=b", "Zoë, the 2nd", 'so "called"', "two\nlines", ""])
def test_other_cells_stay_as_they_are(name: str) -> None:
    answer = exports.stream_csv([(name, NOON, -1)], columns=COLUMNS, filename="x.csv")
    assert rows_of(answer) == [list(COLUMNS), [name, "2026-11-25T12:00:00+00:00", "-1"]]


@pytest.mark.parametrize("count", [0, 1, 2, exports.ROWS_PER_CHUNK * 2 + 1])
def test_json_is_one_list_of_any_length(count: int) -> None:
    rows = [("=1", NOON, number) for number in range(count)]
    found = json.loads(content(exports.stream_json(rows, columns=COLUMNS, filename="x.json")))
    assert [row["count"] for row in found] == list(range(count))
    assert all(row["name"] == "=1" for row in found)  # no spreadsheet runs JSON


def test_a_file_has_a_dated_name_and_is_kept_by_no_cache() -> None:
    name = exports.dated("members-northwind", now=NOON, ending="csv")
    answer = exports.stream_csv([], columns=COLUMNS, filename=name)
    assert (
        answer["Content-Disposition"] == 'attachment; filename="members-northwind-2026-11-25.csv"'
    )
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]


def many(count: int, *, asked: list[int]) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        asked[0] = number
        yield ("x" * 100, NOON, number)


@pytest.mark.parametrize("stream", [exports.stream_csv, exports.stream_json])
def test_a_hundred_thousand_rows_take_the_memory_of_a_few(stream: Any) -> None:
    answer = stream(many(100_000, asked=[0]), columns=COLUMNS, filename="x")
    tracemalloc.start()
    size = sum(len(chunk) for chunk in answer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 12_000_000
    assert peak < 2_000_000


def test_under_asgi_rows_are_asked_for_as_the_browser_takes_them() -> None:
    asked = [0]
    answer = exports.stream_csv(many(100_000, asked=asked), columns=COLUMNS, filename="x.csv")

    async def take_one() -> bytes:
        chunks: AsyncIterator[bytes] = aiter(answer)
        return await anext(chunks)

    assert wait_for(take_one).startswith(b"name,at,count\r\n")
    assert asked[0] < 2 * exports.ROWS_PER_CHUNK
