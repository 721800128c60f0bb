"""Mails owed: one ``Notice`` row each, written in the transaction of what it tells.

``accounts.letters`` renders a row, ``accounts.delivery`` sends it. What a text needs that must not
be stored (a code, a link with a token) is made by the kind's ``values`` at the moment of sending.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import transaction

from accounts import locks, spare
from accounts.models import Account, Membership, Notice, Role, User

Values = Callable[[Notice, datetime], dict[str, Any]]
Fitting = Callable[[Notice, datetime], str]
StillOwed = Callable[[Notice, datetime], bool]

SENT_AGAIN_AT = "sent_again_at"  # in the context of a mail that an owner sends again


class Audience(Enum):
    """Whom a kind of mail is for, by their roles in its account at the moment of sending."""

    ANYBODY = None  # whether they belong to it or not
    MEMBERS = frozenset(Role)
    MANAGERS = frozenset({Role.OWNER, Role.ADMIN})
    OWNERS = frozenset({Role.OWNER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of mail: its folder of templates, and what is asked at the moment of sending."""

    name: str
    app: str
    to: Audience = Audience.ANYBODY  # set by ``register``
    still_owed: StillOwed | None = None
    values: Values | None = None
    # Where several kinds tell of one thing: the name of the one whose text fits by now.
    fitting: Fitting | None = None
    # Mails that nobody but the recipient may know of; trouble with them is not shown to owners.
    is_private: bool = False
    # Whether the mail carries the link that says "it wasn't me", and how long that works.
    offers_not_me: bool = False
    not_me_for: timedelta = timedelta(days=7)

    @property
    def folder(self) -> str:
        return f"{self.app}/mail/{self.name}"


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind, to: Audience) -> None:
    """Make kinds of mail to ``to`` known; called by each app when it is ready."""
    for kind in kinds:
        _kinds[kind.name] = replace(kind, to=to)


def registered() -> Sequence[Kind]:
    return tuple(_kinds.values())


def kind_of(notice: Notice) -> Kind | None:
    """Return the kind of a row; None for one that no release knows any more."""
    return _kinds.get(notice.kind)


def fit(notice: Notice, kind: Kind, *, now: datetime) -> Kind:
    """Have the row be of the kind that fits by now, and return it; the row is not sent yet."""
    name = kind.fitting(notice, now) if kind.fitting else kind.name
    if name != kind.name:
        Notice.objects.filter(pk=notice.pk).update(kind=name)
        notice.kind = name
    return _kinds[name]


def owe(
    kind: str,
    *,
    to: User | str,
    occasion: str,
    now: datetime,
    context: dict[str, Any] | None = None,
    account: Account | None = None,
    drop_at: datetime | None = None,
) -> None:
    """Owe one mail, in the transaction under way; a second call for the occasion adds nothing."""
    notice = prepared(
        kind, to=to, occasion=occasion, now=now, context=context, account=account, drop_at=drop_at
    )
    owe_many([notice])


TROUBLE_AGAIN_AFTER = timedelta(hours=24)


def owe_owners(kind: str, *, account: Account, context: dict[str, Any], now: datetime) -> None:
    """Tell the owners of ``account`` of trouble that may go on and on: once in 24 hours."""
    locks.hold(kind, str(account.pk))
    told = Notice.objects.filter(kind=kind, account_id=account.pk)
    lately = set(
        told.filter(created_at__gt=now - TROUBLE_AGAIN_AFTER).values_list("user_id", flat=True)
    )
    owners = Membership.objects.owners().filter(account=account).exclude(user_id__in=lately)
    for membership in owners.select_related("user"):
        owe(
            kind,
            to=membership.user,
            occasion=f"account:{account.pk}:{now.isoformat()}",
            account=account,
            context={"account": account.name, "slug": account.slug, **context},
            now=now,
        )


def prepared(
    kind: str,
    *,
    to: User | str,
    occasion: str,
    now: datetime,
    context: dict[str, Any] | None = None,
    account: Account | None = None,
    drop_at: datetime | None = None,
) -> Notice:
    """Return the row of one mail, not saved yet.

    :raises KeyError: for a kind that no app registered.
    """
    known = _kinds[kind]
    return Notice(
        recipient=to if isinstance(to, str) else to.email,
        user=to if isinstance(to, User) else None,
        account_id=account.pk if account else None,
        kind=known.name,
        occasion=occasion,
        context=context or {},
        nonce=secrets.token_urlsafe(16),
        created_at=now,
        due_at=now,
        drop_at=drop_at,
    )


def owe_many(notices: Iterable[Notice]) -> None:
    """Owe many mails in one statement; those already owed stay as they are."""
    Notice.objects.bulk_create(notices, batch_size=500, ignore_conflicts=True)
    # Once for each transaction: one that owes several mails asks the broker a single time.
    waiting = transaction.get_connection().run_on_commit
    if not any(hook is wake for _, hook, *_ in waiting):
        transaction.on_commit(wake, robust=True)


def wake() -> None:
    """Tell a worker that there is work; without a broker the sweep finds the rows."""
    from accounts.tasks import send_notices  # noqa: PLC0415 - tasks call this module

    spare.wake(send_notices)
