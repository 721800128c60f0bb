"""Many at once, on PostgreSQL: each change happens once, and whoever comes second is told."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import cycle
from threading import Barrier
from threading import Event as Flag
from time import sleep
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import audit, delivery, invitations
from accounts.audit import Event
from accounts.memberships import LastOwner
from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from enforcement import approvals, joining, leaving, notices, passes, policies, support, tasks
from enforcement.models import Pass, Policy
from tests.factories import make_account, make_user
from tests.integration.people import BACKUP_CODE, code_of, come_to_set_up, is_in, sign_in
from tests.integration.threads import PATIENCE, at_once, raised
from tests.twofactor.people import enrol_app, make_enrolled
from twofactor.models import BackupCodeSet, TOTPDevice

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
MANY = 20
WAITING = (
    "select count(*) from pg_stat_activity"
    " where wait_event_type = 'Lock' and datname = current_database()"
)


def count_of(event: Event) -> int:
    return AuditEvent.objects.filter(event=event).count()


TEXTS = ("requirement_must_act", "requirement_ready", "requirement_exempt")


def test_runs_that_see_different_outcomes_tell_each_person_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each run looks while the person is just setting up, and owes only when all have looked."""
    runs = 6
    looked, outcomes = Barrier(runs), cycle(notices.MAIL_OF)

    def seen(*args: object, **how: object) -> notices.Outcome:
        looked.wait(PATIENCE)
        return next(outcomes)

    monkeypatch.setattr(notices, "outcome_of", seen)
    for _ in range(5):
        account = make_account(owner=make_user())
        policy = policies.switch_on(account=account, actor=None, now=timezone.now())
        assert not raised(at_once([partial(notices.announce, now=timezone.now())] * runs))
        told = Notice.objects.filter(kind__in=TEXTS, occasion=f"policy:{policy.pk}")
        assert told.count() == 1


@pytest.mark.proves("S37")
def test_two_owners_who_switch_on_at_once_begin_one_period() -> None:
    owners = [make_user(), make_user()]
    account = make_account(owner=owners[0], members=tuple(make_user() for _ in range(6)))
    Membership.objects.create(account=account, user=owners[1], role=Role.OWNER)
    calls = [
        partial(policies.switch_on, account=account, actor=owners[i % 2], now=timezone.now())
        for i in range(MANY)
    ]
    results = at_once(calls)
    assert not raised(results)
    assert len({policy.pk for policy in results if isinstance(policy, Policy)}) == 1
    assert Policy.objects.count() == count_of(Event.POLICY_ON) == 1
    assert audit.first_bad_row() is None


@pytest.mark.proves("S62", "B32")
def test_jobs_that_run_in_parallel_mail_each_person_once() -> None:
    owner, members = make_user(), tuple(make_user() for _ in range(8))
    account = make_account(owner=owner, members=members)
    policies.switch_on(account=account, actor=owner, now=timezone.now())
    assert not raised(at_once([partial(tasks.carry_out, now=timezone.now())] * 4))
    sending = at_once([partial(delivery.send_due, now=timezone.now(), limit=3)] * 8)
    while delivery.send_due(now=timezone.now()):
        continue
    assert not raised(sending)
    subjects_of = Counter((sent.to[0], sent.subject) for sent in outbox.outbox)
    assert set(subjects_of.values()) == {1}
    assert len(subjects_of) == len(members) + 2  # the owner is a member, and is told as owner
    assert set(Notice.objects.values_list("state", flat=True)) == {Notice.State.SENT}


def test_parallel_switching_on_and_off_leaves_one_open_period_at_most() -> None:
    owner = make_user()
    account = make_account(owner=owner)
    switches = (policies.switch_on, policies.switch_off)
    calls = [
        partial(switches[i % 2], account=account, actor=owner, now=timezone.now())
        for i in range(MANY)
    ]
    assert not raised(at_once(calls))
    assert Policy.objects.filter(ended_at=None).count() <= 1
    begun, ended = count_of(Event.POLICY_ON), count_of(Event.POLICY_OFF)
    assert begun == Policy.objects.count()
    assert begun - ended == Policy.objects.filter(ended_at=None).count()
    assert audit.first_bad_row() is None


