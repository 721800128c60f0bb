"""The audit in the admin: what an owner sees of it, how it is narrowed, and taken along."""

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import audit, audit_export, seals
from accounts.audit import Entry, Event
from accounts.models import Account, AuditEvent, AuditSeal, User
from tests.enforcement.desk import owner_browser, support_browser
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db
AUDIT = "/admin/accounts/auditevent/"


@pytest.fixture
def sam(db: None, clock: Clock) -> User:
    return make_user("sam@gatehouse.example", is_staff=True)


@pytest.fixture
def rows(ada: User, owner: User, sam: User, northwind: Account, clock: Clock) -> Account:
    """Rows by a member, by support, by who has left; and a row of another account."""
    left = make_user("left@northwind.example")
    stranger = make_user("stranger@elsewhere.example")
    other = make_account("elsewhere", owner=stranger)
    for event, actor, subject, account in (
        (Event.JOINED, ada, ada, northwind),
        (Event.POLICY_OFF, sam, None, northwind),
        (Event.LEFT, left, left, northwind),
        (Event.JOINED, stranger, stranger, other),
        (Event.PASS_GRANTED, sam, stranger, other),
    ):
        audit.record(event, actor=actor, subject=subject, account=account, now=clock.now)
    return northwind


def events(client: Client, query: str = "") -> list[str]:
    answer: Any = client.get(AUDIT + query)
    assert answer.status_code == 200, query
    return [row.event for row in answer.context["cl"].result_list]


def test_an_owner_reads_support_and_who_has_left_without_their_names(
    rows: Account, owner: User
) -> None:
    answer: Any = owner_browser(owner).get(AUDIT)
    told = {row["what"]: row["who"] for row in answer.context["told"]}
    assert told["Joined"] == "ada@northwind.example"
    assert told["Policy off"] == "Support"
    assert told["Left"].startswith("not a member (")
    page = answer.content.decode()
    for name in ("sam@", "left@", "stranger@", "elsewhere"):
        assert name not in page


@pytest.mark.parametrize("of", ["sam@gatehouse.example", "left@northwind.example"])
def test_an_owners_search_confirms_nobody_but_members(of: str, rows: Account, owner: User) -> None:
    person = User.objects.get(email=of)
    client, support = owner_browser(owner), support_browser()
    for query in (f"?q={of}", f"?q={person.pk}"):
        assert events(client, query) == []
        assert events(support, query) != []
    assert events(client, "?q=ada@northwind.example") == ["joined"]
    ada = User.objects.get(email="ada@northwind.example")
    assert events(client, f"?q={ada.pk}") == []  # numbers are no owner's to try
    for lookup in ("actor_id", "subject_id"):
        assert client.get(f"{AUDIT}?{lookup}={person.pk}").status_code == 400
        assert support.get(f"{AUDIT}?{lookup}={person.pk}").status_code == 200


def test_a_member_of_one_account_is_not_found_in_another(
    rows: Account, owner: User, clock: Clock
) -> None:
    """An owner of both sees the rows of each about its own members."""
    both = make_account("second", owner=owner)
    ada = User.objects.get(email="ada@northwind.example")
    audit.record(Event.LEFT, actor=ada, subject=ada, account=both, now=clock.now)
    assert events(owner_browser(owner), "?q=ada@northwind.example") == ["joined"]


def test_the_audit_is_narrowed_by_event_day_and_account(
    rows: Account, owner: User, clock: Clock
) -> None:
    audit.record(Event.ROLE_CHANGED, actor=owner, account=rows, now=clock.now - timedelta(days=2))
    support = support_browser()
    day, before = f"{clock.now:%Y-%m-%d}", f"{clock.now - timedelta(days=2):%Y-%m-%d}"
    assert events(support, f"?to={before}") == ["role_changed"]
    assert events(support, f"?from={before}&to={before}") == ["role_changed"]
    assert "role_changed" not in events(support, f"?from={day}")
    assert events(support, "?event=policy_off&account=northwind") == ["policy_off"]
    assert len(events(support, "?account=northwind")) == 4
    assert len(events(support, "?account=elsewhere")) == 2


def test_a_day_begins_where_the_viewer_lives(rows: Account, owner: User, clock: Clock) -> None:
    """Half past nine in the evening of UTC is the next day in Auckland."""
    owner.time_zone = "Pacific/Auckland"
    owner.save()
    late = clock.now.replace(hour=21) - timedelta(days=3)
    audit.record(Event.ROLE_CHANGED, actor=owner, account=rows, now=late)
    next_day = f"{late + timedelta(days=1):%Y-%m-%d}"
    client = owner_browser(owner)
    assert events(client, f"?from={next_day}&to={next_day}") == ["role_changed"]
    page = client.get(f"{AUDIT}?from={next_day}&to={next_day}").content.decode()
    assert "NZDT" in page
    assert f"{late:%d %b, %H:%M:%S} UTC" in page


@pytest.mark.parametrize("value", ["x", "2026-13-40", "9999-12-31", "0001-01-01", "\0"])
def test_a_day_that_is_none_is_no_error(value: str, rows: Account) -> None:
    client = support_browser()
    for name in ("from", "to"):
        answer = client.get(AUDIT, {name: value}, follow=True)
        assert answer.status_code == 200
        assert client.post(f"{AUDIT}export/csv/?{name}={value}").status_code in {200, 400, 404}


