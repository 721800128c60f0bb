"""Mails of a requirement: each once per period, to who still has to act when it is sent."""

from datetime import datetime, timedelta

import pytest
from django.core import mail as sent
from pytest_django import Settings

from accounts import delivery, people
from accounts.models import Account, Membership, Notice, Role, User
from enforcement import logouts, notices, passes, policies
from enforcement.models import Policy
from tests.enforcement.kit import DAY, HOUR, MINUTE, MS, enrolled_person
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def owed(*kinds: str) -> list[tuple[str, str]]:
    found = Notice.objects.filter(kind__in=kinds) if kinds else Notice.objects.all()
    return sorted(found.values_list("kind", "recipient"))


def send(now: datetime) -> list[str]:
    """Send what is owed; return the addresses that got a mail."""
    sent.outbox.clear()
    while delivery.send_due(now=now):
        continue
    return sorted(each.to[0] for each in sent.outbox)


# The start.


def test_each_member_is_told_what_the_requirement_means_to_them(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    ready, resting, gone = enrolled_person().user, enrolled_person().user, make_user()
    for person in (ready, resting, gone):
        Membership.objects.create(account=northwind, user=person, joined_at=clock.now)
    people.deactivate(user=gone, actor=None, now=clock.now)
    passes.grant_pass(user=resting, actor=None, reason="Lost phone", now=clock.now)
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    notices.announce(now=clock.now)
    must_act = "requirement_must_act"
    assert owed(must_act, "requirement_ready", "owner_requirement_on") == sorted(
        [
            (must_act, ada.email),
            (must_act, owner.email),
            (must_act, resting.email),
            ("requirement_ready", ready.email),
            ("owner_requirement_on", owner.email),
        ]
    )
    told = Notice.objects.get(kind="owner_requirement_on").context
    assert (told["must_act"], told["ready"]) == (3, 1)


def test_it_is_told_once_per_period(policy: Policy, northwind: Account, clock: Clock) -> None:
    for _ in range(3):
        notices.announce(now=clock.now)
    assert Policy.objects.get().announced_at == clock.now
    first = owed()
    Policy.objects.update(announced_at=None)  # killed before the mark
    notices.announce(now=clock.now + HOUR)
    assert owed() == first


def test_who_is_told_one_of_the_texts_is_told_no_other(
    policy: Policy, owner: User, ada: User, clock: Clock
) -> None:
    texts = ("requirement_must_act", "requirement_ready")
    notices.announce(now=clock.now)
    first = owed(*texts)
    enrol_app(ada, now=clock.now)
    User.objects.filter(pk=owner.pk).update(email="olga@elsewhere.example")
    Policy.objects.update(announced_at=None)  # killed before the mark
    notices.announce(now=clock.now)
    assert owed(*texts) == first


def test_a_new_period_is_told_anew(
    policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    notices.announce(now=clock.now)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now + HOUR)
    notices.announce(now=clock.now + HOUR)
    assert owed("requirement_must_act").count(("requirement_must_act", ada.email)) == 2


def test_who_joined_after_the_start_is_not_told_of_a_window(
    policy: Policy, northwind: Account, clock: Clock
) -> None:
    late = make_user()
    Membership.objects.create(account=northwind, user=late, joined_at=clock.now + MS)
    notices.announce(now=clock.now + HOUR)
    assert ("requirement_must_act", late.email) not in owed()


def test_a_period_that_ended_before_it_was_told_is_not_told(
    policy: Policy, northwind: Account, clock: Clock
) -> None:
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    notices.announce(now=clock.now)
    assert {kind for kind, _ in owed()} == {"owner_requirement_off"}


# The state of now, asked when a mail is sent.


@pytest.mark.parametrize("what", ["off", "off and on", "enrolled", "left", "deactivated"])
@pytest.mark.parametrize("kind", ["requirement_must_act", "reminder_12h", "reminder_1h"])
def test_a_mail_that_is_no_longer_true_is_dropped(
    what: str, kind: str, policy: Policy, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    clock.set({"reminder_12h": policy.deadline - 12 * HOUR, "reminder_1h": policy.deadline - HOUR}
              .get(kind, clock.now))  # fmt: skip
    notices.announce(now=clock.now)
    notices.remind(now=clock.now)
    Notice.objects.exclude(kind=kind, user=ada).delete()
    assert owed() == [(kind, ada.email)]
    if what.startswith("off"):
        policies.switch_off(account=northwind, actor=None, now=clock.now)
        if what == "off and on":
            policies.switch_on(account=northwind, actor=None, now=clock.now)
        Notice.objects.exclude(kind=kind).delete()
    elif what == "enrolled":
        enrol_app(ada, now=clock.now)
        Notice.objects.exclude(kind=kind).delete()
    elif what == "left":
        Membership.objects.filter(user=ada).delete()
    else:
        User.objects.filter(pk=ada.pk).update(is_active=False)
    assert send(clock.now) == []
    assert Notice.objects.get().state == Notice.State.DROPPED


def test_a_mail_that_is_still_true_is_sent_once(policy: Policy, ada: User, clock: Clock) -> None:
    notices.announce(now=clock.now)
    assert send(clock.now).count(ada.email) == 1
    assert send(clock.now + HOUR) == []


def test_who_is_deleted_meanwhile_gets_no_mail_and_stops_nobody_s(
    policy: Policy, ada: User, owner: User, clock: Clock
) -> None:
    notices.announce(now=clock.now)
    people.delete(user=ada, now=clock.now)
    # Of the start and of who has left.
    assert send(clock.now) == [owner.email] * 3


@pytest.mark.parametrize("what", ["nothing", "off", "off and on", "demoted", "deactivated"])
@pytest.mark.parametrize("kind", ["owner_requirement_on", "owner_result"])
def test_owners_hear_of_a_period_while_it_lasts_and_while_they_own_the_account(
    what: str, kind: str, policy: Policy, northwind: Account, owner: User, clock: Clock
) -> None:
    if kind == "owner_result":
        clock.set(policy.deadline)
    notices.announce(now=clock.now)
    logouts.end_overdue_sessions(now=clock.now)
    if what.startswith("off"):
        policies.switch_off(account=northwind, actor=None, now=clock.now)
    if what == "off and on":
        policies.switch_on(account=northwind, actor=None, now=clock.now)
    if what == "demoted":
        Membership.objects.filter(user=owner).update(role=Role.ADMIN)
    if what == "deactivated":
        User.objects.filter(pk=owner.pk).update(is_active=False)
    Notice.objects.exclude(kind=kind).delete()
    assert send(clock.now) == ([owner.email] if what == "nothing" else [])


# Reminders.

REMINDERS = {"reminder_12h": 12 * HOUR, "reminder_1h": HOUR}


@pytest.mark.parametrize(("kind", "before"), REMINDERS.items())
def test_a_reminder_goes_at_its_time_and_not_before(
    kind: str, before: timedelta, policy: Policy, ada: User
) -> None:
    notices.remind(now=policy.deadline - before - MS)
    assert owed(kind) == []
    notices.remind(now=policy.deadline - before)
    notices.remind(now=policy.deadline - before + MINUTE)
    assert owed(kind).count((kind, ada.email)) == 1


@pytest.mark.parametrize(("kind", "before"), REMINDERS.items())
def test_a_reminder_that_is_late_is_dropped(
    kind: str, before: timedelta, policy: Policy, ada: User
) -> None:
    notices.remind(now=policy.deadline - before + 15 * MINUTE)
    assert owed(kind) == []
    Policy.objects.update(reminded_12h_at=None, reminded_1h_at=None)
    notices.remind(now=policy.deadline - before + 15 * MINUTE - MS)
    assert (kind, ada.email) in owed(kind)


@pytest.mark.parametrize(("kind", "before"), REMINDERS.items())
def test_a_reminder_that_waits_too_long_is_not_sent(
    kind: str, before: timedelta, policy: Policy, ada: User
) -> None:
    at = policy.deadline - before
    notices.remind(now=at)
    Notice.objects.exclude(kind=kind, user=ada).delete()
    assert Notice.objects.get().drop_at == at + 15 * MINUTE
    assert send(at + 15 * MINUTE) == []
    Notice.objects.update(state=Notice.State.OWED, due_at=at)
    assert send(at + 15 * MINUTE - MS) == [ada.email]


def test_nobody_is_reminded_who_need_not_act(
    policy: Policy, northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    enrol_app(ada, now=clock.now)
    passes.grant_pass(user=owner, actor=None, reason="Lost phone", now=clock.now)
    late = make_user()
    Membership.objects.create(account=northwind, user=late, joined_at=clock.now + MS)
    notices.remind(now=policy.deadline - 12 * HOUR)
    assert owed("reminder_12h") == []


def test_a_window_shorter_than_a_reminder_has_none(
    northwind: Account, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.TWO_FACTOR_GRACE = 2 * MINUTE
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    for second in range(121):
        notices.remind(now=policy.starts_at + timedelta(seconds=second))
    assert owed(*REMINDERS) == []


def test_after_the_deadline_nobody_is_reminded(policy: Policy) -> None:
    notices.remind(now=policy.deadline)
    assert owed(*REMINDERS) == []


def test_two_accounts_remind_each_for_itself(policy: Policy, ada: User, clock: Clock) -> None:
    other = make_account(members=(ada,))
    second = policies.switch_on(account=other, actor=None, now=clock.now)
    notices.remind(now=policy.deadline - HOUR)
    told = Notice.objects.filter(kind="reminder_1h", user=ada)
    assert {notice.context["policy"] for notice in told} == {policy.pk, second.pk}


# Passes.


def test_an_hour_before_its_end_a_pass_is_warned_of(
    policy: Policy, ada: User, clock: Clock
) -> None:
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    notices.warn_of_passes(now=granted.until - HOUR - MS)
    assert owed("pass_ending_1h") == []
    for minute in range(3):
        notices.warn_of_passes(now=granted.until - HOUR + minute * MINUTE)
    assert owed("pass_ending_1h") == [("pass_ending_1h", ada.email)]


def test_a_warning_that_is_late_is_dropped(policy: Policy, ada: User, clock: Clock) -> None:
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    notices.warn_of_passes(now=granted.until - 45 * MINUTE)
    assert owed("pass_ending_1h") == []


def test_a_pass_that_was_revoked_is_not_warned_of(policy: Policy, ada: User, clock: Clock) -> None:
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    notices.warn_of_passes(now=granted.until - HOUR)
    passes.revoke_pass(user=ada, actor=None, now=granted.until - HOUR)
    Notice.objects.exclude(kind="pass_ending_1h").delete()
    assert send(granted.until - HOUR) == []


def test_a_pass_no_longer_than_the_warning_has_none(
    policy: Policy, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.TWO_FACTOR_PASS = HOUR
    passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    notices.warn_of_passes(now=clock.now)
    assert owed("pass_ending_1h") == []


def test_the_mail_about_a_day_says_its_deadline_with_the_zone(
    policy: Policy, ada: User, clock: Clock
) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Europe/Berlin")
    notices.announce(now=clock.now)
    send(clock.now)
    (told,) = [each for each in sent.outbox if each.to == [ada.email]]
    assert "26 November 2026, 11:30:10 CET (Europe/Berlin; 10:30:10 UTC)" in str(told.body)
    assert policy.deadline - clock.now == DAY
