"""People whom single sign-on exempts: what they are told, and what others are told of them."""

from typing import Any

import pytest
from django.test import Client

from accounts import delivery, sessions
from accounts.mail import kind_of
from accounts.models import (
    Account,
    AuditEvent,
    EndReason,
    Identity,
    Membership,
    Notice,
    Provider,
    User,
)
from enforcement import (
    extensions,
    logouts,
    notices,
    overview,
    policies,
    progress,
    reminding,
    report,
    roster,
)
from enforcement.models import Policy
from enforcement.notices import Outcome, outcome_of
from enforcement.roster import Asked
from enforcement.standing import standing_for, standing_in, usual_standing
from tests.enforcement.kit import DAY, HOUR, end_provider, is_in, sign_in, sign_in_through
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def provider(northwind: Account, clock: Clock) -> Provider:
    return make_provider(northwind, now=clock.now)


def member(account: Account, name: str, *, at: Any, **fields: Any) -> User:
    person = make_user(f"{name}@northwind.example", **fields)
    Membership.objects.create(account=account, user=person, joined_at=at)
    return person


@pytest.fixture
def people(northwind: Account, provider: Provider, ada: User, clock: Clock) -> dict[str, User]:
    """One member of each kind; what exempts is how a person usually comes in."""
    found = {
        "through": member(northwind, "through", at=clock.now),
        "without password": member(northwind, "without", at=clock.now, password=None),
        "by password": member(northwind, "bypassword", at=clock.now),
        "through, ready": member(northwind, "ready", at=clock.now),
        "staff": member(northwind, "staff", at=clock.now, is_staff=True),
        "unknown": ada,
        "elsewhere": member(northwind, "elsewhere", at=clock.now),
    }
    for name in ("through", "without password", "by password", "through, ready", "staff"):
        make_identity(provider, found[name], now=clock.now)
    for name in ("through", "through, ready", "staff"):
        User.objects.filter(pk=found[name].pk).update(last_provider=provider)
    enrol_app(found["through, ready"], now=clock.now)
    other = make_provider(make_account("southwind"), now=clock.now)
    make_identity(other, found["elsewhere"], now=clock.now)
    User.objects.filter(pk=found["elsewhere"].pk).update(last_provider=other)
    return found


OUTCOMES = {
    "through": Outcome.EXEMPT,
    "without password": Outcome.EXEMPT,
    "by password": Outcome.MUST_ACT,
    "through, ready": Outcome.READY,
    "staff": Outcome.MUST_ACT,
    "unknown": Outcome.MUST_ACT,
    "elsewhere": Outcome.MUST_ACT,
}


@pytest.fixture
def policy(northwind: Account, owner: User, people: object, clock: Clock) -> Policy:
    return policies.switch_on(account=northwind, actor=owner, now=clock.now)


def kinds(person: User) -> set[str]:
    return set(Notice.objects.filter(user=person).values_list("kind", flat=True))


@pytest.mark.proves("S38")
def test_report_counts_and_filters_say_the_same_of_each(
    policy: Policy, northwind: Account, owner: User, people: dict[str, User], clock: Clock
) -> None:
    rows = {row.user: row for row in report.rows(northwind, now=clock.now)}
    assert {name: rows[person].outcome for name, person in people.items()} == OUTCOMES
    for name, person in people.items():
        standing = standing_in(northwind, User.objects.get(pk=person.pk))
        assert outcome_of(standing, now=clock.now) is OUTCOMES[name], name
    counts = roster.counts(northwind, now=clock.now)
    for outcome in Outcome:
        found = roster.narrowed(northwind, Asked(outcome=outcome), policy=policy, now=clock.now)
        listed = {each.user for each in found}
        assert listed == {user for user, row in rows.items() if row.outcome is outcome}
        assert counts.by_outcome[outcome] == len(listed)
    chart = progress.points(policy, now=clock.now + HOUR, ends_at=policy.deadline)
    assert chart[-1].numbers == dict(counts.by_outcome)


@pytest.mark.proves("S38")
def test_the_report_says_when_somebody_last_came_through_and_flags_who_comes_by_password(
    policy: Policy, northwind: Account, people: dict[str, User], clock: Clock
) -> None:
    rows = {row.user: row for row in report.rows(northwind, now=clock.now)}
    last = {name: rows[person].sso_at for name, person in people.items()}
    knows = {"through", "without password", "by password", "through, ready", "staff"}
    assert {name for name, at in last.items() if at == clock.now} == knows
    flagged = {name for name, person in people.items() if rows[person].by_password}
    assert flagged == {"by password"}
    asked = Asked(flag="by_password")
    found = roster.narrowed(northwind, asked, policy=policy, now=clock.now)
    assert [each.user for each in found] == [people["by password"]]
    shown = overview.members(
        northwind,
        roster.counts(northwind, now=clock.now),
        asked=asked,
        page="",
        policy=policy,
        now=clock.now,
    )
    assert (shown.by_password, shown.found) == (1, 1)


