"""A provider is switched off while people set up, leave or come in: nobody falls in between."""

from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone

from accounts import memberships, providers
from accounts.models import Membership, Notice, User
from enforcement import extensions, logouts, policies
from enforcement.models import Extension
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.integration.threads import at_once, raised
from tests.journeys.clock import DAY
from tests.twofactor.people import enrol_app

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.proves("S38"),
]


def test_who_sets_up_or_leaves_at_the_instant_of_the_switch_is_not_mailed() -> None:
    now, people = timezone.now(), [make_user() for _ in range(12)]
    account = make_account(members=tuple(people))
    Membership.objects.filter(account=account).update(joined_at=now - 3 * DAY)
    policies.switch_on(account=account, actor=None, now=now - 2 * DAY)
    provider = make_provider(account, now=now - 2 * DAY)
    for person in people:
        make_identity(provider, person, now=now - 2 * DAY)
    User.objects.filter(pk__in=[person.pk for person in people]).update(last_provider=provider)
    support, mine = make_user(is_staff=True), Membership.objects.filter(account=account)
    calls: list[Callable[[], object]] = [
        partial(providers.switch_off, provider=provider, actor=support, reason="asked", now=now),
        *(partial(enrol_app, person, now=now) for person in people[:4]),
        *(
            partial(memberships.remove, membership=mine.get(user=person), actor=person, now=now)
            for person in people[4:8]
        ),
    ]
    assert not raised(at_once(calls))
    extended = set(Extension.objects.values_list("user", flat=True))
    assert {person.pk for person in people[8:]} <= extended
    extensions.tell(now=now)
    logouts.end_overdue_sessions(now=now + DAY)
    told = set(Notice.objects.filter(kind="provider_off").values_list("user", flat=True))
    assert told == {person.pk for person in people[8:]}
    ended = User.objects.filter(ended_reason="deadline").values_list("pk", flat=True)
    assert not {person.pk for person in people[:8]} & set(ended)
