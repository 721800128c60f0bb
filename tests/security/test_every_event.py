"""Every kind of event has an act that leaves exactly one row about it, or leaves nothing at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from accounts.audit import Event
from accounts.models import AuditEvent
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.security.acts import ACTS, World
from tests.security.what_rows_say import SAYS, said_by
from tests.twofactor.people import (
    make_enrolled,
)

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S60")]

# What goes up and comes down with tries and visits, whatever is recorded about them.
COUNTERS = {"AddressFailure", "CodeFailure", "GotIn", "Session", "AlarmBell", "SentCode"}


@pytest.fixture
def world(clock: Clock, settings: Any, tmp_path: Path) -> World:
    settings.OUTBOX_DIR = tmp_path
    owner, ada = make_user("owner@northwind.example"), make_user("ada@northwind.example")
    eve = make_enrolled(make_user("eve@northwind.example"), now=clock.now)
    account = make_account("northwind", owner=owner, members=(ada, eve.user))
    clock.forward(hours=1)
    return World(
        account=account,
        owner=owner,
        ada=ada,
        eve=eve,
        sam=make_enrolled(make_user(is_staff=True), now=clock.now).user,
        root=make_enrolled(make_user(is_staff=True, is_superuser=True), now=clock.now).user,
        clock=clock,
        settings=settings,
    )


# Shown, or written once and for all, there.
ELSEWHERE = {
    Event.AUDIT_REMOVED: "tests/accounts/test_audit_retention.py",
    Event.AUDIT_CARRIED_OVER: "accounts/migrations/0005_sealed_audit.py",
}
# Keys are rotated chunk by chunk: what was done stays done, and the next run goes on from there.
NOT_UNDONE = {Event.KEYS_ROTATED}


def test_every_event_stands_in_the_table() -> None:
    assert set(ACTS) | set(ELSEWHERE) == set(Event)
    for event, place in ELSEWHERE.items():
        source = Path(place).read_text()
        assert f'"{event}"' in source, event


def contents() -> dict[str, list[Any]]:
    """Return all rows of all tables but those that count tries, and the audit's own."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model.__name__ not in COUNTERS and not model.__name__.startswith("Audit"):
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY 1')  # noqa: S608
                found[model.__name__] = cursor.fetchall()
    return found


def rows_of(event: Event, *, after: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=event, number__gt=after))


def last_row() -> int:
    return max(AuditEvent.objects.values_list("number", flat=True), default=0)


class Undone(Exception):
    """Raised to roll an act back."""


@contextmanager
def taken_back(world: World) -> Iterator[World]:
    """Give the world as it was made, and take back whatever is done in it."""
    began = world.clock.now
    cache.clear()
    people = {
        name: deepcopy(getattr(world, name)) for name in ("owner", "ada", "eve", "sam", "root")
    }
    with override_settings(), transaction.atomic():
        yield replace(world, account=deepcopy(world.account), **people)
        transaction.set_rollback(True)
    world.clock.set(began)


@pytest.mark.parametrize("event", ACTS, ids=str)
def test_an_act_leaves_exactly_one_row_or_nothing(event: Event, world: World) -> None:
    """Nothing where it is rolled back, or where its row can't be written."""
    for check in (leaves_one_row, leaves_nothing_rolled_back, is_refused_without_its_row):
        if not (check is is_refused_without_its_row and event in NOT_UNDONE):
            with taken_back(world) as its_own:
                check(event, its_own)


def leaves_one_row(event: Event, world: World) -> None:
    deed, before = ACTS[event](world), last_row()
    deed()
    (row,) = rows_of(event, after=before)
    assert row.at == world.now
    assert said_by(row, world) == SAYS[event]
    if row.request_id:
        assert row.address == "127.0.0.1"


def leaves_nothing_rolled_back(event: Event, world: World) -> None:
    deed, before, stood = ACTS[event](world), last_row(), contents()
    with suppress(Undone), transaction.atomic():
        deed()
        assert rows_of(event, after=before)
        raise Undone
    assert contents() == stood
    assert not rows_of(event, after=before)


def is_refused_without_its_row(event: Event, world: World) -> None:
    deed, before, stood = ACTS[event](world), last_row(), contents()
    with connection.execute_wrapper(no_audit), pytest.raises(DatabaseError):
        deed()
    assert contents() == stood
    assert last_row() == before


def no_audit(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith(f'INSERT INTO "{AuditEvent._meta.db_table}"'):
        raise DatabaseError("The audit can't be written.")
    return execute(sql, params, many, context)
