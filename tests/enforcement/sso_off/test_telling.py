"""A provider was switched off: who is told, reminded, and signed out at the later deadline."""

from datetime import datetime

import pytest
from django.core import mail

from accounts import delivery
from accounts.models import Account, Identity, Membership, Notice, Provider, User
from enforcement import extensions, logouts, notices, policies
from enforcement.models import Extension, Policy
from enforcement.standing import standing_for
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
    is_in,
    provider_of,
    sign_in,
    sign_in_through,
)
from tests.enforcement.sso_off.kit import due_at, switch_off, told
from tests.factories import make_identity, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.proves("S38")]


def bea_since(joined_at: datetime, policy: Policy) -> User:
    """Return one more member, of whom no provider knows yet."""
    bea = make_user("bea@northwind.example")
    Membership.objects.create(account=policy.account, user=bea, joined_at=joined_at)
    return bea


def switch_off_hers(person: User, policy: Policy, *, at: datetime) -> None:
    """``person`` comes through another provider of the account, which is switched off then."""
    sign_in_through(person, hers := provider_of(policy.account, person, now=at))
    switch_off(hers, at=at)


def test_the_people_concerned_are_mailed_once(
    policy: Policy, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    for _ in range(2):
        extensions.tell(now=clock.now)
    assert told("provider_off") == [ada.email]
    notice = Notice.objects.get(kind="provider_off")
    assert notice.context["deadline"] == (clock.now + DAY).isoformat()
    assert Extension.objects.get().told_at == clock.now


@pytest.mark.parametrize("has_password", [True, False])
def test_who_has_no_password_is_told_to_choose_one(
    has_password: bool, policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    if not has_password:
        ada.set_unusable_password()
        ada.save()
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    extensions.tell(now=clock.now)
    delivery.send_due(now=clock.now)
    sent = next(each for each in mail.outbox if each.to == [ada.email])
    assert ("You have no password here yet" not in sent.body) is has_password


def test_they_are_reminded_before_it_and_swept_at_it(
    policy: Policy, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    enrol_app(owner, now=clock.now)
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline)
    logouts.end_overdue_sessions(now=clock.now)
    assert told("signed_out") == []
    switch_off(provider, at=clock.now)
    deadline = clock.now + DAY
    for kind, before in {"reminder_12h": 12 * HOUR, "reminder_1h": HOUR}.items():
        extensions.remind(now=deadline - before - MS)
        assert told(kind) == []
        extensions.remind(now=deadline - before)
        extensions.remind(now=deadline - before + MS)
        assert told(kind) == [ada.email]
        found = Notice.objects.get(kind=kind)
        assert found.context["deadline"] == deadline.isoformat()
        assert found.drop_at == deadline - before + notices.LATE
    logouts.end_overdue_sessions(now=deadline - MS)
    assert told("signed_out") == []
    for _ in range(2):
        logouts.end_overdue_sessions(now=deadline)
    assert told("signed_out") == [ada.email]
    assert Extension.objects.get().swept_at == deadline
    clock.set(deadline)
    policies.switch_off(account=policy.account, actor=None, now=deadline)
    assert not is_in(client)
    assert not standing_for(User.objects.get(pk=ada.pk)).deadlines


def test_each_is_told_of_the_own_later_deadline(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    """Both had theirs given within one sweep."""
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    clock.forward(seconds=10)
    bea = bea_since(policy.starts_at, policy)
    switch_off_hers(bea, policy, at=clock.now)
    extensions.tell(now=clock.now)
    for person in (ada, bea):
        deadline = Extension.objects.get(user=person).deadline
        notice = Notice.objects.get(kind="provider_off", user=person)
        assert notice.context["deadline"] == deadline.isoformat()


def test_of_two_accounts_each_tells_and_reminds_of_its_own(
    policy: Policy, provider: Provider, ada: User, other: Account, clock: Clock
) -> None:
    """Whose providers went off at the same time."""
    policies.switch_on(account=other, actor=None, now=clock.now)
    theirs = provider_of(other, ada, now=clock.now)
    clock.forward(hours=1)
    for each in (provider, theirs):
        User.objects.filter(pk=ada.pk).update(last_provider=each)
        assert extensions.number_of(each, now=clock.now) == 1
        switch_off(each, at=clock.now)
    assert Extension.objects.count() == 2
    extensions.tell(now=clock.now)
    extensions.remind(now=clock.now + DAY - HOUR)
    for kind in ("provider_off", "reminder_1h"):
        found = Notice.objects.filter(kind=kind, user=ada).values_list("account_id", flat=True)
        assert set(found) == {policy.account_id, other.pk}


def test_the_stamps_of_other_providers_people_stay_as_they_were(
    provider: Provider, ada: User, other: Account, clock: Clock
) -> None:
    theirs = provider_of(other, ada, now=clock.now)
    extensions.keep_sessions(theirs)
    User.objects.filter(pk=ada.pk).update(stamp="another")
    extensions.keep_sessions(provider)
    assert Identity.objects.get(provider=theirs).stamp_at_end == ada.stamp
    assert Identity.objects.get(provider=provider).stamp_at_end == "another"


def test_a_later_deadline_of_a_period_that_ended_is_none_in_the_next(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    policies.switch_off(account=policy.account, actor=None, now=clock.now)
    deadline = clock.now + DAY
    clock.forward(hours=13)
    policies.switch_on(account=policy.account, actor=None, now=clock.now)
    extensions.tell(now=clock.now)
    extensions.remind(now=deadline - HOUR)
    assert [told("provider_off"), told("reminder_1h")] == [[], []]
    assert list(extensions.over(now=deadline)) == []


def test_an_open_period_s_later_deadline_is_kept_for_the_sweep_that_signs_out(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    sign_in_through(ada, provider)
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    extensions.close(now=clock.now + DAY)
    logouts.end_overdue_sessions(now=clock.now + DAY)
    assert told("signed_out") == [ada.email]


def test_a_reminder_of_one_is_none_of_another(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    """A run that was killed between the two goes on with whoever is left."""
    bea = bea_since(clock.now, policy)
    make_identity(provider, bea, now=clock.now)
    User.objects.filter(pk=bea.pk).update(last_provider=provider)
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    at = clock.now + DAY - HOUR
    extensions.remind(now=at)
    assert told("reminder_1h") == [ada.email, bea.email]
    Notice.objects.filter(user=bea, kind="reminder_1h").delete()
    extensions.remind(now=at)
    assert told("reminder_1h") == [ada.email, bea.email]


def test_who_has_another_later_deadline_is_met_at_that_one(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    sign_in_through(ada, provider)
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    clock.forward(hours=1)
    bea = bea_since(clock.now, policy)
    switch_off_hers(bea, policy, at=clock.now)
    first, last = due_at(ada), due_at(bea)
    assert first is not None
    assert last == first + HOUR
    logouts.end_overdue_sessions(now=first)
    assert told("signed_out") == [ada.email]
    logouts.end_overdue_sessions(now=last)
    assert told("signed_out") == [ada.email, bea.email]


def test_what_was_swept_before_it_was_off_ended_no_session_of_sso(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    """In two browsers: the one by password is over at the deadline, the other at the later one."""
    by_password = sign_in(ada)
    by_sso = sign_in_through(ada, provider)
    clock.set(policy.deadline)
    logouts.end_overdue_sessions(now=clock.now)
    switch_off(provider, at=clock.now)
    assert is_in(by_sso)
    assert not is_in(by_password)
    clock.set(clock.now + DAY)
    assert not is_in(by_sso)
    logouts.end_overdue_sessions(now=clock.now)
    policies.switch_off(account=policy.account, actor=None, now=clock.now)
    assert not is_in(by_sso)
    assert told("signed_out") == [ada.email]


def test_extensions_of_a_period_that_ended_are_looked_at_no_more(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    sign_in_through(ada, provider)
    clock.forward(hours=1)
    switch_off(provider, at=clock.now)
    policies.switch_off(account=policy.account, actor=None, now=clock.now)
    later = clock.now + 2 * DAY
    logouts.end_overdue_sessions(now=later)
    assert told("signed_out") == []
    assert Extension.objects.get().swept_at == later
