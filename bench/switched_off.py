"""A provider is switched off for very many people, beside what a requirement costs for as many.

Both owe each person one mail, and sign each out at a deadline. Whoever lost the exemption has a
deadline of their own, which must not make either dear.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Account, Identity, Membership, Protocol, Provider, Session, User
from bench import crowds
from enforcement import extensions, logouts, notices, policies

DAY = timedelta(days=1)
ROUNDS = 3


def mails(*, members: int) -> dict[str, Any]:
    """Owe the mails about a later deadline; the usual ones are of a requirement that began."""
    now = timezone.now()
    _exempted(members, now=now)
    ours = crowds._undone(lambda: extensions.tell(now=now), rounds=ROUNDS)
    _required(members, now=now)
    return {
        "what": f"owing {members:,} people the mail that single sign-on is off",
        "milliseconds": ours,
        "usual": "owing as many members the mail about a requirement",
        "usual_milliseconds": crowds._undone(lambda: notices.announce(now=now), rounds=ROUNDS),
    }


def sign_outs(*, members: int) -> dict[str, Any]:
    """Sign them out at the later deadline; the usual ones are those at the requirement's own."""
    now = timezone.now()
    at = now + DAY
    _exempted(members, now=now)
    ours = crowds._undone(lambda: logouts.end_overdue_sessions(now=at), rounds=ROUNDS)
    logouts.end_overdue_sessions(now=at)
    _required(members, now=now)
    return {
        "what": f"signing out {members:,} people a day after single sign-on is off",
        "milliseconds": ours,
        "usual": "signing out as many members at a requirement's deadline",
        "usual_milliseconds": crowds._undone(
            lambda: logouts.end_overdue_sessions(now=at), rounds=ROUNDS
        ),
    }


def _required(members: int, *, now: datetime) -> None:
    """An account that requires it since ``now``, each of its members signed in by password."""
    account = _crowd(members, now=now)
    policies.switch_on(account=account, actor=None, now=now)
    crowds._settle_down()


def _crowd(members: int, *, now: datetime) -> Account:
    account = crowds.populate(people=members, members=members, sessions_each=1)
    Membership.objects.filter(account=account).update(joined_at=now - 9 * DAY)
    return account


def _exempted(members: int, *, now: datetime) -> None:
    """An account whose provider is off since ``now`` and had exempted and let in each member."""
    account = _crowd(members, now=now)
    provider = _provider(account, now=now)
    people = User.objects.filter(memberships__account=account)
    people.update(last_provider=provider)
    Identity.objects.bulk_create(
        (
            Identity(
                provider=provider, user=each, subject=str(each.pk), created_at=now, last_at=now
            )
            for each in people.iterator()
        ),
        batch_size=crowds.BATCH,
    )
    Session.objects.filter(user_id__in=people.values("pk")).update(sso=f",{provider.pk},")
    policy = policies.switch_on(account=account, actor=None, now=now - 2 * DAY)
    notices.announce(now=policy.starts_at)
    logouts.end_overdue_sessions(now=policy.deadline)
    extensions.keep_sessions(provider)
    Provider.objects.filter(pk=provider.pk).update(off_at=now)
    extensions.give(provider, now=now)
    crowds._settle_down()


def _provider(account: Account, *, now: datetime) -> Provider:
    return Provider.objects.create(
        account=account,
        slug=account.slug,
        name="P",
        protocol=Protocol.OIDC,
        issuer="https://idp.bench.example",
        client_id="bench",
        created_at=now,
    )
