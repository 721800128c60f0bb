"""A provider is switched off or cut off: who gets time, how much, and who is told."""

import re
from datetime import datetime
from itertools import groupby
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import delivery, memberships, moving, providers
from accounts.models import Account, Identity, Membership, Notice, Provider, Session, User
from enforcement import extensions, logouts, notices, policies, signed_in
from enforcement.models import Extension, Policy
from enforcement.standing import facts_of, policies_of, standing_for
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
    code_of,
    fetch,
    is_in,
    provider_of,
    sign_in,
    sign_in_through,
)
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.proves("S38")]


@pytest.fixture
def provider(northwind: Account, ada: User, clock: Clock) -> Provider:
    """Northwind's, through which Ada came last."""
    found = make_provider(northwind, now=clock.now)
    make_identity(found, ada, now=clock.now)
    User.objects.filter(pk=ada.pk).update(last_provider=found)
    ada.refresh_from_db()
    return found


def support() -> User:
    return make_user(is_staff=True)


def switch_off(provider: Provider, *, at: datetime) -> None:
    providers.switch_off(provider=provider, actor=support(), reason="asked by the owner", now=at)


def due_at(person: User) -> datetime | None:
    return facts_of(User.objects.get(pk=person.pk)).due_at


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("recipient", flat=True))


