"""Operators hear of what no single person is hit by: in the log, in a figure, and by mail."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.test import Client

from accounts import alarms, delivery, throttle
from accounts.models import AddressFailure, Notice
from enforcement import tasks
from tests.factories import make_user
from tests.journeys.clock import MS, Clock

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S08")]

MINUTE = timedelta(minutes=1)


def fail(times: int, clock: Clock) -> None:
    AddressFailure.objects.bulk_create(
        AddressFailure(address=f"198.51.{number // 250}.{number % 250}", at=clock.now)
        for number in range(times)
    )


def alarms_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelname) == ("gatehouse.alarm", "ERROR")
    ]


def mailed() -> list[str]:
    notices = Notice.objects.filter(kind="alarm").order_by("pk")
    return list(notices.values_list("recipient", flat=True))


def figures() -> str:
    return Client().get("/metrics").content.decode()


@pytest.fixture
def operators(settings: Any) -> list[str]:
    settings.OPERATORS = ["ops@gatehouse.example", "night@gatehouse.example"]
    return list(settings.OPERATORS)


def test_a_thousand_failures_in_five_minutes_sound_within_one_sweep(
    operators: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fail(999, clock)
    clock.forward(minutes=5, milliseconds=-1)
    tasks.sweep()
    assert (alarms_in(caplog), mailed()) == ([], [])
    throttle.note_failure(throttle.of_address("192.0.2.1"), now=clock.now)
    tasks.sweep()
    (line,) = alarms_in(caplog)
    assert "1000 wrong passwords, codes or links" in line
    assert mailed() == operators
    assert 'gatehouse_alarm{alarm="failed_tries"} 1' in figures()
    assert "gatehouse_failed_tries 1000" in figures()


def test_a_thousand_failures_in_more_than_five_minutes_do_not(
    operators: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fail(999, clock)
    clock.forward(minutes=5)
    fail(1, clock)
    tasks.sweep()
    assert (alarms_in(caplog), mailed()) == ([], [])
    assert 'gatehouse_alarm{alarm="failed_tries"} 0' in figures()


def test_an_alarm_sounds_once_an_hour_however_long_it_lasts(
    operators: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    begun = clock.now
    for minute in range(120):
        clock.set(begun + minute * MINUTE)
        if minute % 4 == 0:
            fail(1000, clock)
        tasks.sweep()
    assert len(alarms_in(caplog)) == 2
    assert mailed() == operators * 2


def test_the_hour_ends_to_the_millisecond(clock: Clock, operators: list[str]) -> None:
    at, hour = clock.now, timedelta(hours=1)
    for now in (at, at + hour - MS, at + hour):
        alarms.sound(alarms.Alarm.FAILED_TRIES, count=1000, now=now)
    assert mailed() == operators * 2


def test_two_kinds_of_alarm_do_not_hush_each_other(clock: Clock, operators: list[str]) -> None:
    for alarm in alarms.Alarm:
        alarms.sound(alarm, count=1000, now=clock.now)
    assert len(mailed()) == len(operators) * len(alarms.Alarm)


def test_without_named_operators_the_superusers_are_told(clock: Clock) -> None:
    root = make_user("root@gatehouse.example", is_superuser=True)
    make_user(is_superuser=True, is_active=False)
    make_user(is_staff=True)
    alarms.sound(alarms.Alarm.FAILED_TRIES, count=1024, now=clock.now)
    assert mailed() == [root.email]
    delivery.send_due(now=clock.now)
    (sent,) = outgoing.outbox
    assert sent.subject == "Alarm: many failed sign-ins"
    assert "1024 wrong passwords" in str(sent.body)


def test_resets_that_are_asked_for_and_tries_under_way_are_no_failures(clock: Clock) -> None:
    for number in range(5):
        Client().post("/password/reset/", {"email": f"person{number}@n.example"})
    with throttle.place(throttle.of_address("192.0.2.1"), now=clock.now):
        assert throttle.failed_tries(now=clock.now) == 0
    assert AddressFailure.objects.count() == 5
