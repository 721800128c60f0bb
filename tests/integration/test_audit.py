"""The audit on PostgreSQL: who may change it, who waits for it, what shows when it is broken."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import append_only, audit, audit_check, seals
from accounts.audit import Event
from accounts.models import AuditEvent, AuditSeal, Session
from bench.proof import audit_trail
from tests.factories import PASSWORD, make_user
from tests.integration.threads import at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


# Rights.


@pytest.fixture
def rows(now: datetime) -> None:
    for age in (3, 2, 0):
        audit.record(Event.SIGNED_IN, now=now - age * DAY)
    assert AuditSeal.objects.count() == 3


@pytest.fixture
def app_role() -> Iterator[str]:
    """A role that owns nothing, as the application is to run under."""
    role = f"gatehouse_{connection.settings_dict['NAME']}"
    execute(f'CREATE ROLE "{role}"')
    call_command("app_role", role)
    execute(f'GRANT "{role}" TO CURRENT_USER')
    yield role
    execute("RESET ROLE")
    execute(f'DROP OWNED BY "{role}"')
    execute(f'DROP ROLE "{role}"')


FORBIDDEN = [
    statement.format(table=table)
    for table in append_only.TABLES
    for statement in (
        "UPDATE {table} SET number = number",
        "DELETE FROM {table}",
        "DELETE FROM {table} WHERE false",
        "TRUNCATE {table}",
    )
]


@pytest.mark.proves("S61")
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("statement", FORBIDDEN)
def test_nobody_changes_the_audit_not_even_its_owner(statement: str) -> None:
    with pytest.raises(ProgrammingError, match="append-only"):
        execute(statement)
    assert AuditEvent.objects.count() == AuditSeal.objects.count() == 3
    with pytest.raises(ProgrammingError, match="append-only"):
        execute(f"SET LOCAL session_replication_role = origin; {statement}")


@pytest.mark.proves("S61")
@pytest.mark.usefixtures("rows")
def test_the_applications_role_has_no_right_to_change_it(app_role: str, now: datetime) -> None:
    execute(f'SET ROLE "{app_role}"')
    for statement in (
        *FORBIDDEN,
        *(f"SET LOCAL gatehouse.forgetting = 'on'; {each}" for each in FORBIDDEN),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            execute(statement)
    for statement in (
        "ALTER TABLE accounts_auditevent DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON accounts_auditevent",
        "DROP FUNCTION accounts_audit_forget",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(ProgrammingError):
            execute(statement)
    # What it is there for works: writing, sealing, verifying, and retention's narrow way.
    audit.record(Event.SIGNED_OUT, now=now)
    assert AuditSeal.objects.count() == 4
    assert audit.remove_older(than=now - 1.5 * DAY, now=now) == 2
    verdict = audit_check.check()
    assert (verdict.fault, verdict.first, verdict.count) == (None, 3, 5)


@pytest.mark.proves("S61")
@pytest.mark.usefixtures("rows")
def test_retentions_mark_helps_nobody_but_the_owner(app_role: str) -> None:
    """Even where somebody granted the application's role too much."""
    execute(f'GRANT DELETE, UPDATE, TRUNCATE ON {", ".join(append_only.TABLES)} TO "{app_role}"')
    execute(f'SET ROLE "{app_role}"')
    for statement in FORBIDDEN:
        with pytest.raises(ProgrammingError, match="append-only"):
            execute(f"SET LOCAL gatehouse.forgetting = 'on'; {statement}")


@pytest.mark.usefixtures("rows")
def test_a_role_above_all_rights_is_refused() -> None:
    with pytest.raises(CommandError, match="no right binds it"):
        call_command("app_role", connection.settings_dict["USER"])
    with pytest.raises(CommandError, match="no role"):
        call_command("app_role", "nobody-here")


@transaction.atomic
def forget_and_go_on() -> None:
    append_only.forget(up_to=2)
    execute("DELETE FROM accounts_auditevent")  # the mark is gone with the call


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("up_to", [3, 10**9])
def test_retentions_way_never_takes_the_end(up_to: int, now: datetime) -> None:
    with pytest.raises(DatabaseError, match="no old beginning"):
        append_only.forget(up_to=up_to)
    audit.record(Event.SIGNED_IN, now=now)
    with pytest.raises(DatabaseError, match="no old beginning"):
        append_only.forget(up_to=3)  # younger than a day
    with pytest.raises(ProgrammingError, match="append-only"):
        forget_and_go_on()
    assert append_only.forget(up_to=2) == 2


# Waiting.


def test_a_sign_in_waits_for_nobody_elses(now: datetime) -> None:
    """One transaction with a row of the audit stays open while another person signs in."""
    ada, ben = make_user(), make_user()
    written, signed_in = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            audit.record(Event.SIGNED_IN, subject=ada, now=now)
            written.set()
            assert signed_in.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert written.wait(60)
    try:
        execute("SET lock_timeout = '5s'")
        Client().post("/login/", {"email": ben.email, "password": PASSWORD})
        assert Session.objects.filter(user=ben).exists()
        assert AuditSeal.objects.filter(row=AuditEvent.objects.get(subject_id=ben.pk).pk).exists()
    finally:
        signed_in.set()
        holder.join()
        connections["default"].close()
    # The lower number committed later, and stands in the chain behind the higher one.
    order = list(AuditSeal.objects.order_by("number").values_list("row", flat=True))
    assert order != sorted(order)
    assert len(order) == AuditEvent.objects.count()
    assert audit.first_bad_row() is None


def test_a_sealer_at_work_is_left_to_it(now: datetime) -> None:
    sealing, recorded = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            seals.lock()
            sealing.set()
            assert recorded.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert sealing.wait(60)
    audit.record(Event.SIGNED_IN, now=now)
    assert not AuditSeal.objects.exists()
    recorded.set()
    holder.join()
    verdict = audit_check.check()
    assert (verdict.fault, verdict.waiting) == (None, 1)
    seals.seal_now()
    assert AuditSeal.objects.count() == 1


def test_a_sealer_looks_again_after_it_has_let_go(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that commits while the lock is held, and whose writer so seals nothing, is seen."""
    store = AuditSeal.objects.bulk_create
    late = threading.Thread(target=lambda: write_one(now))

    def store_late(*args: Any, **options: Any) -> Any:
        if not late.ident:
            late.start()
            late.join()
        return store(*args, **options)

    monkeypatch.setattr(AuditSeal.objects, "bulk_create", store_late)
    audit.record(Event.SIGNED_IN, now=now)
    assert AuditSeal.objects.count() == AuditEvent.objects.count() == 2


def write_one(now: datetime) -> None:
    audit.record(Event.SIGNED_OUT, now=now)
    connection.close()


@pytest.mark.proves("S61")
def test_fifty_writers_at_once_leave_the_chain_whole(now: datetime) -> None:
    calls = [partial(audit.record, Event.SIGNED_IN, now=now) for _ in range(50)]
    assert not raised(at_once(calls))
    seals.seal_now()
    verdict = audit_check.check()
    assert (verdict.fault, verdict.sealed, verdict.waiting) == (None, 50, 0)


# The whole, in small; in full it is a part of `make proof`.


@pytest.mark.proves("S61")
def test_a_chain_by_four_processes_shows_every_tampering() -> None:
    audit_trail.chain(rows=240, processes=4)
    audit_trail.tamper(63)


@pytest.mark.proves("S61")
def test_killed_writers_lose_no_seal_and_double_none() -> None:
    audit_trail.killed(2)
