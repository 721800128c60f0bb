"""Who was signed in somewhere when a deadline passed, in a session that it binds.

Called by the sign-outs at deadlines. The gate decided on each of these sessions by itself; here
the same is told of many at once, from the columns that sessions have.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import F

from accounts.models import Account, Identity, Provider, Session, User


class _Found(NamedTuple):
    user: int
    stamp: str
    stamp_of_user: str
    sso: str

    @property
    def providers(self) -> list[int]:
        return [int(key) for key in self.sso.split(",") if key]


def among(
    people: Iterable[User], account: Account, *, at: datetime, met_before: Collection[int] = ()
) -> list[User]:
    """Return those of ``people`` who had a session ``at`` the deadline that ``account`` binds.

    However late it is now, and whatever became of the session since: the gate leaves a trace.
    Of whom an earlier sweep has met, only a session that is of the stamp of now counts again.
    """
    by_key = {person.pk: person for person in people}
    columns = ("user_id", "stamp", "user__stamp", "sso")
    found = Session.objects.filter(
        user_id__in=list(by_key),
        born_at__gt=at - settings.SESSION_ABSOLUTE,
        seen_at__gt=at - settings.SESSION_IDLE,
    ).values_list(*columns)
    rows = [_Found(*row) for row in found]
    rows = [row for row in rows if row.user not in met_before or row.stamp == row.stamp_of_user]
    met = {row.user for row in rows if row.stamp == row.stamp_of_user and not row.sso}
    met |= _through_sso([row for row in rows if row.sso], account)
    return [by_key[key] for key in sorted(met)]


def _through_sso(rows: list[_Found], account: Account) -> set[int]:
    """Return whose sessions by single sign-on lived to that moment, and were not exempt."""
    passed = {key for row in rows for key in row.providers}
    if not passed:
        return set()
    live = dict(Provider.objects.live().filter(pk__in=passed).values_list("pk", "account"))
    # Of these people alone: a provider knows many more than one chunk of a sweep.
    ended = Identity.objects.filter(
        provider__in=passed, provider__cut_off_at=None, user__in={row.user for row in rows}
    )
    kept = set(ended.filter(stamp_at_end=F("user__stamp")).values_list("provider", "user"))
    met = set()
    for row in rows:
        accounts = {live[key] for key in row.providers if key in live}
        is_kept = any((key, row.user) in kept for key in row.providers)
        if account.pk not in accounts and (row.stamp == row.stamp_of_user or accounts or is_kept):
            met.add(row.user)
    return met
