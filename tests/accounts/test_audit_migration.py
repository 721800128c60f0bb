"""A chain from before seals is carried over as it is: what was whole stays so, and nothing else."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from pytest_django import Settings

from accounts import append_only, audit, audit_check, seals
from accounts.audit import Event
from accounts.audit_check import Verdict
from accounts.models import AuditEvent

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)
OLD = "old"


class ToTheOldOne:
    """Routes the product to the database that is being upgraded."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return OLD

    db_for_write = db_for_read

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        return True


@pytest.fixture
def old_database(tmp_path: Any, settings: Settings) -> Iterator[Any]:
    """An empty database, migrated up to before seals; the product is led there."""
    name = str(tmp_path / "old.sqlite3")
    if connection.vendor == "postgresql":
        name = f"{connection.settings_dict['NAME']}_old"
        run(connection, f'CREATE DATABASE "{name}"')
    # Unknown to the settings, so that no test's guard of databases stands in its way.
    old = connection.copy(OLD)
    old.settings_dict["NAME"] = name
    connections[OLD] = old
    call_command("migrate", "accounts", "0004", database=OLD, verbosity=0)
    settings.DATABASE_ROUTERS = [ToTheOldOne()]
    yield old
    settings.DATABASE_ROUTERS = []
    old.close()
    del connections[OLD]
    if connection.vendor == "postgresql":
        run(connection, f'DROP DATABASE "{name}"')


def run(on: Any, statement: str, values: Any = None) -> None:
    with on.cursor() as cursor:
        cursor.execute(statement, values)


def old_row(number: int, previous: str) -> dict[str, Any]:
    """Return a row as it was written before there were seals, hash and all."""
    told = {
        "number": number, "event": "signed_in", "actor_id": 7, "actor": "pseudonym",
        "subject_id": None, "subject": "", "account_id": None, "before": None,
        "after": {"number": number, "kind": "Grüße"}, "address": "192.0.2.1", "request_id": "r",
        "previous": previous, "at": (BEGAN + timedelta(seconds=number)).isoformat(),
    }  # fmt: skip
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
    return {**told, "hash": hashlib.sha256(text.encode()).hexdigest()}


def fill(on: Any, *, removed: int = 0, rows: int = 5) -> None:
    """Write an old chain whose first rows retention has removed."""
    previous = checkpoint = ""
    for number in range(1, removed + rows + 1):
        row = old_row(number, previous)
        previous = row["hash"]
        if number <= removed:
            checkpoint = row["hash"]
            continue
        values = {**row, "at": datetime.fromisoformat(row["at"]), "after": json.dumps(row["after"])}
        if on.vendor == "sqlite":
            values["at"] = str(values["at"]).removesuffix("+00:00")
        insert(on, "accounts_auditevent", values)
    head = {"id": 1, "count": removed + rows, "hash": previous}
    insert(on, "accounts_audithead", {**head, "removed": removed, "removed_hash": checkpoint})


def insert(on: Any, table: str, values: dict[str, Any]) -> None:
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join(["%s"] * len(values))
    run(on, f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))  # noqa: S608


def upgraded() -> Verdict:
    call_command("migrate", "accounts", database=OLD, verbosity=0)
    return audit_check.check()


@pytest.mark.parametrize("removed", [0, 3])
def test_a_whole_chain_stays_whole_and_goes_on(old_database: Any, removed: int) -> None:
    fill(old_database, removed=removed)
    verdict = upgraded()
    assert (verdict.fault, verdict.first, verdict.sealed) == (None, removed + 1, 6)
    audit.record(Event.SIGNED_IN, now=BEGAN)
    seals.seal_all()
    verdict = audit_check.check()
    assert (verdict.fault, verdict.count, verdict.waiting) == (None, removed + 7, 0)
    assert AuditEvent.objects.filter(number=removed + 7).exists()
    for statement in (
        "UPDATE accounts_auditevent SET number = 1",
        "DELETE FROM accounts_auditseal",
    ):
        with pytest.raises(DatabaseError, match="append-only"):
            run(old_database, statement)


FAULTS = {
    "changed": ("UPDATE accounts_auditevent SET event = 'x' WHERE number = 3", 3),
    "dropped": ("DELETE FROM accounts_auditevent WHERE number = 3", 3),
    "cut": ("DELETE FROM accounts_auditevent WHERE number > 3", 4),
    "emptied": ("DELETE FROM accounts_auditevent", 6),
    "checkpoint moved": ("DELETE FROM accounts_auditevent WHERE number < 3", 3),
}


@pytest.mark.parametrize(("statement", "bad"), FAULTS.values(), ids=FAULTS)
def test_a_broken_chain_stays_broken(old_database: Any, statement: str, bad: int) -> None:
    fill(old_database)
    run(old_database, statement)
    fault = upgraded().fault
    assert fault is not None
    assert fault.row == bad


def test_an_install_without_any_row_begins_with_none(old_database: Any) -> None:
    verdict = upgraded()
    assert (verdict.fault, verdict.count, verdict.waiting) == (None, 0, 0)


def test_the_rules_of_an_older_install_are_renewed(old_database: Any) -> None:
    call_command("migrate", "accounts", "0012", database=OLD, verbosity=0)
    lose_the_rules(old_database)
    upgraded()
    if old_database.vendor == "postgresql":
        run(old_database, "SELECT accounts_audit_forget(0)")
    with pytest.raises(DatabaseError, match="append-only"):
        run(old_database, "DELETE FROM accounts_auditseal WHERE number = 1")


def lose_the_rules(on: Any) -> None:
    """Leave what a backup of the first form did when its database's plain owner restored it."""
    seal = {"number": 1, "row": 1, "previous": "", "hash": "", "proof": ""}
    insert(on, "accounts_auditseal", seal)
    if on.vendor == "postgresql":
        run(on, "DROP FUNCTION accounts_audit_forget(bigint)")
    else:
        append_only.lift_on_sqlite(on)
