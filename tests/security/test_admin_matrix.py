"""Every page of the admin for everybody: no owner reads, counts or touches another's row.

The matrix is made from the admin's registry and its URLs: what is new there, and not written
down in ``admin_routes``, fails.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from accounts.references import reference_to
from tests.enforcement.kit import sign_in, sign_in_with_code
from tests.journeys.clock import Clock
from tests.odd.world import undone
from tests.security.admin_routes import (
    ROUTES,
    STOCK,
    Kind,
    Spot,
    found_routes,
    never_was,
    references,
    registered,
    samples,
    spots,
)
from tests.security.two_accounts import STAFF_WORD, Tenant, World, grow, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S53")]

TOKEN = re.compile(r'(csrfmiddlewaretoken" value=")\w+')
LINKED = re.compile(r"/admin/accounts/(\w+)/([\w-]{32})/")
FIRST = 730_000_000
NUMBERED = re.compile(r"7300\d{5}")
UNSEEN = {"set-cookie", "x-request-id", "content-length", "etag"}  # new with each answer


@pytest.fixture
def world(clock: Clock) -> World:
    return make_world(clock)


@pytest.fixture(params=["alpha", "beta"])
def sides(request: pytest.FixtureRequest, world: World) -> tuple[Tenant, Tenant]:
    """The account of the owner who looks, and the other."""
    pair = (world.alpha, world.beta)
    return pair if request.param == "alpha" else pair[::-1]


def ask(client: Client, method: str, path: str, **fields: Any) -> tuple[Any, str]:
    """Ask, take back what it did, and return the answer with all that it says."""
    with undone(client):
        answer = getattr(client, method)(path, fields)
        body = answer.getvalue().decode()
    headers = [f"{k}: {v}" for k, v in answer.headers.items() if k.lower() not in UNSEEN]
    return answer, TOKEN.sub(r"\1", body) + "\n" + "\n".join(sorted(headers))


def everything(client: Client, of: Tenant) -> Iterator[tuple[Spot, str, Any, str]]:
    for spot in spots(of):
        if spot.kind is not Kind.LEAVING:
            for method in ("get", "post"):
                yield spot, method, *ask(client, method, spot.path)


def test_every_route_is_written_down() -> None:
    assert sorted(set(found_routes())) == sorted(ROUTES)


def test_every_registered_class_has_rows_in_both_accounts(world: World) -> None:
    for tenant in (world.alpha, world.beta):
        numbers = tenant.numbers()
        assert set(numbers) == set(registered())
        assert all(numbers.values())


def test_a_foreign_row_looks_as_if_it_never_was(sides: tuple[Tenant, Tenant]) -> None:
    mine, theirs = sides
    client = sign_in(mine.owner)
    shared = references(mine.numbers()["user"] & theirs.numbers()["user"])
    empty: dict[tuple[str, str], str] = {}
    for spot, nothing in never_was(theirs):
        if any(spot.path.startswith(f"/admin/accounts/user/{key}/") for key in shared):
            continue
        for method in ("get", "post"):
            answer, said = ask(client, method, spot.path)
            if (method, nothing.path) not in empty:
                empty[method, nothing.path] = ask(client, method, nothing.path)[1]
            reference, none = spot.path.split("/")[4], nothing.path.split("/")[4]
            assert answer.status_code in {302, 404, 405}, spot
            assert said.replace(reference, none) == empty[method, nothing.path], spot
            if answer.status_code == 302:
                end = client.get(answer["Location"])
                assert end.status_code == 404, spot


def test_no_answer_to_an_owner_names_or_counts_another_account(
    sides: tuple[Tenant, Tenant], world: World
) -> None:
    """Nor does any change when the other account gets more rows: no count has one of them in it."""
    mine, theirs = sides
    client = sign_in(mine.owner)
    foreign = links_to(theirs) - links_to(mine)
    before = {}
    for spot, method, _, said in everything(client, mine):
        before[spot, method] = said
        assert theirs.word not in said.lower(), (method, spot)
        assert STAFF_WORD not in said.lower(), (method, spot)
        assert not set(LINKED.findall(said)) & foreign, (method, spot)
    assert sum(mine.word in said.lower() for said in before.values()) > len(ROUTES)
    grow(theirs, support=world.support.user, clock=world.clock)
    after = {(spot, method): said for spot, method, _, said in everything(client, mine)}
    assert set(before) == set(after)
    for place, said in before.items():
        assert after[place] == said, place


def test_no_number_of_a_row_is_told_to_an_owner(clock: Clock) -> None:
    """What lies between two of them would be what others did meanwhile."""
    count_rows_from(FIRST)
    world = make_world(clock)
    client = sign_in(world.alpha.owner)
    assert min(map(min, world.alpha.numbers().values())) > FIRST
    for spot in samples(world.alpha):
        if spot.kind is not Kind.LEAVING:
            for method in ("get", "post"):
                said = ask(client, method, spot.path)[1]
                assert not NUMBERED.findall(said + spot.path), (method, spot)


def count_rows_from(number: int) -> None:
    """Give each row that is made from now on a number that stands out."""
    for model in apps.get_models():
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute("INSERT INTO sqlite_sequence VALUES (%s, %s)", [table, number])


def links_to(of: Tenant) -> set[tuple[str, str]]:
    return {(model, key) for model, keys in of.numbers().items() for key in references(keys)}


@pytest.mark.parametrize("stock", STOCK)
def test_pages_of_djangos_own_are_there_for_nobody(stock: str, world: World) -> None:
    clients = [sign_in(world.alpha.owner), sign_in_with_code(world.root)]
    for model, keys in world.alpha.numbers().items():
        if (model, stock) == ("user", "add/"):
            continue  # ours
        path = f"/admin/accounts/{model}/{stock}".format(reference_to(min(keys)))
        for client in clients:
            for method in (client.get, client.post):
                answer: Any = method(path, follow=True)
                assert answer.status_code == 404, path
