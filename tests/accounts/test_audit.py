"""The audit trail: chained rows in which every change, drop, swap, insert and cut shows."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from accounts import audit, people
from accounts.audit import Entry, Event
from accounts.models import AuditEvent, AuditHead, User
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import DAY

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def write(count: int, *, person: User, now: datetime) -> None:
    for number in range(count):
        audit.record(
            Event.SIGNED_IN,
            actor=person,
            subject=person,
            after={"number": number, "verified": True},
            now=now + timedelta(microseconds=number),
        )


def rows() -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("number"))


def test_an_empty_trail_is_whole(db: None) -> None:
    assert audit.first_bad_row() is None


def test_rows_are_numbered_and_each_covers_the_one_before(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    found = rows()
    assert [row.number for row in found] == [1, 2, 3, 4, 5]
    assert [row.previous for row in found] == ["", *(row.hash for row in found[:-1])]
    assert len({row.hash for row in found}) == 5
    head = AuditHead.objects.get()
    assert (head.count, head.hash) == (5, found[-1].hash)
    assert audit.first_bad_row() is None


VALUES: dict[str, Any] = {
    "nothing": None,
    "text": 'Grüße 💥 " \\ \n',
    "numbers": {"a": 1, "b": 1.5, "c": -0.0, "d": 10**30, "e": 1e16, "f": 1e-7, "g": -1},
    "a tuple": ("a", "b"),
    "tuples within": {"a": (1, (2, 3))},
    "keys that are numbers": {1: "a", 2: "b"},
    "an instant": {"at": datetime(2026, 11, 25, 9, 30)},  # noqa: DTZ001 - written as it is
    "a decimal": {"d": Decimal("1.10")},
    "a word of an enum": {"event": Event.SIGNED_IN},
    "order of keys": {"z": 1, "a": {"y": 1, "b": 2}},
    "empty": {},
    "flags": [True, False, None],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_is_hashed_is_what_the_database_gives_back(
    value: Any, ada: User, now: datetime
) -> None:
    audit.record(Event.POLICY_ON, subject=ada, before=value, after=value, now=now)
    assert audit.first_bad_row() is None
    (row,) = rows()
    assert row.hash == audit.digest(row)


CHANGES: dict[str, dict[str, Any]] = {
    "event": {"event": "signed_out"},
    "instant": {"at": F("at") + timedelta(microseconds=1)},
    "actor": {"actor_id": 99},
    "actor's pseudonym": {"actor": "x"},
    "subject": {"subject_id": None},
    "subject's pseudonym": {"subject": ""},
    "account": {"account_id": 1},
    "before": {"before": {"a": 1}},
    "after": {"after": {"number": 2, "verified": False}},
    "address": {"address": "192.0.2.1"},
    "request": {"request_id": "x"},
    "hash": {"hash": "0" * 64},
    "hash of the one before": {"previous": "0" * 64},
}


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES)
def test_a_changed_row_shows(values: dict[str, Any], ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number=3).update(**values)
    assert audit.first_bad_row() == 3


def test_a_changed_row_with_a_hash_of_its_own_shows_at_the_next(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    row = AuditEvent.objects.get(number=3)
    row.event = "signed_out"
    row.hash = audit.digest(row)
    row.save()
    assert audit.first_bad_row() == 4


def test_a_dropped_row_shows(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number=3).delete()
    assert audit.first_bad_row() == 3


def test_a_dropped_first_row_shows(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number=1).delete()
    assert audit.first_bad_row() == 1


@pytest.mark.parametrize("left", [4, 1, 0])
def test_a_cut_end_shows(left: int, ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number__gt=left).delete()
    assert audit.first_bad_row() == left + 1


def test_two_swapped_rows_show(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number=2).update(number=100)
    AuditEvent.objects.filter(number=4).update(number=2)
    AuditEvent.objects.filter(number=100).update(number=4)
    assert audit.first_bad_row() == 2


def test_an_inserted_row_shows(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    AuditEvent.objects.filter(number=5).update(number=6)
    row = AuditEvent.objects.get(number=4)
    row.number, row.previous = 5, row.hash
    row.hash = audit.digest(row)
    AuditEvent.objects.bulk_create([row])
    assert audit.first_bad_row() == 6


def test_an_appended_row_shows(ada: User, now: datetime) -> None:
    write(2, person=ada, now=now)
    row = AuditEvent.objects.get(number=2)
    row.number, row.previous = 3, row.hash
    row.hash = audit.digest(row)
    AuditEvent.objects.bulk_create([row])
    assert audit.first_bad_row() == 4


def test_a_hundred_changes_at_random_all_show(ada: User, now: datetime) -> None:
    write(60, person=ada, now=now)
    chance = random.Random(7)
    for _ in range(100):
        number = chance.randint(1, 60)
        with transaction.atomic():
            name, values = chance.choice(list(CHANGES.items()))
            AuditEvent.objects.filter(number=number).update(**values)
            assert audit.first_bad_row() == number, (number, name)
            transaction.set_rollback(True)
    assert audit.first_bad_row() is None


def test_the_trail_outlives_the_person(ada: User, now: datetime) -> None:
    audit.record(Event.SIGNED_IN, actor=ada, subject=ada, now=now)
    people.delete(user=ada, now=now)
    assert audit.first_bad_row() is None
    assert [row.event for row in rows()] == ["signed_in", "person_deleted"]


def test_a_row_holds_no_address_of_a_mailbox(ada: User, now: datetime) -> None:
    audit.record(Event.SIGNED_IN, actor=ada, subject=ada, account=make_account(), now=now)
    assert ada.email not in str(AuditEvent.objects.values().get())
    (row,) = rows()
    assert row.actor == row.subject
    assert len(row.actor) == 32


def test_a_request_leaves_its_address_and_its_id(ada: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    given = {"x-request-id": "proxy-request-1", "x-forwarded-for": "192.0.2.9"}
    client = Client(headers=given)
    answer = client.post("/login/", {"email": ada.email, "password": "wrong"})
    assert answer["X-Request-ID"] == "proxy-request-1"
    (row,) = rows()
    assert (row.event, row.address) == ("sign_in_failed", "192.0.2.9")
    assert row.request_id == "proxy-request-1"
    assert row.actor_id is None


@pytest.mark.parametrize("given", ["short", "x" * 41, "a b c d e f", "abcdefgh\r\nX: y", "ä" * 10])
def test_an_odd_request_id_is_replaced(given: str, ada: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    client = Client(headers={"x-request-id": given})
    answer = client.post("/login/", {"email": ada.email, "password": PASSWORD})
    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 32


def test_a_change_that_is_rolled_back_leaves_no_row(ada: User, now: datetime) -> None:
    with transaction.atomic():
        audit.record(Event.SIGNED_IN, subject=ada, now=now)
        transaction.set_rollback(True)
    assert rows() == []
    write(2, person=ada, now=now)
    assert audit.first_bad_row() is None


def test_many_rows_are_written_at_once(now: datetime) -> None:
    crowd = [make_user() for _ in range(30)]
    audit.record_many((Entry(event=Event.DEADLINE_PASSED, subject=each) for each in crowd), now=now)
    assert [row.subject_id for row in rows()] == [each.pk for each in crowd]
    assert audit.first_bad_row() is None


# Retention.


def test_retention_removes_a_whole_prefix_and_leaves_a_checkpoint(ada: User, now: datetime) -> None:
    for day in range(10):
        audit.record(Event.SIGNED_IN, subject=ada, now=now + day * DAY)
    assert audit.remove_older(than=now + 4 * DAY, now=now + 10 * DAY) == 4
    assert [row.number for row in rows()] == [5, 6, 7, 8, 9, 10, 11]
    assert rows()[-1].event == "audit_removed"
    assert audit.first_bad_row() is None
    assert audit.remove_older(than=now + 4 * DAY, now=now + 10 * DAY) == 0
    AuditEvent.objects.filter(number=5).delete()
    assert audit.first_bad_row() == 5


def test_retention_never_leaves_a_hole(ada: User, now: datetime) -> None:
    """A clock that was set back put an old row behind a younger one."""
    for at in (now, now + 5 * DAY, now + DAY, now + 6 * DAY):
        audit.record(Event.SIGNED_IN, subject=ada, now=at)
    assert audit.remove_older(than=now + 2 * DAY, now=now + 7 * DAY) == 1
    assert [row.number for row in rows()] == [2, 3, 4, 5]
    assert audit.first_bad_row() is None


def test_after_everything_was_removed_the_chain_goes_on(ada: User, now: datetime) -> None:
    write(3, person=ada, now=now)
    assert audit.remove_older(than=now + DAY, now=now + DAY) == 3
    write(2, person=ada, now=now + DAY)
    assert [row.number for row in rows()] == [4, 5, 6]
    assert audit.first_bad_row() is None
