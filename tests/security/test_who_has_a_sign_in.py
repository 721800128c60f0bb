"""Who has a sign-in here is told to nobody: not by words, not by the work that an answer takes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import delivery, passwords
from accounts.models import AuditEvent, Notice
from enforcement import tasks
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

KNOWN, UNKNOWN, CLOSED = "ada@here.example", "nobody@here.example", "gone@here.example"


@pytest.fixture(autouse=True)
def people(clock: Clock) -> None:
    make_user(KNOWN)
    make_user(CLOSED, is_active=False)


def work_of(client: Client, email: str) -> list[str]:
    """Return what the database is asked to do for one reset: the verbs and the tables."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.post("/password/reset/", {"email": email})
    assert (answer.status_code, answer["Location"]) == (302, "/password/reset/done/")
    values = re.compile(r" (VALUES|WHERE|SET) .*|(?<=SAVEPOINT) .*", re.DOTALL)
    return [values.sub("", each["sql"]) for each in captured]


@pytest.mark.proves("S58")
def test_a_reset_takes_the_same_work_for_every_address(clock: Clock) -> None:
    """Known, unknown and deactivated; measured before: three times as long for a known one."""
    client = Client()
    client.post("/password/reset/", {"email": "first@here.example"})  # makes the audit's head
    known = work_of(client, KNOWN)
    assert any("INSERT" in each for each in known)
    assert work_of(client, UNKNOWN) == known
    assert work_of(client, CLOSED) == known


@pytest.mark.proves("S58")
def test_only_who_has_a_sign_in_is_mailed(clock: Clock, mailoutbox: list[Any]) -> None:
    """What was written for the others is dropped, and forgotten after a day."""
    for email in (KNOWN, UNKNOWN, CLOSED):
        passwords.ask_for_reset(email=email, now=clock.now)
    delivery.send_due(now=clock.now)
    assert [each.to for each in mailoutbox] == [[KNOWN]]
    clock.forward(hours=25)
    tasks.forget_old()
    assert [each.recipient for each in Notice.objects.all()] == [KNOWN]


@pytest.mark.proves("S60")
def test_pressing_the_button_often_writes_little(clock: Clock) -> None:
    """A stranger can't fill the audit of somebody's address."""
    for _ in range(20):
        Client().post("/password/reset/", {"email": KNOWN})
    assert AuditEvent.objects.filter(event="password_reset_asked").count() == 1
    clock.set(clock.now + timedelta(minutes=3))
    Client().post("/password/reset/", {"email": KNOWN})
    assert AuditEvent.objects.filter(event="password_reset_asked").count() == 2