def test_a_foreign_account_is_not_there(rows: Account, owner: User) -> None:
    client = owner_browser(owner)
    for slug in ("elsewhere", "no-such-account"):
        assert client.get(f"{AUDIT}?account={slug}").status_code == 404
        assert client.post(f"{AUDIT}export/csv/?account={slug}").status_code == 404
    foreign = Account.objects.get(slug="elsewhere")
    assert client.post(f"{AUDIT}export/json/?account_id={foreign.pk}").status_code == 400
    assert not AuditEvent.objects.filter(event="audit_exported").exists()


# Words.


def test_codes_are_told_in_words(rows: Account, owner: User, clock: Clock) -> None:
    for before, after in (
        ({"role": "member"}, {"role": "admin"}),
        (None, {"kind": "backup", "verified": True}),
        ({"until": clock.now.isoformat()}, None),
        (None, {"person": "0123456789abcdef" * 2, "reason": "too_many", "empty": ""}),
    ):
        audit.record(Event.ROLE_CHANGED, account=rows, before=before, after=after, now=clock.now)
    answer: Any = owner_browser(owner).get(AUDIT)
    told = [row["change"] for row in answer.context["told"]]
    assert "role: member → admin" in told
    assert "with: backup code, verified: yes" in told
    assert f"until: was {clock.now:%a %d %b %Y, %H:%M:%S} UTC" in told
    assert "address: somebody (01234567), reason: too many" in told


# Export.


def exported(client: Client, form: str, query: str = "") -> Any:
    answer: Any = client.post(f"{AUDIT}export/{form}/{query}")
    assert answer.status_code == 200, answer.content
    text = b"".join(answer.streaming_content).decode()
    if form == "json":
        return json.loads(text)
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("query", ["", "?event=joined", "?q=ada@northwind.example"])
def test_an_export_holds_the_rows_of_the_page(
    form: str, query: str, rows: Account, owner: User
) -> None:
    for client in (owner_browser(owner), support_browser()):
        shown = events(client, query)
        assert [row["event"] for row in exported(client, form, query)] == shown
        assert shown


def test_an_owner_takes_along_no_more_than_the_page_tells(rows: Account, owner: User) -> None:
    found = exported(owner_browser(owner), "json")
    assert {row["account"] for row in found} == {"Northwind"}
    assert {row["by"] for row in found if row["event"] == "policy_off"} == {"Support"}
    assert all(
        name not in row for row in found for name in ("number", "address", "hash", "request_id")
    )
    assert "sam@" not in str(found)
    seals.seal_all()
    of_support = exported(support_browser(), "json")
    assert {row["account"] for row in of_support} > {"Northwind", "Elsewhere"}
    hashes = {seal.row: seal.hash for seal in AuditSeal.objects.all()}
    assert all(row["hash"] == hashes.get(row["number"], "") for row in of_support)
    assert any(row["hash"] for row in of_support)


def test_an_export_is_a_row_of_the_audit_itself(rows: Account, owner: User, sam: User) -> None:
    exported(owner_browser(owner), "csv", "?event=joined&q=ada@northwind.example")
    row = AuditEvent.objects.get(event="audit_exported")
    assert (row.actor_id, row.account_id) == (owner.pk, rows.pk)
    told = row.after or {}
    assert told["form"] == "csv"
    assert told["event"] == "joined"
    assert "ada@" not in str(told)  # a keyed pseudonym, as everywhere
    support = support_browser()
    exported(support, "json", f"?account_id={rows.pk}")
    exported(support, "json")
    accounts = AuditEvent.objects.filter(event="audit_exported").order_by("number")
    assert list(accounts.values_list("account_id", flat=True)) == [rows.pk, rows.pk, None]
    # What support took along of an account, its owner reads.
    assert events(owner_browser(owner), "?event=audit_exported") == ["audit_exported"] * 2


def test_an_export_has_a_dated_name_and_is_asked_for_by_post(
    rows: Account, owner: User, clock: Clock
) -> None:
    client = owner_browser(owner)
    answer = client.post(f"{AUDIT}export/csv/")
    name = f"audit-northwind-{clock.now:%Y-%m-%d}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert client.get(f"{AUDIT}export/csv/").status_code == 405
    assert client.post(f"{AUDIT}export/exe/").status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(f"{AUDIT}export/csv/").status_code == 403


def test_what_a_person_typed_runs_in_no_spreadsheet(
    rows: Account, owner: User, clock: Clock
) -> None:
    rows.name = "=cmd|' /C calc'!A0"
    rows.save()
    for row in exported(owner_browser(owner), "csv"):
        assert row["account"] == f"'{rows.name}"


def test_neither_member_nor_stranger_exports(rows: Account, ada: User) -> None:
    assert owner_browser(ada).post(f"{AUDIT}export/csv/").status_code == 403
    assert Client().post(f"{AUDIT}export/csv/").status_code in {302, 401}


def memory_of_export(client: Client) -> int:
    """Return the peak of memory while a file is sent."""
    answer: Any = client.post(f"{AUDIT}export/json/")
    tracemalloc.start()
    for _ in answer.streaming_content:
        continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_an_export_takes_as_much_memory_for_few_rows_as_for_many(
    rows: Account, owner: User, clock: Clock
) -> None:
    client, peaks = owner_browser(owner), []
    entry = Entry(event=Event.JOINED, account=rows, after={"text": "x" * 500})
    for count in (audit_export.CHUNK * 2, audit_export.CHUNK * 8):
        audit.record_many([entry] * count, now=clock.now)
        peaks.append(memory_of_export(client))
    assert peaks[1] < 1.3 * peaks[0]