@pytest.mark.proves("S38")
def test_who_is_exempt_gets_one_mail_and_no_reminder(
    policy: Policy, northwind: Account, owner: User, people: dict[str, User], clock: Clock
) -> None:
    notices.announce(now=clock.now)
    reminding.remind_now(account=northwind, actor=owner, now=clock.now)
    reminding.owe_asked(now=clock.now)
    for before in (12 * HOUR, HOUR):
        clock.set(policy.deadline - before)
        notices.remind(now=clock.now)
    assert kinds(people["through"]) == {"requirement_exempt"}
    assert kinds(people["without password"]) == {"requirement_exempt"}
    must_act = {"requirement_must_act", "reminder_asked", "reminder_12h", "reminder_1h"}
    assert kinds(people["by password"]) == kinds(people["unknown"]) == must_act


@pytest.mark.proves("S38")
def test_a_reminder_is_dropped_where_its_person_is_exempt_by_the_time_it_is_sent(
    policy: Policy, provider: Provider, people: dict[str, User], clock: Clock
) -> None:
    clock.set(policy.deadline - HOUR)
    notices.remind(now=clock.now)
    notice = Notice.objects.get(user=people["by password"], kind="reminder_1h")
    kind = kind_of(notice)
    assert kind is not None
    assert kind.still_owed is not None
    assert kind.still_owed(notice, clock.now)
    User.objects.filter(pk=people["by password"].pk).update(last_provider=provider)
    assert not kind.still_owed(Notice.objects.get(pk=notice.pk), clock.now)


TOLD_INSTEAD = {
    "nothing": ["requirement_exempt"],
    "by password": ["requirement_must_act"],
    "switched off": ["requirement_must_act"],
    "enrolled": [],
}


@pytest.mark.proves("S38", "B89")
@pytest.mark.parametrize(("what", "told"), TOLD_INSTEAD.items())
def test_who_is_exempt_no_longer_is_not_told_so(
    what: str,
    told: list[str],
    policy: Policy,
    provider: Provider,
    people: dict[str, User],
    clock: Clock,
) -> None:
    person = people["through"]
    notices.announce(now=clock.now)
    if what == "by password":
        User.objects.filter(pk=person.pk).update(last_provider=None)
    if what == "switched off":
        end_provider(provider, at=clock.now)
    if what == "enrolled":
        enrol_app(person, now=clock.now)
    Notice.objects.exclude(user=person, kind="requirement_exempt").delete()
    assert delivery.send_due(now=clock.now)
    sent = Notice.objects.filter(state=Notice.State.SENT)
    assert list(sent.values_list("kind", flat=True)) == told


def switch_off_within_the_window(provider: Provider, policy: Policy, clock: Clock) -> Any:
    """Return the later deadline that whom it exempted has from then on."""
    clock.set(policy.starts_at + 6 * HOUR)
    extensions.give(provider, now=clock.now)
    end_provider(provider, at=clock.now)
    return clock.now + DAY


def deadlines_told(kind: str, person: User) -> list[str]:
    told = Notice.objects.filter(kind=kind, user=person).order_by("pk")
    return [notice.context["deadline"] for notice in told]


@pytest.mark.parametrize(("kind", "before"), {"reminder_12h": 12, "reminder_1h": 1}.items())
def test_who_has_a_later_deadline_is_reminded_of_that_one_alone(
    kind: str,
    before: int,
    people: dict[str, User],
    policy: Policy,
    provider: Provider,
    ada: User,
    clock: Clock,
) -> None:
    deadline = switch_off_within_the_window(provider, policy, clock)
    clock.set(policy.deadline - before * HOUR)
    notices.remind(now=clock.now)
    extensions.remind(now=clock.now)
    assert deadlines_told(kind, people["through"]) == []
    assert deadlines_told(kind, ada) == [policy.deadline.isoformat()]
    clock.set(deadline - before * HOUR)
    notices.remind(now=clock.now)
    extensions.remind(now=clock.now)
    assert deadlines_told(kind, people["through"]) == [deadline.isoformat()]


