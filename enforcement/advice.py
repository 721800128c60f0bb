"""Advice to members who use a personal address: move to a work address before the switch.

A requirement binds a whole sign-in. Who moves the membership to a work address keeps the other
accounts of the personal one free. An owner sends the advice; a person gets it once a day at most.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts import audit, mail, wording
from accounts.audit import Event
from accounts.models import Account, Membership, Notice, User
from enforcement import roster
from enforcement.notices import CHUNK

PAUSE = timedelta(hours=24)
KIND = "advice_address"


@transaction.atomic
def advise(*, account: Account, actor: User, now: datetime) -> int:
    """Owe the advice to all outside the account's domains who had none for a day."""
    # The lock makes one of two clicks the later one, which then sees whom the first advised.
    account = Account.objects.locked(account.pk)
    people, number = _to_advise(account, now=now).iterator(chunk_size=CHUNK), 0
    while chunk := list(islice(people, CHUNK)):
        number += len(chunk)
        mail.owe_many(_mails(chunk, account, actor, now=now))
    if number:
        audit.record(
            Event.ADVICE_SENT, actor=actor, account=account, after={"members": number}, now=now
        )
    return number


def _to_advise(account: Account, *, now: datetime) -> QuerySet[Membership]:
    had = Notice.objects.filter(
        user=OuterRef("user_id"), kind=KIND, account_id=account.pk, created_at__gt=now - PAUSE
    )
    return roster.members(account).filter(roster.outside(account)).exclude(Exists(had))


def number_to_advise(account: Account, *, now: datetime) -> int:
    return _to_advise(account, now=now).order_by().count()


def _mails(
    chunk: list[Membership], account: Account, actor: User, *, now: datetime
) -> Iterator[Notice]:
    for membership in chunk:
        yield mail.prepared(
            KIND,
            to=membership.user,
            occasion=f"account:{account.pk}:{now.isoformat()}",
            account=account,
            context={
                "account": account.name,
                "slug": account.slug,
                "actor_name": wording.name_of(actor),
                "domains": account.email_domains,
            },
            drop_at=now + PAUSE,
            now=now,
        )
