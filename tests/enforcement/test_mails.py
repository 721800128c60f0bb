"""Each mail fits its reader at the moment of sending: who is free of it, and by when to act."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core import mail as outgoing
from pytest_django import Settings

from accounts import delivery
from accounts.models import Account, Notice, Role, User
from enforcement import extensions, joining, logouts, notices, passes, policies, reminding
from enforcement.models import Policy
from tests.enforcement.kit import DAY, HOUR, MINUTE, end_provider, provider_of, sign_in
from tests.factories import make_user
from tests.journeys.clock import Clock
from tests.journeys.post import html_of
from tests.twofactor.people import enrol_app
from twofactor import enrolment

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

BEFORE = {"reminder_12h": 12 * HOUR, "reminder_1h": HOUR, "signed_out": 0 * HOUR}


def owe(kind: str, policy: Policy, person: User, *, clock: Clock) -> Notice:
    """Have the product owe one mail of ``kind`` to ``person``, and keep no other."""
    if kind == "signed_out":
        sign_in(person)
    if kind in BEFORE:
        clock.set(policy.deadline - BEFORE[kind])
    if kind in HAPPENINGS:
        clock.forward(minutes=1)
        HAPPENINGS[kind](policy.account, person, clock)
    notices.announce(now=clock.now)
    notices.remind(now=clock.now)
    logouts.end_overdue_sessions(now=clock.now)
    Notice.objects.exclude(kind=kind, user=person, account_id=policy.account_id).delete()
    return Notice.objects.get()


def add_by_hand(account: Account, person: User, clock: Clock) -> None:
    joining.add_by_hand(user=person, account=account, role=Role.MEMBER, actor=None, now=clock.now)


def remind_now(account: Account, person: User, clock: Clock) -> None:
    reminding.remind_now(account=account, actor=make_user(), now=clock.now)
    reminding.owe_asked(now=clock.now)


def switch_sso_off(account: Account, person: User, clock: Clock) -> None:
    provider = provider_of(account, person, now=clock.now)
    User.objects.filter(pk=person.pk).update(last_provider=provider)
    extensions.give(provider, now=clock.now)
    end_provider(provider, at=clock.now)
    extensions.tell(now=clock.now)


HAPPENINGS = {
    "due_at_once": add_by_hand,
    "reminder_asked": remind_now,
    "provider_off": switch_sso_off,
}


def texts_sent(clock: Clock) -> list[str]:
    """Send what is owed; return the texts, each behind its subject."""
    outgoing.outbox.clear()
    while delivery.send_due(now=clock.now):
        continue
    return [f"{each.subject}\n{each.body}" for each in outgoing.outbox]


def told(instant: datetime) -> str:
    return f"{instant:%H:%M:%S} UTC"


# A pass frees, and its deadlines rest.

IS_SENT_ON_A_PASS = {
    "requirement_must_act": True,
    "due_at_once": True,
    "reminder_12h": False,
    "reminder_1h": False,
    "reminder_asked": False,
    "provider_off": False,
    "signed_out": False,
}


@pytest.fixture
def nell(db: None, clock: Clock) -> User:
    """Somebody who is no member yet."""
    return make_user("nell@northwind.example")


@pytest.mark.parametrize("then", ["nothing", "granted", "revoked"])
@pytest.mark.parametrize(("kind", "is_sent"), IS_SENT_ON_A_PASS.items())
def test_whom_a_pass_frees_is_sent_no_deadline_that_rests(
    kind: str, is_sent: bool, then: str, policy: Policy, ada: User, nell: User, clock: Clock
) -> None:
    reader = nell if kind == "due_at_once" else ada
    owe(kind, policy, reader, clock=clock)
    if then != "nothing":
        passes.grant_pass(user=reader, actor=None, reason="Lost phone", now=clock.now)
    if then == "revoked":
        passes.revoke_pass(user=reader, actor=None, now=clock.now)
    Notice.objects.exclude(kind=kind).delete()
    assert len(texts_sent(clock)) == (is_sent or then != "granted")


@pytest.mark.parametrize("kind", ["requirement_must_act", "due_at_once"])
def test_on_a_pass_its_end_is_the_time_to_set_up_by(
    kind: str, policy: Policy, ada: User, nell: User, clock: Clock
) -> None:
    reader = ada if kind == "requirement_must_act" else nell
    owe(kind, policy, reader, clock=clock)
    clock.forward(seconds=7)
    granted = passes.grant_pass(user=reader, actor=None, reason="Lost phone", now=clock.now)
    Notice.objects.exclude(kind=kind).delete()
    (text,) = texts_sent(clock)
    assert told(granted.until) in text
    assert "Until then you work as before." in text
    assert "your next page or sign-in" not in text


# Of several accounts that require it, the earliest deadline counts, for the whole sign-in.

WITH_A_DEADLINE = (
    "requirement_must_act", "reminder_12h", "reminder_1h", "reminder_asked", "provider_off",
)  # fmt: skip
PROMISES = ("you work as before", "If it isn't set up in time", " left", "In 12 hours", "In 1 hour")


def required_by_both(
    northwind: Account, other: Account, *, sooner: timedelta, clock: Clock
) -> tuple[Policy, Policy]:
    """Return the policies of both accounts; the deadline of ``other`` is the sooner one."""
    first = policies.switch_on(account=other, actor=None, now=clock.now)
    clock.forward(seconds=sooner.total_seconds())
    return first, policies.switch_on(account=northwind, actor=None, now=clock.now)


@pytest.mark.parametrize("kind", WITH_A_DEADLINE)
def test_who_is_overdue_elsewhere_is_promised_no_time(
    kind: str, northwind: Account, other: Account, ada: User, clock: Clock
) -> None:
    _, policy = required_by_both(northwind, other, sooner=DAY, clock=clock)
    owe(kind, policy, ada, clock=clock)
    (text,) = texts_sent(clock)
    assert "The time to set it up is over" in text
    assert not [each for each in PROMISES if each in text]


@pytest.mark.parametrize("kind", WITH_A_DEADLINE)
def test_a_deadline_that_comes_sooner_elsewhere_is_the_one_that_is_told(
    kind: str, northwind: Account, other: Account, ada: User, clock: Clock
) -> None:
    first, policy = required_by_both(northwind, other, sooner=31 * MINUTE, clock=clock)
    owed = owe(kind, policy, ada, clock=clock)
    (text,) = texts_sent(clock)
    assert told(first.deadline) in text
    assert told(datetime.fromisoformat(owed.context["deadline"])) not in text
    assert not text.startswith(("12 hours", "1 hour "))
    assert "In 1" not in text


@pytest.mark.parametrize("kind", WITH_A_DEADLINE)
def test_a_deadline_that_comes_later_elsewhere_changes_nothing(
    kind: str, northwind: Account, other: Account, ada: User, clock: Clock
) -> None:
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    policies.switch_on(account=other, actor=None, now=clock.now + 2 * HOUR)
    owed = owe(kind, policy, ada, clock=clock)
    (text,) = texts_sent(clock)
    assert told(datetime.fromisoformat(owed.context["deadline"])) in text
    assert "The time to set it up is over" not in text


def test_a_run_out_pass_leaves_no_time_although_the_deadline_is_ahead(
    policy: Policy, ada: User, clock: Clock
) -> None:
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=policy.starts_at)
    Policy.objects.filter(pk=policy.pk).update(deadline=granted.until + HOUR)
    policy.refresh_from_db()
    clock.set(granted.until)
    passes.settle_pass(user=ada, now=clock.now)
    owe("reminder_1h", policy, ada, clock=clock)
    (text,) = texts_sent(clock)
    assert "The time to set it up is over" in text
    assert not [each for each in PROMISES if each in text]


# The start of a requirement is told once to each, in the text that fits when it is sent.

TOLD_INSTEAD = {
    "nothing": (None, "requirement_ready"),
    "reset": (enrolment.reset, "requirement_must_act"),
    "pass": (passes.grant_pass, "requirement_must_act"),
}


@pytest.mark.parametrize(("happens", "kind"), TOLD_INSTEAD.values(), ids=TOLD_INSTEAD)
def test_who_is_no_longer_ready_is_told_to_act_instead(
    happens: Callable[..., object] | None, kind: str, northwind: Account, ada: User, clock: Clock
) -> None:
    enrol_app(ada, now=clock.now)
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    owe("requirement_ready", policy, ada, clock=clock)
    if happens:
        person = User.objects.get(pk=ada.pk)
        happens(user=person, actor=None, reason="Lost phone", now=clock.now)
    Notice.objects.exclude(kind="requirement_ready").delete()
    (text,) = texts_sent(clock)
    assert ("you are ready" in text) is (kind == "requirement_ready")
    assert Notice.objects.get().kind == kind
    Policy.objects.update(announced_at=None)  # killed before the mark
    notices.announce(now=clock.now)
    assert not Notice.objects.filter(user=ada, state=Notice.State.OWED).exists()


# What the mail promises, the site can keep.


@pytest.mark.parametrize("sends_texts", [True, False])
@pytest.mark.parametrize("kind", [*WITH_A_DEADLINE, "due_at_once"])
def test_text_messages_are_offered_where_some_are_sent(
    kind: str,
    sends_texts: bool,
    policy: Policy,
    ada: User,
    nell: User,
    clock: Clock,
    settings: Settings,
) -> None:
    settings.SMS_COUNTRIES = ["US"] if sends_texts else []
    owe(kind, policy, nell if kind == "due_at_once" else ada, clock=clock)
    (text,) = texts_sent(clock)
    html = html_of(outgoing.outbox[0])
    for part in (text, html):
        assert "authenticator app" in part
        assert ("text message" in part) is sends_texts
