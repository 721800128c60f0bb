"""1,000 mails by workers that are killed at random, on Redis and on the embedded broker in turn."""

import random
import tempfile
from contextlib import ExitStack
from pathlib import Path

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
from tests.services.redis import running_redis
from tests.services.smtp import running_smtp

MAILS = 1_000
ROUND = 25  # kills while an account of a thousand is mailed


def run(kills: int) -> str:
    """Kill ``kills`` times; every other round without Redis."""
    chance, again, took = random.Random(62), 0, 0
    while took < kills:
        count = min(ROUND, kills - took)
        again += one_account(count, has_redis=took // ROUND % 2 == 0, chance=chance)
        took += count
    return (
        f"{kills} kills of worker or child at random, on Redis and on the embedded broker, among "
        f"{MAILS:,} mails a round: 0 lost, {again} repeated, never more than one a kill"
    )


def one_account(kills: int, *, has_redis: bool, chance: random.Random) -> int:
    """Mail one account through ``kills`` kills; return how many mails were repeated."""
    before = Notice.objects.count()
    owner = make_user()
    account, _ = long_standing_account(*(make_user() for _ in range(MAILS - 2)), owner=owner)
    required_since(account, owner, at=timezone.now())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gh-kills-")))
        server = stack.enter_context(running_smtp())
        redis_url = stack.enter_context(running_redis()).url if has_redis else ""
        env = work_environment(folder, smtp=server, redis_url=redis_url)
        mail_despite(moments(kills, chance), server=server, folder=folder, env=env)
        reached = len(times_mailed(server))
        states = set(Notice.objects.values_list("state", flat=True))
        assert states == {Notice.State.SENT}, states
        assert reached == Notice.objects.count() - before == MAILS, f"{reached} of {MAILS:,} mails"
        return repeats(server, kills=kills)


def moments(kills: int, chance: random.Random) -> list[Kill]:
    """Return when to kill: half of them at the worst moment, the others at any."""
    numbers = sorted(chance.sample(range(1, MAILS), kills))
    return [
        Kill(
            at=number,
            victim=chance.choice(list(Victim)),
            later=chance.choice((None, chance.uniform(0, 0.2))),
        )
        for number in numbers
    ]