def test_a_late_announcement_names_each_their_own_deadline(
    people: dict[str, User], policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    deadline = switch_off_within_the_window(provider, policy, clock)
    notices.announce(now=clock.now)
    told = "requirement_must_act"
    assert deadlines_told(told, people["through"]) == [deadline.isoformat()]
    assert deadlines_told(told, ada) == [policy.deadline.isoformat()]


def test_a_sweep_that_is_a_day_late_names_each_their_own_deadline(
    people: dict[str, User], policy: Policy, provider: Provider, ada: User, clock: Clock
) -> None:
    deadline = switch_off_within_the_window(provider, policy, clock)
    for person in (people["through"], ada):
        sign_in(person)
    clock.set(deadline)
    logouts.end_overdue_sessions(now=clock.now)
    assert deadlines_told("signed_out", people["through"]) == [deadline.isoformat()]
    assert deadlines_told("signed_out", ada) == [policy.deadline.isoformat()]


def test_who_joins_again_has_no_later_deadline_and_is_told_of_none(
    people: dict[str, User], policy: Policy, provider: Provider, clock: Clock
) -> None:
    person = people["through"]
    switch_off_within_the_window(provider, policy, clock)
    Membership.objects.filter(user=person).update(joined_at=clock.now + HOUR)
    assert not notices.extended(policy).filter(user=person).exists()
    Membership.objects.filter(user=person).update(joined_at=policy.starts_at)
    assert notices.extended(policy).filter(user=person).exists()


def test_the_sign_out_at_the_deadline_ends_and_mails_only_what_is_not_exempt(
    policy: Policy, provider: Provider, people: dict[str, User], clock: Clock
) -> None:
    both, alone = people["through"], people["without password"]
    by_password = sign_in(both)
    by_sso = sign_in_through(both, provider)
    only_sso = sign_in_through(alone, provider)
    stamp = User.objects.get(pk=alone.pk).stamp
    clock.set(policy.deadline)
    logouts.end_overdue_sessions(now=clock.now)
    told = Notice.objects.filter(kind="signed_out").values_list("user", flat=True)
    assert list(told) == [both.pk]
    assert User.objects.get(pk=alone.pk).stamp == stamp
    assert is_in(by_sso)
    assert is_in(only_sso)
    assert not is_in(by_password)
    result = Notice.objects.filter(kind="owner_result").first()
    assert result is not None
    assert result.context["done"] == 3
    assert both.get_full_name() not in result.context["names"]


def signed_out(person: User) -> int:
    return AuditEvent.objects.filter(event="deadline_passed", subject_id=person.pk).count()


def in_through_another(person: User, clock: Clock) -> Client:
    """Return a browser that came through the SSO of another account of the person's."""
    other = Identity.objects.get(user=person).provider
    Membership.objects.create(account=other.account, user=person, joined_at=clock.now)
    return sign_in_through(person, other)


@pytest.mark.proves("S38")
def test_a_session_of_another_accounts_sso_is_ended_and_its_person_told(
    policy: Policy, people: dict[str, User], clock: Clock
) -> None:
    person = people["elsewhere"]
    client = in_through_another(person, clock)
    clock.set(policy.deadline)
    logouts.end_overdue_sessions(now=clock.now)
    assert Notice.objects.filter(kind="signed_out", user=person).exists()
    assert not is_in(client)


def test_a_session_of_another_accounts_sso_is_ended_once(
    policy: Policy, people: dict[str, User], clock: Clock
) -> None:
    person = people["elsewhere"]
    in_through_another(person, clock)
    clock.set(policy.deadline)
    for _ in range(2):
        logouts.end_overdue_sessions(now=clock.now)
        Policy.objects.update(swept_at=None)  # killed before the mark
    assert signed_out(person) == 1
    sessions.renew_stamp(User.objects.filter(pk=person.pk), reason=EndReason.PASSWORD)
    logouts.end_overdue_sessions(now=clock.now)
    assert signed_out(person) == 1


def test_a_session_that_began_after_a_sweep_that_was_killed_is_ended_all_the_same(
    policy: Policy, people: dict[str, User], clock: Clock
) -> None:
    person = people["elsewhere"]
    in_through_another(person, clock)
    clock.set(policy.deadline)
    logouts.end_overdue_sessions(now=clock.now)
    Policy.objects.update(swept_at=None)
    sign_in_through(User.objects.get(pk=person.pk), Identity.objects.get(user=person).provider)
    logouts.end_overdue_sessions(now=clock.now)
    assert signed_out(person) == 2
    assert Notice.objects.filter(kind="signed_out", user=person).count() == 1


@pytest.mark.proves("S38")
def test_who_is_exempt_from_one_account_is_told_of_the_other(
    policy: Policy, northwind: Account, people: dict[str, User], clock: Clock
) -> None:
    person = User.objects.get(pk=people["through"].pk)
    assert outcome_of(usual_standing(person), now=clock.now) is Outcome.EXEMPT
    assert standing_for(person).deadlines == (policy.deadline,)
    other = make_account("westwind", members=(person,))
    Membership.objects.filter(account=other).update(joined_at=clock.now)
    clock.forward(hours=1)
    theirs = policies.switch_on(account=other, actor=None, now=clock.now)
    person = User.objects.get(pk=person.pk)
    assert usual_standing(person).deadlines == (theirs.deadline,)
    assert outcome_of(usual_standing(person), now=clock.now) is Outcome.MUST_ACT
    assert outcome_of(standing_in(northwind, person), now=clock.now) is Outcome.EXEMPT
    assert outcome_of(standing_in(other, person), now=clock.now) is Outcome.MUST_ACT
    notices.announce(now=clock.now)
    assert kinds(person) == {"requirement_exempt", "requirement_must_act"}
