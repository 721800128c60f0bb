"""An owner's click for ten thousand members, with no broker to be reached: the click costs no more.

By the page's form, twice. The same statements as for three members, a reply at once, one period;
and the jobs that run later mail everybody once.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from unittest.mock import patch

import time_machine
from celery import Task
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from accounts import spare
from accounts.models import Account, Membership, Notice, Role, User
from bench import people
from enforcement import tasks
from enforcement.models import Policy
from tests.enforcement.desk import switch
from tests.enforcement.kit import sign_in
from tests.factories import make_user

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FEW = 3
AT_MOST = timedelta(seconds=2)


class Dear(AssertionError):
    """A click that costs more for more members, or a mail that is lost or owed twice."""


def clicks(members: int) -> str:
    """Switch for a few, then for ``members``, and let the jobs mail.

    :raises Dear: if the second costs more statements, takes long, or mails come out wrong.
    """
    with time_machine.travel(START), people.cheap_backup_codes():
        _click(_account(FEW))  # the very first row of the audit costs more
        few, _ = _click(_account(FEW))
        account = _account(members)
        many, took = _click(account)
        if not 0 < few == many or took > AT_MOST.total_seconds():
            raise Dear(f"{many} statements, {few} for {FEW} members; {took:.2f} s.")
        tasks.carry_out(now=START)
        tasks.carry_out(now=START)
        _check(account, members=members)
    return (
        f"a click for {members:,} members: {many} statements, as for {FEW}, in {took * 1000:.0f} ms"
        f" with no broker; clicked twice, one period, and {members + 1:,} people owed one mail each"
    )


def _account(members: int) -> Account:
    account = people.make_account(now=START - timedelta(hours=10))
    made = User.objects.bulk_create(
        User(email=f"p{number}@{account.slug}.example", joined_at=START - timedelta(days=9))
        for number in range(members)
    )
    owner = make_user(f"owner@{account.slug}.example")
    begun = START - timedelta(days=8)
    rows = [Membership(account=account, user=each, joined_at=begun) for each in made]
    rows.append(Membership(account=account, user=owner, role=Role.OWNER, joined_at=begun))
    account.memberships.all().delete()
    Membership.objects.bulk_create(rows)
    return account


@contextmanager
def no_broker() -> Iterator[None]:
    """Let each word to the workers fail, as with a broker that is away."""
    away = patch.object(Task, "apply_async", side_effect=OperationalError("away"))
    with away, patch.object(spare, "_broker", spare.Rest("broker")):
        yield


def _click(account: Account) -> tuple[int, float]:
    """Press the button twice; return the statements and the seconds of the first time."""
    client = sign_in(User.objects.get(memberships__account=account, memberships__role=Role.OWNER))
    with no_broker():
        with CaptureQueriesContext(connection) as queries:
            begun = monotonic()
            answer = switch(client, account)
            took = monotonic() - begun
        statements = len(queries)  # read now: the next request empties the log
        again = switch(client, account)
    if (answer.status_code, again.status_code) != (302, 302):
        raise Dear(f"The clicks were answered {answer.status_code} and {again.status_code}.")
    return statements, took


def _check(account: Account, *, members: int) -> None:
    if Policy.objects.filter(account=account).count() != 1:
        raise Dear("Two clicks made two periods.")
    owed = Counter(
        Notice.objects.filter(account_id=account.pk, kind__startswith="requirement_").values_list(
            "user_id", flat=True
        )
    )
    if len(owed) != members + 1 or set(owed.values()) != {1}:
        raise Dear(f"{len(owed)} of {members + 1} are owed a mail; at most {max(owed.values())}.")
