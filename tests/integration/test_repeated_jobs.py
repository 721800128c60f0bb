"""Jobs that run twice, in two processes at once, late, or for rows that are gone meanwhile."""

import logging
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core import mail as outbox
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import audit, delivery, spare
from accounts.audit import Event
from accounts.models import Account, AuditEvent, Notice, User
from accounts.tasks import send_notices
from enforcement import admin_requirement, passes, policies, tasks
from enforcement.models import Policy
from settings.celery import app
from tests.enforcement.desk import switch
from tests.factories import make_user
from tests.integration.people import is_in, set_up, sign_in
from tests.integration.workers import (
    SEND,
    SWEEP,
    all_sent,
    long_standing_account,
    publisher,
    required_since,
    times_mailed,
    wait_for,
    work_environment,
)
from tests.services.product import running_beat, running_worker
from tests.services.redis import RedisServer
from tests.services.smtp import SMTPServer
from tests.twofactor.people import enrol_app
from twofactor.models import TOTPDevice

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TIMES = 5
FOUR = ("--concurrency=4",)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def signed_in(user: User) -> Client:
    browser = Client()
    assert sign_in(browser, user) == "/"
    return browser


def count_of(event: Event) -> int:
    return AuditEvent.objects.filter(event=event).count()


def kinds_owed() -> list[str]:
    return sorted(Notice.objects.values_list("kind", flat=True))


def queued_tasks() -> int:
    """Return how many messages wait at the in-memory broker of the test settings."""
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        found: int = channel.queue_declare("celery").message_count
        channel.queue_purge("celery")
        return found


@pytest.mark.redis
@pytest.mark.postgres
@pytest.mark.proves("S62", "B32")
@pytest.mark.django_db(transaction=True)
def test_each_job_delivered_many_times_to_eight_processes_and_two_beats_mails_once(
    redis_server: RedisServer, smtp_server: SMTPServer, var_dir: Path, now: datetime
) -> None:
    members = [make_user() for _ in range(6)]
    account, owner = long_standing_account(*members)
    browsers = [signed_in(member) for member in members[:4]]
    required_since(account, owner, at=now - DAY)
    passes.grant_pass(user=members[5], actor=None, reason="Lost", now=now - DAY)
    env = work_environment(var_dir, smtp=smtp_server, redis_url=redis_server.url)
    with (
        running_worker(folder=var_dir, env=env, options=FOUR) as first,
        running_worker(folder=var_dir, env=env, options=(*FOUR, "-n", "second@%h")) as second,
        running_beat(folder=var_dir, env=env),
        running_beat(folder=var_dir, env=env),
        publisher(var_dir, redis_url=redis_server.url) as publish,
    ):
        for _ in range(TIMES):
            publish(SWEEP)
            publish(SEND)
        wait_for(lambda: Policy.objects.get().swept_at is not None and all_sent())
        for task in (SWEEP, SEND) * TIMES:
            publish(task)
        wait_for(lambda: not redis_server.client().llen("celery"))
    assert "Traceback" not in first.output() + second.output()
    assert first.output().count("succeeded") > 0 < second.output().count("succeeded")
    assert set(times_mailed(smtp_server).values()) == {1}
    assert Notice.objects.filter(kind="signed_out").count() == len(browsers)
    assert count_of(Event.DEADLINE_PASSED) == len(browsers)
    assert count_of(Event.PASS_ENDED) == 1
    assert audit.first_bad_row() is None
    assert not any(is_in(browser) for browser in browsers)


@pytest.mark.both_databases
@pytest.mark.django_db
@pytest.mark.proves("S62", "B32")
def test_a_job_that_runs_twice_owes_nothing_twice(now: datetime) -> None:
    account, owner = long_standing_account(make_user(), make_user())
    required_since(account, owner, at=now)
    for at in (now, now, now + 12 * HOUR, now + 12 * HOUR, now + 23 * HOUR, now + DAY, now + DAY):
        tasks.carry_out(now=at)
        delivery.send_due(now=at)
        Policy.objects.update(announced_at=None, reminded_12h_at=None, swept_at=None)
    assert len(outbox.outbox) == len({(sent.to[0], sent.subject) for sent in outbox.outbox})
    counts = [kinds_owed().count(kind) for kind in ("requirement_must_act", "reminder_12h")]
    assert counts == [3, 3]


@pytest.mark.proves("B32")
def test_no_task_is_put_off_by_its_message() -> None:
    """One that waits longer than Redis hides it would be handed out again and again."""
    queued_tasks()
    spare.wake(send_notices)
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        found = channel.basic_get("celery", no_ack=True)
    assert (found.headers["task"], found.headers["eta"]) == (send_notices.name, None)
    sources = [
        path for each in ("accounts", "twofactor", "enforcement") for path in sources_of(each)
    ]
    publishing = re.compile(r"apply_async|\.delay\(|send_task|\.retry\(")
    found_in = {path.name for path in sources if publishing.search(path.read_text())}
    assert found_in == {"spare.py"}


