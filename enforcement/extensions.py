"""Single sign-on was switched off: whom it had exempted gets a later deadline, and a mail.

Called by the receiver of ``provider_ended``, within its transaction, and by the sweep. Who is set
up, and who came by password, keeps the deadline there was; once a period and person.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts import mail
from accounts.models import Account, Identity, Membership, Notice, Provider, User
from enforcement import exemption, policies
from enforcement.models import Extension, Policy
from enforcement.notices import CHUNK, LATE, REMINDERS, context_of, must_act
from enforcement.standing import members_due, standings_in
from enforcement.wake import wake_sweep
from twofactor import devices

KIND = "provider_off"


def keep_sessions(provider: Provider) -> None:
    """Note the stamps of now: what renewed them before ended no session of single sign-on."""
    stamp = User.objects.filter(pk=OuterRef("user_id")).order_by().values("stamp")
    Identity.objects.filter(provider=provider).update(stamp_at_end=Subquery(stamp))


def give(provider: Provider, *, now: datetime) -> int:
    """Give a later deadline to whom ``provider`` exempted until ``now``; return to how many."""
    policy = policies.current(provider.account)
    if policy is None:
        return 0
    deadline = now + settings.TWO_FACTOR_GRACE
    people = _exempted(provider, policy, until=deadline).values_list("user_id", flat=True)
    found, number = people.iterator(chunk_size=CHUNK), 0
    while chunk := list(islice(found, CHUNK)):
        number += len(chunk)
        Extension.objects.bulk_create(
            (
                Extension(policy=policy, user_id=key, deadline=deadline, given_at=now)
                for key in chunk
            ),
            ignore_conflicts=True,
        )
    transaction.on_commit(wake_sweep, robust=True)
    return number


def number_of(provider: Provider, *, now: datetime) -> int:
    """Return how many people ``give`` would give a later deadline to."""
    policy = policies.current(provider.account)
    until = now + settings.TWO_FACTOR_GRACE
    return _exempted(provider, policy, until=until).count() if policy else 0


def _exempted(provider: Provider, policy: Policy, *, until: datetime) -> QuerySet[Membership]:
    """The members without a second factor whom ``provider`` exempted, if their own is sooner."""
    person = OuterRef("user")
    through = Identity.objects.filter(exemption.COMES_THROUGH, provider=provider, user=person)
    is_set_up = Q(user__pass_until=None) & Q(devices.device_exists(OuterRef("user_id")))
    found = Membership.objects.active().filter(
        Exists(through), ~is_set_up, account=provider.account_id
    )
    if policy.deadline >= until:
        found = found.filter(joined_at__gt=policy.starts_at)
    return found.order_by("user_id")


def move(account: Account, *, old: User, new: User) -> None:
    """Give ``new`` what ``old`` has here: the membership has moved from one to the other.

    What ``new`` was given as a member of old was forfeited by leaving.
    """
    given = Extension.objects.filter(policy__account=account, policy__ended_at=None)
    given.filter(user=new).delete()
    given.filter(user=old).update(user=new)


def occasion_of(policy: Policy) -> str:
    return f"policy:{policy.pk}:extended"


def tell(*, now: datetime) -> None:
    """Owe the mails about new deadlines; a run that is repeated owes none twice."""
    for policy, deadline in _open(Extension.objects.filter(told_at=None)):
        while keys := _waiting(policy, deadline):
            _tell_chunk(policy, deadline, keys, now=now)


def _waiting(policy: Policy, deadline: datetime) -> list[int]:
    waiting = Extension.objects.filter(policy=policy, deadline=deadline, told_at=None)
    return list(waiting.order_by("user").values_list("user", flat=True)[:CHUNK])


@transaction.atomic
def _tell_chunk(policy: Policy, deadline: datetime, keys: list[int], *, now: datetime) -> None:
    people = standings_in(policy.account, _bound(policy, deadline).filter(pk__in=keys))
    mail.owe_many(
        _about(policy, deadline, KIND, person, now=now)
        for person, standing in people
        if must_act(standing, now=now)
    )
    Extension.objects.filter(policy=policy, user__in=keys).update(told_at=now)


def remind(*, now: datetime) -> None:
    """Owe the reminders before the later deadlines; who is later than 15 minutes drops them."""
    for kind, (before, _mark) in REMINDERS.items():
        near = Extension.objects.filter(
            swept_at=None, deadline__lte=now + before, deadline__gt=now + before - LATE
        )
        for policy, deadline in _open(near):
            if deadline - before > policy.starts_at:
                _remind(policy, deadline, kind, drop_at=deadline - before + LATE, now=now)


def _remind(
    policy: Policy, deadline: datetime, kind: str, *, drop_at: datetime, now: datetime
) -> None:
    reminded = Notice.objects.filter(user=OuterRef("pk"), kind=kind, occasion=occasion_of(policy))
    people = _bound(policy, deadline).filter(~Exists(reminded))
    found = standings_in(policy.account, people.order_by("pk"))
    while chunk := list(islice(found, CHUNK)):
        mail.owe_many(
            _about(policy, deadline, kind, person, drop_at=drop_at, now=now)
            for person, standing in chunk
            if must_act(standing, now=now)
        )


def members(policy: Policy, deadline: datetime) -> QuerySet[Any]:
    """Return the active memberships whose deadline is ``deadline``.

    Not all who were given it: whoever left since and joined again has forfeited it.
    """
    given = Extension.objects.filter(policy=policy, deadline=deadline)
    return members_due(policy).filter(
        user__in=given.values("user"), user__is_active=True, due_at=deadline
    )


def _bound(policy: Policy, deadline: datetime) -> QuerySet[User]:
    return User.objects.filter(pk__in=members(policy, deadline).values("user"))


def _open(extensions: QuerySet[Extension]) -> Iterator[tuple[Policy, datetime]]:
    """Yield the open periods and the later deadlines that are among ``extensions``."""
    found = extensions.filter(policy__ended_at=None).order_by("policy", "deadline")
    for key, deadline in list(found.values_list("policy", "deadline").distinct()):
        yield Policy.objects.select_related("account", "started_by").get(pk=key), deadline


def _about(
    policy: Policy,
    deadline: datetime,
    kind: str,
    person: User,
    *,
    now: datetime,
    drop_at: datetime | None = None,
) -> Notice:
    return mail.prepared(
        kind,
        to=person,
        occasion=occasion_of(policy),
        account=policy.account,
        context=context_of(policy, deadline=deadline),
        drop_at=drop_at,
        now=now,
    )


def over(*, now: datetime) -> Iterator[tuple[Policy, datetime]]:
    """Yield the open periods and the later deadlines that have passed and were not swept yet."""
    return _open(Extension.objects.filter(swept_at=None, deadline__lte=now))


def close(*, now: datetime) -> None:
    """Look no more at those whose period ended before their deadline."""
    past = Extension.objects.filter(swept_at=None, deadline__lte=now)
    past.filter(policy__ended_at__isnull=False).update(swept_at=now)
