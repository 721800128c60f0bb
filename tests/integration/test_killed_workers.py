"""Workers that die in the middle: no mail is lost, and each kill repeats one at most."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Notice
from tests.factories import make_user
from tests.integration.killing import Kill, Victim, mail_despite, repeats
from tests.integration.workers import (
    long_standing_account,
    required_since,
    times_mailed,
    work_environment,
)
from tests.services.redis import RedisServer
from tests.services.smtp import SMTPServer

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.proves("S63", "B32", "B33"),
]
EACH = [
    pytest.param("redis", Victim.WORKER, 1000, 5, marks=pytest.mark.redis),
    pytest.param("redis", Victim.CHILD, 60, 2, marks=pytest.mark.redis),
    pytest.param("files", Victim.WORKER, 1000, 5, marks=pytest.mark.long),
]


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The REDIS_URL for the broker that the test names; empty for the embedded one."""
    if request.getfixturevalue("broker") == "files":
        yield ""
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    yield server.url


@pytest.mark.parametrize(("broker", "victim", "mails", "kills"), EACH)
def test_a_killed_worker_loses_no_mail_and_repeats_one(
    broker: str,
    victim: Victim,
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
    each = mails // (kills + 1)
    killed = [Kill(at=each * number, victim=victim) for number in range(1, kills + 1)]
    mail_despite(killed, server=smtp_server, folder=var_dir, env=env)
    assert len(times_mailed(smtp_server)) == Notice.objects.count() == mails
    assert Notice.objects.filter(state=Notice.State.SENT).count() == mails
    assert repeats(smtp_server, kills=kills) >= 1  # else no kill hit the worst moment