@pytest.mark.proves("S42")
def test_a_pass_granted_fifty_times_at_once_is_one_pass() -> None:
    now = timezone.now()
    support = make_enrolled(make_user(is_staff=True), now=now).user
    member = enrol_app(now=now).user
    grant = partial(passes.grant_pass, user=member, actor=support, reason="Lost", now=now)
    results = at_once([grant] * 50)
    assert raised(results) == [passes.AlreadyGranted] * 49
    assert Pass.objects.count() == count_of(Event.PASS_GRANTED) == 1
    assert Notice.objects.filter(kind="pass_granted").count() == 1


@pytest.mark.proves("S40")
def test_a_pass_approved_by_many_at_once_is_one_pass(settings: Settings) -> None:
    settings.TWO_FACTOR_PASS_APPROVAL = True
    now = timezone.now()
    staff = [make_enrolled(make_user(is_staff=True), now=now).user for _ in range(5)]
    owner = make_user()
    policies.switch_on(account=make_account(owner=owner), actor=owner, now=now)
    asked = approvals.grant_or_ask(user=owner, actor=staff[0], reason="Lost", ticket="", now=now)
    calls = [
        partial(approvals.approve, user=owner, number=asked.pk, actor=staff[1 + i % 4], now=now)
        for i in range(MANY)
    ]
    results = at_once(calls)
    assert raised(results) == [support.NotAllowed] * (MANY - 1)
    assert Pass.objects.count() == count_of(Event.PASS_GRANTED) == 1
    assert count_of(Event.APPROVAL_GIVEN) == 1


@pytest.mark.proves("S40")
def test_approved_and_declined_at_once_is_one_of_both(settings: Settings) -> None:
    settings.TWO_FACTOR_PASS_APPROVAL = True
    now = timezone.now()
    staff = [make_enrolled(make_user(is_staff=True), now=now).user for _ in range(3)]
    owner = make_user()
    policies.switch_on(account=make_account(owner=owner), actor=owner, now=now)
    asked = approvals.grant_or_ask(user=owner, actor=staff[0], reason="Lost", ticket="", now=now)
    told: dict[str, Any] = {"user": owner, "number": asked.pk, "now": now}
    results = at_once(
        [
            partial(approvals.approve, actor=staff[1], **told),
            partial(approvals.decline, actor=staff[2], reason="no", **told),
        ]
    )
    assert raised(results) == [support.NotAllowed]
    assert Pass.objects.count() == count_of(Event.APPROVAL_GIVEN)
    assert count_of(Event.APPROVAL_GIVEN) + count_of(Event.APPROVAL_DECLINED) == 1


def test_a_pass_that_runs_out_is_settled_once() -> None:
    now = timezone.now()
    member = enrol_app(now=now).user
    granted = passes.grant_pass(user=member, actor=None, reason="Lost", now=now)
    settle = partial(passes.settle_pass, user=member, now=granted.until)
    results = at_once([settle] * MANY)
    assert sorted(map(str, results)) == ["False"] * (MANY - 1) + ["True"]
    assert count_of(Event.PASS_ENDED) == 1
    assert Notice.objects.filter(kind="pass_ended").count() == 1


@pytest.mark.proves("S45")
def test_an_invitation_accepted_many_times_at_once_makes_one_member() -> None:
    owner, invited, now = make_user(), make_user(), timezone.now()
    account = make_account(owner=owner)
    invitation = invitations.invite(
        account=account, email=invited.email, role=Role.ADMIN, actor=owner, now=now
    )
    accept = partial(joining.accept, invitation=invitation, user=invited, now=now)
    results = at_once([accept] * MANY)
    assert raised(results) == [joining.NotJoinable] * (MANY - 1)
    assert Membership.objects.get(account=account, user=invited).role == Role.ADMIN
    assert count_of(Event.JOINED) == 1


def switch_slowly(account: Account, owner: User, *, switching: Flag) -> Policy:
    """Hold the account from the switch on until somebody waits for it, and commit then."""
    with transaction.atomic():
        policy = policies.switch_on(account=account, actor=owner, now=timezone.now())
        switching.set()
        wait_for_one_who_waits()
    return policy


def wait_for_one_who_waits() -> None:
    with connection.cursor() as cursor:
        for _ in range(PATIENCE * 20):
            cursor.execute(WAITING)
            if cursor.fetchone() != (0,):
                return
            sleep(0.05)
    raise AssertionError("Nobody waited for the switch.")


