"""Keys by label, and what machines are told."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from accounts import audit, clock, keys, mail
from accounts.audit import Event
from accounts.models import Notice, User
from tests.journeys.clock import Clock

OLD, NEW = "old-key-of-more-than-thirty-two-bytes", "new-key-of-more-than-thirty-two-bytes"


def test_each_label_has_a_key_of_its_own(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    ((_, one),), ((_, other),) = keys.derive("one"), keys.derive("other")
    assert one != other
    assert len(one) == len(other) == 32
    assert OLD.encode() not in one


def test_the_newest_key_makes_and_every_key_recognises(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]
    made = keys.mac("label", 1, "a")
    settings.FIELD_KEYS = [NEW, OLD]
    assert keys.mac("label", 1, "a") != made
    assert keys.is_mac(made, "label", 1, "a")
    assert keys.is_hex_mac(made.hex(), "label", 1, "a")
    settings.FIELD_KEYS = [NEW]
    assert not keys.is_mac(made, "label", 1, "a")


@pytest.mark.parametrize("parts", [("ab", "c"), ("a", "bc", ""), ("abc",), ("a", "b", "c")])
def test_no_two_lists_of_parts_read_alike(parts: tuple[str, ...]) -> None:
    assert keys.mac("label", *parts) != keys.mac("label", "a", "bc")


@pytest.mark.parametrize("given", ["", "x", "ä", "0" * 64, "\x00"])
def test_nonsense_is_no_mac(given: str) -> None:
    assert not keys.is_hex_mac(given, "label", 1)


def test_a_key_s_name_tells_nothing_of_it(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD, NEW]
    names = [name for name, _ in keys.derive("label")]
    assert names == [name for name, _ in keys.derive("another")]
    assert len(set(names)) == 2
    assert all(len(name) == 8 for name in names)


# Probes.


@pytest.mark.django_db
def test_a_process_that_answers_is_alive() -> None:
    answer = Client().get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})
    assert Client().post("/health/live").status_code == 405


@pytest.mark.django_db
@pytest.mark.both_databases
def test_ready_while_the_database_answers_and_agrees_on_the_time() -> None:
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "problems": []})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(("apart", "status"), [(2.0, 200), (2.001, 503), (-3600, 503)])
def test_clocks_apart_are_not_ready_and_stop_jobs(
    apart: float, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "difference", lambda: abs(timedelta(seconds=apart)))
    assert Client().get("/health/ready").status_code == status
    assert clock.is_trustworthy() is (status == 200)


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_clock_that_differs_from_the_database_s_is_measured(clock: Clock) -> None:
    from accounts.clock import difference  # noqa: PLC0415 - the fixture has the module's name

    assert difference() > timedelta(seconds=2)


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError("password=secret host=10.0.0.1")

    monkeypatch.setattr(connection, "cursor", fail)
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["The database does not answer."]
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db
def test_figures_are_told_in_prometheus_words(ada: User, clock: Clock) -> None:
    mail.owe("password_reset", to=ada, occasion="x", now=clock.now)
    audit.record(Event.SIGNED_IN, subject=ada, now=clock.now)
    clock.forward(minutes=2)
    answer = Client().get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert 'gatehouse_notices{state="owed"} 1' in lines
    assert 'gatehouse_notices{state="failed"} 0' in lines
    assert "gatehouse_notice_wait_seconds 120" in lines
    assert "gatehouse_audit_rows 1" in lines
    assert lines.count("# TYPE gatehouse_notices gauge") == 1
    assert ada.email not in answer.content.decode()
    Notice.objects.update(state=Notice.State.SENT)
    assert "gatehouse_notice_wait_seconds 0" in Client().get("/metrics").content.decode()