def test_who_was_exempt_gets_a_day_from_then_on(
    policy: Policy, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.forward(days=3)
    assert is_in(client)
    switch_off(provider, at=clock.now)
    deadline = clock.now + DAY
    assert due_at(ada) == deadline
    assert [found.due_at for found in policies_of(ada)] == [deadline]
    assert due_at(owner) == policy.deadline
    assert is_in(client)
    assert client.get("/settings/").context["banner"].until == deadline
    clock.set(deadline - MS)
    assert is_in(client)
    by_password = sign_in(ada)
    assert is_in(by_password)
    clock.set(deadline)
    for browser in (client, by_password):
        assert code_of(fetch(browser)) == "signed_out_deadline"


@pytest.mark.parametrize(
    "who",
    [
        "enrolled",
        "came by password",
        "unknown to it",
        "known to another",
        "deactivated",
        "staff",
    ],
)
def test_nobody_else_gets_a_later_deadline(
    who: str, policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    if who == "enrolled":
        enrol_app(ada, now=clock.now)
    changes: dict[str, dict[str, Any]] = {
        "came by password": {"last_provider": None},
        "deactivated": {"is_active": False},
        "staff": {"is_staff": True},
    }
    if who in changes:
        User.objects.filter(pk=ada.pk).update(**changes[who])
    if who == "unknown to it":
        Identity.objects.all().delete()
    if who == "known to another":
        Identity.objects.all().delete()
        sign_in_through(ada, provider_of(make_account("southwind"), ada, now=clock.now))
    switch_off(provider, at=clock.now + HOUR)
    assert not Extension.objects.exists()
    assert due_at(ada) == policy.deadline


def test_who_has_no_password_was_exempt_whatever_came_last(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    ada.set_unusable_password()
    ada.last_provider = None
    ada.save()
    switch_off(provider, at=clock.now + HOUR)
    assert [found.user for found in Extension.objects.all()] == [ada]


def test_without_a_requirement_nothing_is_extended(
    provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now)
    assert not Extension.objects.exists()


def test_a_deadline_is_extended_once_a_period(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    first = due_at(ada)
    again = make_provider(northwind, now=clock.now + 2 * HOUR)
    make_identity(again, ada, now=clock.now + 2 * HOUR)
    User.objects.filter(pk=ada.pk).update(last_provider=again)
    switch_off(again, at=clock.now + 3 * HOUR)
    assert due_at(ada) == first == clock.now + HOUR + DAY
    policies.switch_off(account=northwind, actor=None, now=clock.now + 4 * HOUR)
    new = policies.switch_on(account=northwind, actor=None, now=clock.now + 5 * HOUR)
    assert due_at(ada) == new.deadline


def test_leaving_and_joining_again_forfeits_it(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    membership = Membership.objects.get(user=ada, account=northwind)
    memberships.remove(membership=membership, actor=owner, now=clock.now + 2 * HOUR)
    assert due_at(ada) is None
    at = clock.now + 3 * HOUR
    Membership.objects.create(account=northwind, user=ada, joined_at=at)
    assert due_at(ada) == at


def test_it_moves_with_the_membership(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    mine = Membership.objects.get(user=ada, account=northwind)
    work = make_user("ada.lovelace@northwind.example")
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert due_at(ada) is None
    assert due_at(work) == clock.now + HOUR + DAY


def test_it_moves_to_who_forfeited_one_by_leaving(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    work = make_user("ada.lovelace@northwind.example")
    left = Membership.objects.create(account=northwind, user=work, joined_at=policy.starts_at)
    make_identity(provider, work, now=clock.now)
    User.objects.filter(pk=work.pk).update(last_provider=provider)
    switch_off(provider, at=clock.now + HOUR)
    assert Extension.objects.count() == 2
    memberships.remove(membership=left, actor=owner, now=clock.now + 2 * HOUR)
    mine = Membership.objects.get(user=ada, account=northwind)
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 3 * HOUR)
    assert [found.user for found in Extension.objects.all()] == [work]
    assert due_at(work) == clock.now + HOUR + DAY


def test_it_stays_where_another_membership_moves(
    policy: Policy, northwind: Account, provider: Provider, ada: User, owner: User, clock: Clock
) -> None:
    switch_off(provider, at=clock.now + HOUR)
    theirs = Membership.objects.get(user=owner, account=northwind)
    work = make_user("olga@northwind.example")
    moving.move(user=owner, membership_id=theirs.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert due_at(ada) == clock.now + HOUR + DAY
    assert due_at(work) == policy.deadline


def test_a_membership_that_moves_leaves_what_both_have_elsewhere(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    work = make_user("ada.lovelace@northwind.example")
    southwind = make_account("southwind", members=(ada, work))
    policies.switch_on(account=southwind, actor=None, now=clock.now)
    theirs = provider_of(southwind, ada, now=clock.now)
    make_identity(theirs, work, now=clock.now)
    User.objects.filter(pk=work.pk).update(last_provider=theirs)
    User.objects.filter(pk=ada.pk).update(last_provider=theirs)
    switch_off(theirs, at=clock.now + HOUR)
    given = list(Extension.objects.order_by("pk").values_list("user", "deadline"))
    assert {key for key, _ in given} == {ada.pk, work.pk}
    mine = Membership.objects.get(user=ada, account=northwind)
    moving.move(user=ada, membership_id=mine.pk, email=work.email, now=clock.now + 2 * HOUR)
    assert list(Extension.objects.order_by("pk").values_list("user", "deadline")) == given
    for person in (ada, work):
        assert policies_of(person).get(account=southwind).due_at == clock.now + HOUR + DAY


def test_who_joined_late_through_sso_gets_the_same_day(
    policy: Policy, northwind: Account, provider: Provider, ada: User, clock: Clock
) -> None:
    late = make_user()
    joined_at = clock.now + HOUR
    Membership.objects.create(account=northwind, user=late, joined_at=joined_at)
    make_identity(provider, late, now=joined_at)
    User.objects.filter(pk=late.pk).update(last_provider=provider)
    assert due_at(late) == joined_at
    switch_off(provider, at=joined_at + HOUR)
    assert due_at(late) == joined_at + HOUR + DAY


def test_an_earlier_one_counts_for_nothing(policy: Policy, ada: User, clock: Clock) -> None:
    sooner = Extension(policy=policy, user=ada, deadline=clock.now + HOUR, given_at=clock.now)
    sooner.save()
    assert due_at(ada) == policy.deadline
    Extension.objects.update(deadline=policy.deadline + MS)
    assert due_at(ada) == policy.deadline + MS


def test_another_issuer_is_another_provider(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    """Support's replacing switches the old one off: the new one has to know people first."""
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline + DAY)
    assert is_in(client)
    switch_off(provider, at=clock.now)
    make_provider(provider.account, now=clock.now)
    assert is_in(client)
    clock.forward(hours=24)
    assert not is_in(client)


def test_a_provider_that_is_deleted_was_switched_off(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    clock.forward(hours=1)
    provider.delete()
    assert due_at(ada) == clock.now + DAY


def test_an_account_is_deleted_with_its_provider(
    policy: Policy, northwind: Account, provider: Provider, clock: Clock
) -> None:
    northwind.delete()
    assert not Provider.objects.exists()
    assert not Extension.objects.exists()


def test_cutting_off_gives_no_time(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.forward(hours=1)
    providers.cut_off(provider=provider, actor=support(), reason="keys stolen", now=clock.now)
    assert not Extension.objects.exists()
    assert due_at(ada) == policy.deadline
    assert not is_in(client)
    extensions.tell(now=clock.now)
    assert told("provider_off") == []


def test_switched_off_and_then_cut_off_ends_the_sessions_that_were_left(
    policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    switch_off(provider, at=clock.now)
    assert is_in(client)
    providers.cut_off(provider=provider, actor=support(), reason="keys stolen", now=clock.now)
    assert not is_in(client)


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
    bea = make_user("bea@northwind.example")
    Membership.objects.create(account=policy.account, user=bea, joined_at=policy.starts_at)
    sign_in_through(bea, again := provider_of(policy.account, bea, now=clock.now))
    switch_off(again, at=clock.now)
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
    bea = make_user("bea@northwind.example")
    Membership.objects.create(account=policy.account, user=bea, joined_at=clock.now)
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
    bea = make_user("bea@northwind.example")
    Membership.objects.create(account=policy.account, user=bea, joined_at=clock.now)
    sign_in_through(bea, again := provider_of(policy.account, bea, now=clock.now))
    switch_off(again, at=clock.now)
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