def while_switching(account: Account, owner: User, join: Callable[..., object]) -> list[Any]:
    switching = Flag()

    def joins() -> object:
        switching.wait(PATIENCE)
        return join(now=timezone.now())

    return at_once([partial(switch_slowly, account, owner, switching=switching), joins])


def test_who_accepts_while_the_owner_switches_on_sets_up_first() -> None:
    owner, invited = make_user(), make_user()
    account = make_account(owner=owner)
    invitation = invitations.invite(
        account=account, email=invited.email, role=Role.MEMBER, actor=owner, now=timezone.now()
    )
    accept = partial(joining.accept, invitation=invitation, user=invited)
    assert raised(while_switching(account, owner, accept)) == [joining.SetUpFirst]
    assert not Membership.objects.filter(user=invited).exists()


def test_who_is_added_while_the_owner_switches_on_is_mailed_that_it_is_due() -> None:
    owner, added = make_user(), make_user()
    account = make_account(owner=owner)
    add = partial(joining.add_by_hand, user=added, account=account, role=Role.MEMBER, actor=None)
    assert not raised(while_switching(account, owner, add))
    assert Notice.objects.filter(kind="due_at_once", user=added).count() == 1


def test_of_two_owners_who_leave_at_once_one_stays() -> None:
    owners = [make_user(), make_user()]
    account = make_account(owner=owners[0])
    Membership.objects.create(account=account, user=owners[1], role=Role.OWNER)
    memberships = list(Membership.objects.filter(account=account))
    calls = [partial(leaving.leave, membership=each, now=timezone.now()) for each in memberships]
    assert raised(at_once(calls)) == [LastOwner]
    assert Membership.objects.owners().filter(account=account).count() == 1


def test_parallel_writers_leave_the_audit_chain_whole() -> None:
    people = [make_user() for _ in range(MANY)]
    calls = [
        partial(audit.record, Event.SIGNED_IN, subject=person, now=timezone.now())
        for person in people
        for _ in range(2)
    ]
    assert not raised(at_once(calls))
    assert AuditEvent.objects.count() == 2 * MANY
    assert audit.first_bad_row() is None


def overdue_member() -> User:
    owner, member = make_user(), make_user()
    account = make_account(owner=owner, members=(member,))
    policy = policies.switch_on(account=account, actor=owner, now=timezone.now())
    Policy.objects.filter(pk=policy.pk).update(
        starts_at=policy.starts_at - 2 * (policy.deadline - policy.starts_at),
        deadline=policy.starts_at,
    )
    Membership.objects.update(joined_at=F("joined_at") - timedelta(days=30))
    return member


def confirm(client: Client, secret: str) -> HttpResponse:
    return client.post("/two-factor/setup/app/", {"code": code_of(secret)})  # type: ignore[return-value]


@pytest.mark.proves("B60")
def test_of_two_browsers_that_set_up_at_once_one_gets_in() -> None:
    member = overdue_member()
    browsers = [Client(), Client()]
    secrets = [come_to_set_up(browser, member) for browser in browsers]
    assert secrets[0] != secrets[1]
    results = at_once([partial(confirm, *each) for each in zip(browsers, secrets, strict=True)])
    answers = [answer for answer in results if isinstance(answer, HttpResponse)]
    assert len(answers) == 2, results
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    assert TOTPDevice.objects.filter(user=member).count() == 1
    assert BackupCodeSet.objects.filter(user=member).count() == 1
    assert count_of(Event.DEVICE_CONFIRMED) == 1
    for browser, answer in zip(browsers, answers, strict=True):
        won = answer.status_code == 200
        assert len(BACKUP_CODE.findall(answer.content.decode())) == (10 if won else 0)
        assert is_in(browser) is won
        if not won:
            assert answer["Location"] == "/login/"
            assert "another browser" in browser.get("/login/").content.decode()


@pytest.mark.proves("S23", "B53")
def test_a_code_typed_in_twenty_browsers_at_once_lets_one_in() -> None:
    enrolled = enrol_app(now=timezone.now())
    browsers = [Client() for _ in range(MANY)]
    for browser in browsers:
        assert sign_in(browser, enrolled.user) == "/login/verify/"
    code = {"code": enrolled.codes[0]}
    at_once([partial(browser.post, "/login/recovery/", code) for browser in browsers])
    assert sum(is_in(browser) for browser in browsers) == 1
    accepted = AuditEvent.objects.filter(event=Event.CODE_ACCEPTED, after={"kind": "backup"})
    assert accepted.count() == 1
