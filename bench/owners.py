"""An owner's page with very many members: how long it takes, and the memory of the export."""

import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from django.http import QueryDict
from django.test import RequestFactory
from django.utils import timezone

from accounts import exports
from accounts.models import Account, Membership, Role, User
from bench import crowds, people
from enforcement import account_page, overview, policies, report, roster
from twofactor.models import TOTPDevice

BATCH = 2000


def crowd(members: int, *, now: datetime) -> tuple[Account, User]:
    """Return an account half of whose members are ready, an hour after the switch."""
    account = crowds.populate(people=members, members=members)
    keys = list(account.memberships.values_list("user_id", flat=True))
    Membership.objects.filter(account=account).update(joined_at=now - timedelta(days=9))
    TOTPDevice.objects.bulk_create(
        (
            TOTPDevice(user_id=key, name="app", confirmed=True, created_at=now, confirmed_at=now)
            for key in keys[: members // 2]
        ),
        batch_size=BATCH,
    )
    User.objects.filter(
        pk__in=account.memberships.values("user"), pk__lte=keys[members // 2]
    ).update(enrolled_at=now)
    owner = people.make_person()
    people.join(owner, account, role=Role.OWNER, now=now - timedelta(days=9))
    policies.switch_on(account=account, actor=owner, now=now - timedelta(hours=1))
    crowds._settle_down()
    return account, owner


def page(*, members: int) -> dict[str, Any]:
    """Open the account's page, its last leaf and its preview; the usual way decides in Python."""
    now = timezone.now()
    account, owner = crowd(members, now=now)
    last = str(members // report.PER_PAGE)
    took = {
        query: _milliseconds(lambda query=query: _page(account, owner, query, now=now))
        for query in ("", f"page={last}", "outcome=must_act&q=crowd", "method=app")
    }
    took["preview"] = _milliseconds(lambda: _preview(account, owner, now=now))
    slowest = max(took, key=lambda query: took[query])
    return {
        "what": f"an owner's page of {members:,} members, the slowest of {len(took)}",
        "milliseconds": took[slowest],
        "usual": "deciding about each in Python",
        "usual_milliseconds": _milliseconds(
            lambda: Counter(row.outcome for row in report.rows(account, now=now)), rounds=1
        ),
        "note": "; ".join(f"{query or 'first page'}: {ms:.0f} ms" for query, ms in took.items())
        + f"; export: {_export(account, now=now)}",
    }


def _page(account: Account, owner: User, query: str, *, now: datetime) -> None:
    request = RequestFactory().get(f"/?{query}")
    request.user, request.GET = owner, QueryDict(query)
    found = account_page.context(request, account, now=now)
    list(found["members"].page)


def _preview(account: Account, owner: User, *, now: datetime) -> None:
    overview.preview(account, roster.counts(account, now=now), viewer=owner, now=now)


def _milliseconds(work: Any, *, rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        begun = perf_counter()
        work()
        times.append(perf_counter() - begun)
    return median(times) * 1000


def _export(account: Account, *, now: datetime) -> str:
    """Return how long the export takes, and how much memory at most besides what was there."""
    tracemalloc.start()
    begun, size = perf_counter(), 0
    rows = map(report.told, report.rows(account, now=now, members=roster.members(account)))
    for line in exports.csv_lines(rows, columns=report.COLUMNS):
        size += len(line)
    took = perf_counter() - begun
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return f"{size / 1e6:.0f} MB in {took:.0f} s, {peak / 1e6:.1f} MB of memory at most"
