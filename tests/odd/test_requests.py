"""Odd paths, query arguments and bodies at every route: never an error of ours."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.urls import get_resolver

from tests.enforcement.desk import root_browser
from tests.enforcement.kit import browser, sign_in, sign_in_with_code
from tests.journeys.world import Northwind
from tests.odd.values import SHARE, dealt, share_for
from tests.odd.world import Rows, rows, undone
from tests.routes import HOLE, Route, routes
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ARGUMENTS = (
    "next",
    "invitation",
    "method",
    "show",
    "page",
    "q",
    "p",
    "o",
    "e",
    "all",
    "user__id__exact",
    "event",
    "role__exact",
    "is_staff__exact",
    "is_active__exact",
    "_changelist_filters",
    "_popup",
    "_to_field",
    "at",
    "code",
    "email",
    "state",
    "account__id__exact",
    "name",
    "outcome",
    "flag",
)
FORM = "application/x-www-form-urlencoded"
BODIES = {
    "no form at all": (b"\x00\xff\xfe", "application/octet-stream"),
    "JSON where a form belongs": (json.dumps({"code": ["1", {}]}).encode(), "application/json"),
    "JSON that ends early": (b'{"code": ', "application/json"),
    "JSON ten thousand deep": (b"[" * 10_000, "application/json"),
    "a multipart form without a boundary": (b"--x\r\n", "multipart/form-data"),
    "a multipart form that ends early": (b"--x\r\nContent-", "multipart/form-data; boundary=x"),
    "a boundary that is none": (b"--\xff", "multipart/form-data; boundary=\xe9"),
    "a character set that is none": (b"code=1", f"{FORM}; charset=none"),
    "another character set": (b"code=%31", f"{FORM}; charset=utf-16"),
    "bytes that are no text": (b"email=%ff%fe&code=%80", FORM),
    "two thousand fields": (b"code=1&" * 2000, FORM),
    "two megabytes": (b"code=" + b"1" * 2_000_000, FORM),
    "a file for a field": (
        b'--x\r\nContent-Disposition: form-data; name="code"; filename="a"\r\n\r\n1\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "a field twice": (b"code=1&code=2&email=a&email=b&next=/a&next=/b", FORM),
}
# A press of the button is all that these need: whatever came with it, it was pressed.
BUTTONS = {"sessions_end_all", "settings_delete", "help", "member_pass"}
WHO = ("nobody", "half_way", "member", "root")


def browser_of(who: str, northwind: Northwind) -> Client:
    """A browser of somebody; a wrong answer must not be an exception that the test hides."""
    if who == "nobody":
        return browser()
    if who == "root":
        return root_browser()
    enrolled = enrol_app(northwind.owner, now=northwind.clock.now)
    return sign_in_with_code(enrolled) if who == "member" else sign_in(enrolled.user)


def asked() -> list[Route]:
    """Return all routes but one: not ready is right while the clock stands still."""
    return [route for route in routes() if route.name != "health_ready"]


by_whom = pytest.mark.parametrize("who", WHO)


def stored() -> Rows:
    """Return what is stored, but for devices that are being set up: a page makes their secret."""
    found = rows()
    for name in ("TOTPDevice", "SMSDevice"):
        found[name] = [row for row in found[name] if row["confirmed"]]
    return found


def wrong(client: Client, tried: str, *, may_store: bool = False, **how: Any) -> list[str]:
    """Return what is wrong with the answer to one request, which is then undone."""
    with undone(client) as watch:
        answer = client.generic(**how)
        after = stored() if watch.has_seen and not may_store else None
    complaints = [f"{tried}: answered {answer.status_code}"] * (answer.status_code >= 500)
    # It is undone by now, so that this is what was there before.
    return complaints + [f"{tried}: stored something"] * (after is not None and after != stored())


@by_whom
def test_an_odd_query_argument(who: str, northwind: Northwind) -> None:
    """Each argument at every route; over a hundred of them, a thousand values are ten at each."""
    client, complaints = browser_of(who, northwind), []
    for route in asked():
        place = f"query {route.name} of {who}"
        for value in dealt(place, share_for(place, count=max(2, SHARE // 100))):
            path = f"{route.path}?{urlencode(dict.fromkeys(ARGUMENTS, value))}"
            complaints += wrong(client, f"{route.path}?…={value!r:.60}", method="GET", path=path)
    assert not complaints, "\n".join(complaints)


@by_whom
def test_an_odd_piece_of_a_path(who: str, northwind: Northwind) -> None:
    client, complaints = browser_of(who, northwind), []
    for route, pattern in with_holes():
        place = f"path {route.name} of {who}"
        for value in dealt(place, share_for(place)):
            path = HOLE.sub(lambda _, value=value: quote(value[:2000], safe=""), pattern)  # type: ignore[misc]
            complaints += wrong(client, f"{pattern} of {value!r:.60}", method="GET", path=path)
    assert not complaints, "\n".join(complaints)


def with_holes() -> list[tuple[Route, str]]:
    """Return the routes that take something from their path, with the text of the whole path."""
    found = {}
    for name, entries in get_resolver().reverse_dict.lists():
        for entry in entries:
            if isinstance(name, str) and entry[0][0][1]:
                text = "/" + entry[0][0][0].replace("%%", "%")
                found[name] = "".join(
                    "<x>" if i % 2 else part for i, part in enumerate(parts(text))
                )
    return [(route, found[route.name]) for route in routes() if route.name in found]


def parts(text: str) -> list[str]:
    """Split ``accounts/%(slug)s/leave/`` at its holes."""
    pieces: list[str] = []
    while "%(" in text:
        before, _, rest = text.partition("%(")
        name, _, text = rest.partition(")s")
        pieces += [before, name]
    return [*pieces, text]


@pytest.mark.parametrize("who", ["half_way", "member"])
def test_an_odd_body(who: str, northwind: Northwind) -> None:
    client, complaints = browser_of(who, northwind), []
    for body, (content, kind) in BODIES.items():
        for route in dealt(f"{body} of {who}", asked()):
            how = {"path": route.path, "data": content, "content_type": kind}
            tried, may_store = f"POST {route.path} with {body}", route.name in BUTTONS
            complaints += wrong(client, tried, may_store=may_store, method="POST", **how)
    assert not complaints, "\n".join(complaints)


def test_a_try_that_stores_something_is_noticed(northwind: Northwind) -> None:
    """What the others rely on: not even the rows are read where no statement touched one."""
    client = sign_in(northwind.ada)
    data = urlencode({"name": "New", "language": "en", "time_zone": "UTC"})
    how: dict[str, Any] = {"path": "/settings/", "data": data, "content_type": FORM}
    assert wrong(client, "a form", method="POST", **how) == ["a form: stored something"]
    assert wrong(client, "a page", method="GET", path="/settings/") == []
