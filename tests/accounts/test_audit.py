"""The audit trail: sealed rows in which every change, drop, swap, insert and cut shows."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from accounts import audit, audit_check, keys, people, seals
from accounts.audit import Entry, Event
from accounts.models import AuditEvent, AuditSeal, User
from tests.factories import PASSWORD, make_account, make_user
from tests.tampering import as_administrator

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
    seals.seal_all()  # as after the commit, which a test has none of


def rows() -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("number"))


def test_an_empty_trail_is_whole(db: None) -> None:
    assert audit.first_bad_row() is None


def chain() -> list[AuditSeal]:
    return list(AuditSeal.objects.order_by("number"))


def test_rows_are_sealed_in_order_and_each_seal_covers_the_one_before(
    ada: User, now: datetime
) -> None:
    write(5, person=ada, now=now)
    found = chain()
    assert [seal.number for seal in found] == [1, 2, 3, 4, 5]
    assert [seal.row for seal in found] == [row.number for row in rows()]
    assert [seal.previous for seal in found] == ["", *(seals.link_to(seal) for seal in found[:-1])]
    assert len({seal.hash for seal in found}) == 5
    assert audit.first_bad_row() is None


def test_a_row_that_waits_for_its_seal_breaks_nothing(ada: User, now: datetime) -> None:
    write(2, person=ada, now=now)
    with as_administrator():
        AuditSeal.objects.all().delete()
    verdict = audit_check.check()
    assert (verdict.fault, verdict.sealed, verdict.waiting) == (None, 0, 2)
    seals.seal_all()
    seals.seal_all()
    verdict = audit_check.check()
    assert (verdict.fault, verdict.sealed, verdict.waiting) == (None, 2, 0)


def test_a_lower_number_that_commits_later_is_sealed_once(ada: User, now: datetime) -> None:
    """PostgreSQL gives numbers out before rows are committed."""
    write(4, person=ada, now=now)
    with as_administrator():
        seal = AuditSeal.objects.get(number=4)
        late = AuditEvent.objects.get(number=rows()[1].number)
        AuditSeal.objects.all().delete()
        AuditEvent.objects.filter(pk=late.pk).delete()
    seals.seal_all()
    late.save(force_insert=True)
    seals.seal_now()
    order = [row.number for row in rows()]
    assert [seal.row for seal in chain()] == [order[0], order[2], order[3], order[1]]
    assert seal.hash not in {seal.hash for seal in chain()}
    assert audit.first_bad_row() is None


def test_a_number_that_was_never_used_is_no_fault(ada: User, now: datetime) -> None:
    write(1, person=ada, now=now)
    with transaction.atomic():
        audit.record(Event.SIGNED_IN, subject=ada, now=now)
        transaction.set_rollback(True)
    write(1, person=ada, now=now)
    assert [seal.number for seal in chain()] == [1, 2]
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
    assert seals.is_genuine(row)


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
    "proof": {"proof": "0:0:0"},
    "no proof": {"proof": None},
}


def number_of(place: int) -> int:
    """Return the number of the row with this place in the chain."""
    return AuditSeal.objects.get(number=place).row


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES)
def test_a_changed_row_shows(values: dict[str, Any], ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    changed = number_of(3)
    with as_administrator():
        AuditEvent.objects.filter(number=changed).update(**values)
    assert audit.first_bad_row() == changed


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES)
def test_a_row_changed_before_it_is_sealed_shows(
    values: dict[str, Any], ada: User, now: datetime
) -> None:
    write(2, person=ada, now=now)
    changed = number_of(2)
    with as_administrator():
        AuditSeal.objects.filter(number=2).delete()
        AuditEvent.objects.filter(number=changed).update(**values)
    assert audit.first_bad_row() == changed
    seals.seal_all()
    write(1, person=ada, now=now)
    assert audit.first_bad_row() == changed


def sealed_anew(row: AuditEvent) -> None:
    """Make the hash of a changed row fit, as one may who knows all but the key."""
    seal = AuditSeal.objects.get(row=row.number)
    seal.hash = seals.hash_of(seal, row)
    seal.save()


def test_a_changed_row_with_a_hash_of_its_own_shows(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    with as_administrator():
        row = AuditEvent.objects.get(number=number_of(3))
        row.event = "signed_out"
        row.save()
        sealed_anew(row)
    assert audit.first_bad_row() == row.number


def test_a_chain_rewritten_to_its_end_shows(ada: User, now: datetime) -> None:
    """Every hash fits, and the keys named are ones that nobody has any more."""
    write(5, person=ada, now=now)
    with as_administrator():
        previous = seals.link_to(AuditSeal.objects.get(number=2))
        for seal in chain()[2:]:
            row = AuditEvent.objects.get(number=seal.row)
            row.event, row.proof = "signed_out", f"deadbeef:{row.number}:0"
            row.save()
            seal.previous, seal.proof = previous, "deadbeef:0"
            seal.hash = seals.hash_of(seal, row)
            previous = seals.link_to(seal)
            seal.save()
    assert audit.first_bad_row() == number_of(5)
    before = len(chain())
    audit.record(Event.SIGNED_IN, subject=ada, now=now)
    seals.seal_all()
    assert len(chain()) == before  # no seal of ours vouches for what is not ours
    assert audit.first_bad_row() == number_of(5)


def test_a_chain_without_any_proof_shows(ada: User, now: datetime) -> None:
    """As before there were proofs: only a later one vouches for such rows."""
    write(3, person=ada, now=now)
    with as_administrator():
        previous = ""
        for seal in chain():
            row = AuditEvent.objects.get(number=seal.row)
            row.event, row.proof = "signed_out", None
            row.save()
            seal.previous, seal.proof = previous, ""
            seal.hash = previous = seals.hash_without_proof(seal, row)
            seal.save()
    assert audit.first_bad_row() == number_of(3)


def test_a_dropped_row_shows(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    dropped = number_of(3)
    with as_administrator():
        AuditEvent.objects.filter(number=dropped).delete()
    assert audit.first_bad_row() == dropped


@pytest.mark.parametrize("place", [1, 3])
def test_a_row_dropped_with_its_seal_shows(place: int, ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    dropped, second = number_of(place), number_of(2)
    with as_administrator():
        AuditEvent.objects.filter(number=dropped).delete()
        AuditSeal.objects.filter(number=place).delete()
    fault = audit_check.check().fault
    assert fault is not None
    assert fault.row == (second if place == 1 else dropped)


@pytest.mark.parametrize("left", [4, 1, 0])
def test_a_cut_end_shows_by_the_head_that_was_kept(left: int, ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    head = AuditSeal.objects.get(number=5)
    end = number_of(left) if left else 0
    with as_administrator():
        AuditEvent.objects.filter(number__gt=end).delete()
        AuditSeal.objects.filter(number__gt=left).delete()
    assert audit_check.check().fault is None
    fault = audit_check.check(kept={5: head.hash}).fault
    assert fault is not None
    assert fault.row == end + 1
    # A chain that grew again is not the one that was cut, either.
    write(5, person=ada, now=now)
    fault = audit_check.check(kept={5: head.hash}).fault
    assert fault is not None
    assert fault.row == number_of(5)


def test_two_swapped_rows_show(ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    low, high = number_of(2), number_of(4)
    with as_administrator():
        AuditEvent.objects.filter(number=low).update(number=100_000)
        AuditEvent.objects.filter(number=high).update(number=low)
        AuditEvent.objects.filter(number=100_000).update(number=high)
    assert audit.first_bad_row() == low


@pytest.mark.parametrize("proof", ["copied", "none", "made up", "of a key unknown"])
@pytest.mark.parametrize("is_sealed", [False, True])
def test_an_inserted_row_shows(proof: str, is_sealed: bool, ada: User, now: datetime) -> None:
    write(5, person=ada, now=now)
    row = AuditEvent.objects.get(number=number_of(4))
    made_up = f"{(row.proof or '').split(':')[0]}:1:2"
    row.number = None
    if proof == "copied":
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save(force_insert=True)
        return
    row.proof = {"none": None, "made up": made_up, "of a key unknown": "0:1:2"}[proof]
    row.save(force_insert=True)  # which the product's own role may do
    if is_sealed:
        seal = AuditSeal(number=6, row=row.number, previous=seals.link_to(chain()[-1]), proof="0:1")
        seal.hash = seals.hash_of(seal, row)
        seal.save(force_insert=True)
    assert audit.first_bad_row() == row.number
    seals.seal_all()
    write(1, person=ada, now=now)
    assert audit.first_bad_row() == row.number


def test_rows_stay_proved_when_the_keys_are_rotated(
    ada: User, now: datetime, settings: Settings
) -> None:
    old, new = settings.FIELD_KEYS[0], "another-field-key-of-more-than-32-bytes"
    write(3, person=ada, now=now)
    settings.FIELD_KEYS = [new, old]
    assert audit.first_bad_row() is None
    write(2, person=ada, now=now)
    settings.FIELD_KEYS = [new]
    assert audit.first_bad_row() is None
    with as_administrator():
        AuditEvent.objects.filter(number=number_of(1)).update(event="signed_out")
    assert audit.first_bad_row() == number_of(1)


def test_a_chain_whose_last_key_is_gone_is_not_vouched_for(
    ada: User, now: datetime, settings: Settings
) -> None:
    write(3, person=ada, now=now)
    settings.FIELD_KEYS = ["another-field-key-of-more-than-32-bytes"]
    verdict = audit_check.check()
    assert verdict.fault is not None
    assert "FIELD_KEYS" in verdict.fault.what


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


def test_an_address_that_somebody_typed_is_kept_as_its_pseudonym(ada: User, now: datetime) -> None:
    said = f"<{ada.email.upper()}> rang, not eve@work.example."
    audit.record(Event.PASS_GRANTED, subject=ada, after={"reason": said, "of": ["@x"]}, now=now)
    (row,) = rows()
    eve = keys.pseudonym("eve@work.example")
    assert row.after == {"reason": f"<{row.subject}> rang, not {eve}.", "of": ["@x"]}
