"""Many people at once: ending their sessions, owing them mails, finding whose time is up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, SessionBase
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts import sessions
from accounts.models import Account, EndReason, Membership, Plan, Session, User
from accounts.session_db import SessionStore
from enforcement import notices, policies
from enforcement.models import Policy

DAY = timedelta(days=1)
BATCH = 2000


def populate(*, people: int, members: int, sessions_each: int = 0) -> Account:
    """Store people with sessions; the first ``members`` belong to the account that is returned."""
    now = timezone.now()
    account = Account.objects.create(
        slug=f"crowd-{now:%Y%m%d%H%M%S%f}", name="C", plan=Plan.ENTERPRISE
    )
    start = User.objects.count()
    crowd = [
        User(email=f"crowd{start + number}@bench.example", joined_at=now)
        for number in range(people)
    ]
    User.objects.bulk_create(crowd, batch_size=BATCH)
    Membership.objects.bulk_create(
        [Membership(account=account, user=person, joined_at=now) for person in crowd[:members]],
        batch_size=BATCH,
    )
    store = SessionStore()
    Session.objects.bulk_create(
        (_session(store, person, now) for person in crowd for _ in range(sessions_each)),
        batch_size=BATCH,
    )
    _settle_down()
    return account


def _session(store: SessionBase, person: User, now: datetime) -> Session:
    return Session(
        session_key=get_random_string(32, VALID_KEY_CHARS),
        session_data=store.encode({SESSION_KEY: str(person.pk), "stamp": person.stamp}),
        expire_date=now + DAY,
        user=person,
        stamp=person.stamp,
        born_at=now,
        seen_at=now,
    )


def _settle_down() -> None:
    """Let the database look at what it holds now, as it does by itself before long."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _undone(work: Callable[[], Any], *, rounds: int) -> float:
    """Return the median of milliseconds that ``work`` takes, its outcome undone each time."""
    times = []
    for _ in range(rounds):
        with transaction.atomic():
            started = perf_counter()
            work()
            times.append((perf_counter() - started) * 1000)
            transaction.set_rollback(True)
        _settle_down()
    return median(times)


def forced_logout(*, people: int, sessions: int) -> dict[str, Any]:
    """End the sessions of ``people`` among ``sessions``, two each."""
    account = populate(people=sessions // 2, members=people, sessions_each=2)
    return {
        "what": f"ending the sessions of {people:,} of {sessions // 2:,} people",
        "milliseconds": _undone(lambda: _renew(account), rounds=5),
        "usual": f"decoding {sessions:,} sessions and deleting theirs",
        "usual_milliseconds": _undone(lambda: _scan(account), rounds=1),
    }


def _renew(account: Account) -> None:
    members = User.objects.filter(memberships__account=account)
    sessions.renew_stamp(members, reason=EndReason.DEADLINE)


def _scan(account: Account) -> None:
    """The snippet that is usually copied, at its best: one scan, deletions in batches."""
    wanted = set(account.memberships.values_list("user", flat=True))
    store = SessionStore()
    found = [
        session.session_key
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if int(store.decode(session.session_data)[SESSION_KEY]) in wanted
    ]
    for start in range(0, len(found), 500):
        Session.objects.filter(pk__in=found[start : start + 500]).delete()


def announcement(*, members: int) -> dict[str, Any]:
    """Owe every member the mail about a requirement that began."""
    account = populate(people=members, members=members)
    now = timezone.now()
    policy = policies.switch_on(account=account, actor=None, now=now)
    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        notices.announce(now=now)
        transaction.set_rollback(True)
    return {
        "what": f"owing {members:,} members their mail",
        "milliseconds": _undone(lambda: notices.announce(now=now), rounds=3),
        "usual": "a row at a time",
        "usual_milliseconds": _undone(lambda: _one_by_one(policy, now=now), rounds=1),
        "note": f"{len(captured)} queries, each person's standing read and decided among them",
    }


def _one_by_one(policy: Policy, *, now: datetime) -> None:
    for person in User.objects.filter(memberships__account=policy.account_id).iterator():
        kind = "requirement_must_act"
        notices._about(policy, kind, person, now=now).save()


def deadline_scan(*, periods: int, due: int) -> dict[str, Any]:
    """Find the ``due`` periods whose deadline has passed among ``periods``, most of them swept."""
    now = timezone.now()
    accounts = Account.objects.bulk_create(
        [
            Account(slug=f"scan-{number}", name="S", plan=Plan.ENTERPRISE)
            for number in range(periods)
        ],
        batch_size=BATCH,
    )
    Policy.objects.bulk_create(
        [_period(number, account, due=due, now=now) for number, account in enumerate(accounts)],
        batch_size=BATCH,
    )
    _settle_down()
    waiting = Policy.objects.filter(ended_at=None, swept_at=None, deadline__lte=now)
    if waiting.count() != due:
        raise AssertionError("The scan finds others than those who are due.")
    return {
        "what": f"finding {due:,} deadlines among {periods:,} periods",
        "milliseconds": _undone(lambda: list(waiting.values_list("pk")), rounds=9),
        "usual": "looking at each",
        "usual_milliseconds": _undone(lambda: _look_at_each(now), rounds=3),
    }


def _period(number: int, account: Account, *, due: int, now: datetime) -> Policy:
    """The first ``due`` are due, one in twenty lies ahead, the rest were swept long ago."""
    is_due, is_ahead = number < due, number >= due and number % 20 == 0
    starts_at = now - (DAY / 2 if is_ahead else 2 * DAY)
    return Policy(
        account=account,
        starts_at=starts_at,
        deadline=starts_at + DAY,
        announced_at=starts_at,
        swept_at=None if is_due or is_ahead else now - DAY,
    )


def _look_at_each(now: datetime) -> list[int]:
    return [
        policy.pk
        for policy in Policy.objects.iterator()
        if policy.ended_at is None and policy.swept_at is None and policy.deadline <= now
    ]
