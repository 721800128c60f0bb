"""Every kind of event has an act that leaves exactly one row about it, or leaves nothing at all."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from accounts.audit import Event
from accounts.models import AuditEvent
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.security.acts import ACTS, World
from tests.twofactor.people import (
    enrol_app,
)

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S60")]

# What goes up and comes down with tries and visits, whatever is recorded about them.
COUNTERS = {"AddressFailure", "CodeFailure", "GotIn", "Session", "AlarmBell", "SentCode"}


@pytest.fixture
def world(clock: Clock, settings: Any, tmp_path: Path) -> World:
    settings.OUTBOX_DIR = tmp_path
    owner, ada = make_user("owner@northwind.example"), make_user("ada@northwind.example")
    eve = enrol_app(make_user("eve@northwind.example"), now=clock.now)
    account = make_account("northwind", owner=owner, members=(ada, eve.user))
    clock.forward(hours=1)
    return World(
        account=account,
        owner=owner,
        ada=ada,
        eve=eve,
        sam=enrol_app(make_user(is_staff=True), now=clock.now).user,
        root=enrol_app(make_user(is_staff=True, is_superuser=True), now=clock.now).user,
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
    return {
        model.__name__: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models()
        if model.__name__ not in COUNTERS and not model.__name__.startswith("Audit")
    }


def rows_of(event: Event, *, after: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=event, number__gt=after))


def last_row() -> int:
    return max(AuditEvent.objects.values_list("number", flat=True), default=0)


@pytest.mark.parametrize("event", ACTS, ids=str)
def test_an_act_leaves_exactly_one_row(event: Event, world: World) -> None:
    deed, before = ACTS[event](world), last_row()
    deed()
    (row,) = rows_of(event, after=before)
    assert row.at == world.now
    who = row.actor_id or row.subject_id or row.account_id
    assert who or event is Event.KEYS_ROTATED
    if row.request_id:
        assert row.address == "127.0.0.1"


class Undone(Exception):
    """Raised to roll an act back."""


@pytest.mark.parametrize("event", ACTS, ids=str)
def test_an_act_that_is_rolled_back_leaves_neither_change_nor_row(
    event: Event, world: World
) -> None:
    deed, before, stood = ACTS[event](world), last_row(), contents()
    with suppress(Undone), transaction.atomic():
        deed()
        assert rows_of(event, after=before)
        raise Undone
    assert contents() == stood
    assert not rows_of(event, after=before)


def no_audit(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith(f'INSERT INTO "{AuditEvent._meta.db_table}"'):
        raise DatabaseError("The audit can't be written.")
    return execute(sql, params, many, context)


@pytest.mark.parametrize("event", [each for each in ACTS if each not in NOT_UNDONE], ids=str)
def test_an_act_whose_row_can_not_be_written_is_refused(event: Event, world: World) -> None:
    deed, before, stood = ACTS[event](world), last_row(), contents()
    with connection.execute_wrapper(no_audit), pytest.raises(DatabaseError):
        deed()
    assert contents() == stood
    assert last_row() == before
