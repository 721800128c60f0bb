"""Workers that die in the middle: no mail is lost, and each kill repeats one at most."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Notice
from tests.factories import make_user
from tests.integration.workers import (
    all_sent,
    let_leases_run_out,
    long_standing_account,
    required_since,
    times_mailed,
    wait_for,
    work_environment,
)
from tests.services.processes import Process
from tests.services.product import running_beat, running_worker
from tests.services.redis import RedisServer
from tests.services.smtp import SMTPServer

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.proves("S63", "B32", "B33"),
]
# One process is killed at a time: each may repeat the one mail it was in the middle of.
ONE_CHILD = ("--concurrency=1",)
EACH = [
    pytest.param("redis", "worker", 1000, 5, marks=pytest.mark.redis),
    pytest.param("redis", "child", 60, 2, marks=pytest.mark.redis),
    pytest.param("files", "worker", 1000, 5),
]


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The REDIS_URL for the broker that the test names; empty for the embedded one."""
    if request.getfixturevalue("broker") == "files":
        yield ""
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    yield server.url


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_child(worker: Process) -> None:
    """End the processes that do the work, but not the one that watches them."""
    for child in children_of(worker.popen.pid):
        os.kill(child, signal.SIGKILL)


def kill_at(server: SMTPServer, number: int, worker: Process, *, victim: str) -> None:
    """Kill when that many mails were taken, before the worker hears that the last one was."""

    def on_mail(sent: EmailMessage) -> None:
        if len(server.mails) == number:
            worker.kill() if victim == "worker" else kill_child(worker)

    server.on_mail = on_mail


@pytest.mark.parametrize(("broker", "victim", "mails", "kills"), EACH)
def test_a_killed_worker_loses_no_mail_and_repeats_one(
    broker: str,
    victim: str,
    mails: int,
    kills: int,
    redis_url: str,
    smtp_server: SMTPServer,
    var_dir: Path,
) -> None:
    owner = make_user()  # is a member, and told besides what owners are told
    account, _ = long_standing_account(*(make_user() for _ in range(mails - 2)), owner=owner)
    required_since(account, owner, at=timezone.now())
    env = work_environment(var_dir, smtp=smtp_server, redis_url=redis_url)
    with ExitStack() as stack:
        stack.enter_context(running_beat(folder=var_dir, env=env))
        for kill in range(1, kills + 1):
            number = kill * mails // (kills + 1)
            with running_worker(folder=var_dir, env=env, options=ONE_CHILD) as worker:
                kill_at(smtp_server, number, worker, victim=victim)
                wait_for(lambda number=number: len(smtp_server.mails) >= number)  # type: ignore[misc]
                worker.kill()
            let_leases_run_out()
        stack.enter_context(running_worker(folder=var_dir, env=env))
        wait_for(all_sent)
    found = times_mailed(smtp_server)
    assert len(found) == Notice.objects.count() == mails
    assert Notice.objects.filter(state=Notice.State.SENT).count() == mails
    assert set(found.values()) <= {1, 2}
    assert mails < sum(found.values()) <= mails + kills
