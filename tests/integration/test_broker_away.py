"""Redis dies or stands still: pages go on, and every mail leaves once after its return."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Notice, User
from enforcement.models import Policy
from settings import base
from tests.factories import PASSWORD, make_user
from tests.integration.browsing import Visitor
from tests.integration.people import BACKUP_CODE, SECRET, code_of
from tests.integration.workers import (
    all_sent,
    long_standing_account,
    times_mailed,
    wait_for,
    work_environment,
)
from tests.services.product import manage, running_app, running_beat, running_worker
from tests.services.redis import RedisServer, redis_folder, running_redis_in
from tests.services.smtp import SMTPServer
from twofactor import mailbox
from twofactor.models import SMSDevice, TOTPDevice

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]
PHONE = "+12025550123"
# Seconds that Redis stays away when all is done; `make proof` sets an hour.
LONGER = float(os.environ.get("REDIS_AWAY", "0"))
QUICK = timedelta(seconds=2)


@pytest.fixture(autouse=True)
def real_hashes(settings: Settings) -> None:
    """Passwords as the web process reads them."""
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS


@pytest.fixture
def folder() -> Iterator[Path]:
    with redis_folder() as path:
        yield path


def come_to_set_up(visitor: Visitor, user: User) -> None:
    link = mailbox.make_link(user, now=timezone.now())
    visitor.get(link.removeprefix("http://testserver"))
    answer = visitor.open_and_post("/login/", email=user.email, password=PASSWORD, next="/")
    assert answer.headers["Location"] == "/"
    assert visitor.get("/two-factor/setup/").status_code == 200


def set_up_app(visitor: Visitor, user: User) -> None:
    come_to_set_up(visitor, user)
    found = SECRET.search(visitor.get("/two-factor/setup/app/").text)
    assert found
    answer = visitor.post("/two-factor/setup/app/", code=code_of(found[1]))
    assert len(BACKUP_CODE.findall(answer.text)) == 10


def set_up_phone(visitor: Visitor, user: User, *, outbox: Path) -> None:
    come_to_set_up(visitor, user)
    visitor.open_and_post("/two-factor/setup/text/", phone=PHONE)
    (sent,) = [json.loads(path.read_text()) for path in outbox.glob("*.json")]
    code = "".join(filter(str.isdigit, sent["body"].split(PHONE)[0]))[:6]
    answer = visitor.open_and_post("/two-factor/setup/text/confirm/", code=code)
    assert len(BACKUP_CODE.findall(answer.text)) == 10


def go_on_without(visitor: Visitor) -> None:
    """Open a page every few seconds for as long as Redis is away; none keeps anybody waiting."""
    until = time.monotonic() + LONGER
    while True:
        answer = visitor.get("/")
        assert answer.status_code == 200
        assert answer.elapsed < QUICK
        if time.monotonic() >= until:
            return
        time.sleep(5)


def take_away(server: RedisServer, *, how: str) -> None:
    if how == "killed":
        server.process.kill()
    else:
        os.kill(server.process.popen.pid, signal.SIGSTOP)


@pytest.mark.parametrize(("how", "session_engine"), [("killed", "db"), ("frozen", "cached_db")])
@pytest.mark.proves("S64", "B28")
def test_nobody_waits_for_a_redis_that_is_away(
    how: str, session_engine: str, folder: Path, var_dir: Path, smtp_server: SMTPServer
) -> None:
    by_app, by_phone = make_user(), make_user()
    account, _owner = long_standing_account(by_app, by_phone)
    with ExitStack() as stack:
        server = stack.enter_context(running_redis_in(folder))
        env = work_environment(var_dir, smtp=smtp_server, redis_url=server.url)
        env["SESSION_ENGINE"] = session_engine
        url = stack.enter_context(running_app(folder=var_dir, env=env))
        seen_before = Visitor(url=url)
        seen_before.open_and_post("/login/", email=by_app.email, password=PASSWORD, next="/")
        take_away(server, how=how)
        manage("policy", account.slug, "on", folder=var_dir, env=env)
        assert seen_before.get("/").status_code == 200
        go_on_without(seen_before)
        set_up_app(Visitor(url=url), by_app)
        set_up_phone(Visitor(url=url), by_phone, outbox=var_dir / "outbox")
        assert TOTPDevice.objects.get().confirmed
        assert SMSDevice.objects.get().confirmed
        assert not smtp_server.mails
        bring_back(server, stack, folder=folder, how=how)
        stack.enter_context(running_worker(folder=var_dir, env=env))
        stack.enter_context(running_beat(folder=var_dir, env=env))
        wait_for(lambda: Policy.objects.get().announced_at is not None and all_sent())
        assert seen_before.get("/").status_code == 302  # set-up in another browser ended it
    assert set(times_mailed(smtp_server).values()) == {1}
    assert Notice.objects.filter(kind="set_up_done", state=Notice.State.SENT).count() == 2


def bring_back(server: RedisServer, stack: ExitStack, *, folder: Path, how: str) -> None:
    if how == "killed":
        # Come back empty, too: nothing in it is needed again.
        stack.enter_context(running_redis_in(folder)).client().flushall()
    else:
        os.kill(server.process.popen.pid, signal.SIGCONT)
