"""A provider of many people is switched off: in how many statements."""

import re
from datetime import datetime
from itertools import groupby

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Identity, Membership, Notice, Provider, Session, User
from enforcement import extensions, logouts, signed_in
from enforcement.models import Extension, Policy
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
)
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.proves("S38")]


def many(number: int, provider: Provider, policy: Policy, *, now: datetime) -> list[User]:
    """Store members whom ``provider`` exempts, each in a session that came through it."""
    made = User.objects.bulk_create(
        User(
            email=f"many{each}-of-{number}@northwind.example",
            password="!",
            last_provider=provider,
        )
        for each in range(number)
    )
    Membership.objects.bulk_create(
        Membership(account=policy.account, user=each, joined_at=policy.starts_at) for each in made
    )
    Identity.objects.bulk_create(
        Identity(provider=provider, user=each, subject=each.email, created_at=now, last_at=now)
        for each in made
    )
    Session.objects.bulk_create(
        Session(
            session_key=f"many{each.pk}",
            expire_date=now + 9 * DAY,
            user=each,
            stamp=each.stamp,
            sso=f",{provider.pk},",
            born_at=now + 23 * HOUR,
            seen_at=now + 23 * HOUR,
        )
        for each in made
    )
    return made


def statements(captured: CaptureQueriesContext) -> list[str]:
    """What was asked, an INSERT in several portions as one: SQLite takes few values at once."""
    found = (re.sub(r'"s\d+_x\d+"', "", each["sql"])[:60] for each in captured)
    return [sql for sql, _ in groupby(found)]


def test_the_mails_and_the_sign_outs_take_as_many_statements_for_three_as_for_a_hundred(
    policy: Policy, provider: Provider, northwind: Account, clock: Clock
) -> None:
    Policy.objects.update(swept_at=clock.now)  # its own deadline is another sweep
    later, asked = clock.now + DAY, []
    for number in (3, 100):
        Extension.objects.all().delete()
        people = many(number, provider, policy, now=clock.now)
        extensions.keep_sessions(provider)
        extensions.give(provider, now=clock.now + MS)
        Provider.objects.filter(pk=provider.pk).update(off_at=clock.now)
        with CaptureQueriesContext(connection) as mails:
            extensions.tell(now=clock.now + MS)
        with CaptureQueriesContext(connection) as sign_outs:
            logouts.end_overdue_sessions(now=later + MS)
        keys = [person.pk for person in people]
        assert Notice.objects.filter(kind="provider_off", user__in=keys).count() == number
        assert Notice.objects.filter(kind="signed_out", user__in=keys).count() == number
        asked.append((statements(mails), statements(sign_outs)))
        Provider.objects.filter(pk=provider.pk).update(off_at=None)
    assert asked[0] == asked[1]


def test_who_was_signed_in_through_sso_is_read_of_the_people_asked_about(
    policy: Policy, provider: Provider, northwind: Account, clock: Clock
) -> None:
    """A sweep asks of some at a time, of however many the provider knows."""
    people = many(9, provider, policy, now=clock.now)
    extensions.keep_sessions(provider)
    Provider.objects.filter(pk=provider.pk).update(off_at=clock.now)
    with CaptureQueriesContext(connection) as captured:
        met = signed_in.among(people[:2], northwind, at=clock.now + DAY)
    assert met == people[:2]
    (kept,) = [each["sql"] for each in captured if "stamp_at_end" in each["sql"]]
    assert str(people[1].pk) in kept
    assert '"user_id" IN' in kept


def test_it_takes_the_same_few_queries_for_any_number_of_people(
    policy: Policy, northwind: Account, provider: Provider, clock: Clock
) -> None:
    made = many(400, provider, policy, now=clock.now)
    with CaptureQueriesContext(connection) as captured:
        extensions.keep_sessions(provider)
        Provider.objects.filter(pk=provider.pk).update(off_at=clock.now)
        extensions.give(provider, now=clock.now + MS)
    assert Extension.objects.count() == 401
    assert len(captured) < 12, [query["sql"][:80] for query in captured]
    assert Identity.objects.filter(stamp_at_end=made[0].stamp).count() == 1