def sources_of(package: str) -> Iterable[Path]:
    return (Path(product.BASE_DIR) / package).rglob("*.py")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.proves("S64", "B34")
def test_a_switch_that_is_rolled_back_mails_nobody_and_queues_nothing(now: datetime) -> None:
    account, owner = long_standing_account(make_user())
    queued_tasks()
    with transaction.atomic():
        policies.switch_on(account=account, actor=owner, now=now)
        transaction.set_rollback(True)
    assert queued_tasks() == 0
    tasks.carry_out(now=now)
    assert not Policy.objects.exists()
    assert not Notice.objects.exists()
    assert count_of(Event.POLICY_ON) == 0
    with transaction.atomic():
        policies.switch_on(account=account, actor=owner, now=now)
        assert queued_tasks() == 0
    assert queued_tasks() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.proves("B34")
def test_under_atomic_requests_a_page_that_fails_late_mails_nobody_and_queues_nothing(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator has each request run in one transaction; the switch's page fails at its end."""
    account, owner = long_standing_account(make_user())
    client = Client(raise_request_exception=False)
    sign_in(client, owner)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    queued_tasks()
    with monkeypatch.context() as failing:
        failing.setattr(admin_requirement, "_done", fail)
        assert switch(client, account).status_code == 500
    assert queued_tasks() == 0
    assert not Policy.objects.exists()
    assert count_of(Event.POLICY_ON) == 0
    assert switch(client, account).status_code == 302
    assert (queued_tasks(), count_of(Event.POLICY_ON)) == (1, 1)


def fail(*args: object, **kwargs: object) -> str:
    raise RuntimeError("The page fails after the switch.")


@pytest.mark.both_databases
@pytest.mark.django_db
@pytest.mark.proves("B36")
def test_a_job_hours_late_does_once_what_is_still_right(now: datetime) -> None:
    idle, enrolled = make_user(), make_user()
    account, owner = long_standing_account(idle, enrolled)
    browser, other = signed_in(idle), signed_in(enrolled)
    required_since(account, owner, at=now - DAY - 3 * HOUR)
    assert not is_in(browser)  # no job has run: the gate needs none
    set_up(other, enrolled)
    for late in (now, now + HOUR):
        tasks.carry_out(now=late)
        delivery.send_due(now=late)
    assert not {"reminder_12h", "reminder_1h"} & set(kinds_owed())
    (told,) = Notice.objects.filter(kind="signed_out")
    assert (told.user, told.state) == (idle, Notice.State.SENT)
    assert kinds_owed().count("owner_result") == 1
    assert count_of(Event.DEADLINE_PASSED) == 1
    assert is_in(other)
    assert not is_in(browser)


@pytest.mark.both_databases
@pytest.mark.django_db
def test_a_sign_out_carried_out_late_outlasts_the_requirement(now: datetime) -> None:
    idle = make_user()
    account, owner = long_standing_account(idle)
    browser = signed_in(idle)
    required_since(account, owner, at=now - DAY)
    tasks.carry_out(now=now)
    policies.switch_off(account=account, actor=owner, now=now)
    assert not is_in(browser)


def delete_member(account: Account, owner: User, member: User) -> None:
    member.delete()


def delete_owner(account: Account, owner: User, member: User) -> None:
    owner.delete()


def delete_account(account: Account, owner: User, member: User) -> None:
    account.delete()


def delete_device(account: Account, owner: User, member: User) -> None:
    TOTPDevice.objects.all().delete()


@pytest.mark.both_databases
@pytest.mark.django_db
@pytest.mark.parametrize("is_owed", [False, True], ids=["before owing", "before sending"])
@pytest.mark.parametrize("delete", [delete_member, delete_owner, delete_account, delete_device])
@pytest.mark.proves("B39")
def test_whoever_is_deleted_before_a_job_runs_stops_nobody_else(
    delete: Callable[[Account, User, User], None],
    is_owed: bool,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    member, other = make_user(), enrol_app(make_user(), now=now).user
    account, owner = long_standing_account(member, other)
    neighbour = make_user()
    required_since(*long_standing_account(neighbour), at=now)
    required_since(account, owner, at=now)
    passes.grant_pass(user=member, actor=owner if owner.is_staff else None, reason="Lost", now=now)
    if is_owed:
        tasks.carry_out(now=now)
    delete(account, owner, member)
    for at in (now, now + 12 * HOUR, now + DAY, now + DAY):
        tasks.carry_out(now=at)
        delivery.send_due(now=at)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    states = dict(Notice.objects.filter(user=neighbour).values_list("kind", "state"))
    assert states["requirement_must_act"] == states["reminder_12h"] == Notice.State.SENT
    mailed = {sent.to[0] for sent in outbox.outbox}
    assert neighbour.email in mailed
    told = Notice.objects.filter(user=other, state=Notice.State.SENT).exclude(account_id=None)
    assert told.exists() is (delete is not delete_account)
    # Who is ready is reminded of nothing.
    assert told.filter(kind__startswith="reminder").exists() is (delete is delete_device)
    assert not Notice.objects.filter(state=Notice.State.OWED).exists()
