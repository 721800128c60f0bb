"""The servers of the tests do what tests rely on, and the product's settings fit them."""

import smtplib
from pathlib import Path

import pytest
from django.core.mail import send_mail
from django.db import connection
from pytest_django import Settings
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.services.processes import Process, python, running
from tests.services.product import manage, product_environment, running_beat, running_worker
from tests.services.redis import RedisServer
from tests.services.smtp import DISCONNECT, SMTPServer
from tests.services.twilio import Answer, Twilio

SWEEP = "enforcement.tasks.sweep"


@pytest.mark.postgres
@pytest.mark.django_db
def test_postgres_prepares_statements() -> None:
    assert connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for number in range(4):
            cursor.execute("SELECT %s::int", [number])
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        assert ("SELECT $1::int",) in cursor.fetchall()


@pytest.mark.django_db
@pytest.mark.both_databases
def test_sqlite_or_postgres_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_mail_goes_over_smtp(smtp_server: SMTPServer) -> None:
    assert send_mail("Hello", "Body", "me@gatehouse.example", ["ada@northwind.example"]) == 1
    (mail,) = smtp_server.to("ada@northwind.example")
    assert mail["Subject"] == "Hello"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("550 no such person", smtplib.SMTPRecipientsRefused),
        ("451 later", smtplib.SMTPRecipientsRefused),
        (DISCONNECT, smtplib.SMTPServerDisconnected),
    ],
)
def test_a_mail_server_refuses_whom_it_is_told_to(
    answer: str, problem: type[Exception], smtp_server: SMTPServer
) -> None:
    smtp_server.refusals["ben@northwind.example"] = answer
    with pytest.raises(problem):
        send_mail("Hello", "Body", "me@gatehouse.example", ["ben@northwind.example"])
    assert not smtp_server.mails


def text(settings: Settings) -> None:
    client = Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)
    client.api.base_url = settings.TWILIO_BASE_URL
    client.messages.create(to="+442071838750", from_=settings.TWILIO_FROM, body="Hello")


def test_texts_go_through_the_real_client(twilio_stand_in: Twilio, settings: Settings) -> None:
    text(settings)
    assert twilio_stand_in.to("+442071838750") == ["Hello"]


def test_the_provider_refuses_when_told_to(twilio_stand_in: Twilio, settings: Settings) -> None:
    twilio_stand_in.answers.extend([Answer(code=21211), Answer(reset=True, is_taken=True)])
    with pytest.raises(TwilioRestException) as refused:
        text(settings)
    assert refused.value.code == 21211
    with pytest.raises(OSError, match="reset"):
        text(settings)
    assert len(twilio_stand_in.messages) == 1


def call(task: str, *, folder: Path, env: dict[str, str]) -> None:
    command = python("-m", "celery", "-A", "settings", "call", task)
    with running(command, folder=folder, env=env) as process:
        assert process.popen.wait(30) == 0, process.output()


def has_swept(process: Process) -> bool:
    return f"Task {SWEEP}" in process.output() and "succeeded" in process.output()


@pytest.mark.parametrize("broker", ["files", pytest.param("redis", marks=pytest.mark.redis)])
def test_a_task_published_before_a_kill_is_done_after_it(
    broker: str, var_dir: Path, request: pytest.FixtureRequest
) -> None:
    env = product_environment(var_dir)
    if broker == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        env["REDIS_URL"] = server.url
    manage("migrate", "--verbosity=0", folder=var_dir, env=env)
    with running_worker(folder=var_dir, env=env) as first:
        first.kill()
    call(SWEEP, folder=var_dir, env=env)
    with running_worker(folder=var_dir, env=env) as second:
        second.wait_until(lambda: has_swept(second), patience=15)


@pytest.mark.redis
def test_of_two_beats_one_ticks(redis_server: RedisServer, var_dir: Path) -> None:
    env = product_environment(var_dir, REDIS_URL=redis_server.url, SWEEP_SECONDS="1")
    with (
        running_beat(folder=var_dir, env=env) as first,
        running_beat(folder=var_dir, env=env) as second,
    ):
        first.wait_until(lambda: "Sending due task" in first.output(), patience=15)
        assert "Sending due task" not in second.output()
