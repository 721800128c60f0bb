"""Workers and beat of the product on the running test's own database, and what they did."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu import Connection

from accounts.models import Account, Membership, Notice, User
from enforcement import policies
from enforcement.models import Policy
from settings.celery import app
from tests.factories import make_account, make_user
from tests.services.product import product_environment, test_database_url
from tests.services.smtp import SMTPServer

PATIENCE = 120
SWEEP = "enforcement.tasks.sweep"
SEND = "accounts.tasks.send_notices"


def work_environment(folder: Path, *, smtp: SMTPServer, redis_url: str = "") -> dict[str, str]:
    """Return the environment of processes that share this test's rows, keys and mail server."""
    more = {
        "DATABASE_URL": test_database_url(),
        "EMAIL_URL": smtp.url,
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
        "BASE_URL": settings.BASE_URL,
        "SWEEP_SECONDS": "1",
    }
    if redis_url:
        more["REDIS_URL"] = redis_url
    return product_environment(folder, **more)


@contextlib.contextmanager
def publisher(folder: Path, *, redis_url: str = "") -> Iterator[Callable[[str], None]]:
    """Yield a function that publishes a task by name to the broker of ``work_environment``."""
    options = {} if redis_url else {"folder": str(folder / "broker")}
    with Connection(broker_url(redis_url), transport_options=options) as broker:
        producer = app.amqp.Producer(broker)

        def publish(task: str) -> None:
            app.send_task(task, producer=producer, ignore_result=True)

        yield publish


def broker_url(redis_url: str) -> str:
    """Return the same server as Celery wants it named; the embedded broker's for none."""
    if not redis_url:
        return "gatehouse-files://localhost//"
    path, _, _ = redis_url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host=0"


def long_standing_account(*members: User, owner: User | None = None) -> tuple[Account, User]:
    """Store an account whose members joined long ago; return it and its owner."""
    owner = owner or make_user()
    account = make_account(owner=owner, members=members)
    Membership.objects.update(joined_at=timezone.now() - timedelta(days=90))
    return account, owner


def required_since(account: Account, owner: User, *, at: datetime) -> Policy:
    return policies.switch_on(account=account, actor=owner, now=at)


def wait_for(is_done: Callable[[], bool]) -> None:
    """Wait for other processes; how long it takes is nobody's promise."""
    limit = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > limit:
            states = Counter(Notice.objects.values_list("kind", "state"))
            raise AssertionError(f"The workers did not come to it: {states}")
        time.sleep(0.1)
        connection.close_if_unusable_or_obsolete()


def all_sent() -> bool:
    """Whether mails were owed, and none is any more."""
    return Notice.objects.exists() and not Notice.objects.filter(state=Notice.State.OWED).exists()


def let_leases_run_out() -> None:
    """Let the two minutes pass for which a worker takes rows in hand."""
    Notice.objects.filter(state=Notice.State.OWED).update(due_at=timezone.now())


def times_mailed(server: SMTPServer) -> Counter[tuple[str, str]]:
    """Return how often each mail reached the server."""
    return Counter((str(sent["To"]), str(sent["Subject"])) for sent in server.mails)
