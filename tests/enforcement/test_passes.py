"""The pass: who grants it to whom, how long it is good, and its three ends."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.models import Account, AuditEvent, EndReason, Membership, Notice, Role, User
from enforcement import passes, policies
from enforcement.models import Closing, Pass
from enforcement.passes import NotGrantable
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app, enrol_phone
from twofactor import devices
from twofactor.models import BackupCode, SMSDevice, TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def support(db: None, clock: Clock) -> User:
    return enrolled_person(email="support@gatehouse.example", is_staff=True).user


@pytest.fixture
def lost(northwind: Account, clock: Clock) -> Enrolled:
    """An enrolled member of an account that requires it, who lost everything."""
    found = enrolled_person(name="Lou Lost")
    Membership.objects.create(account=northwind, user=found.user, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    return found


def grant(user: User, *, now: datetime, actor: User | None = None, **more: Any) -> Pass:
    return passes.grant_pass(user=user, actor=actor, now=now, **{"reason": "Lost phone", **more})


def kinds(person: User) -> list[str]:
    owed = Notice.objects.filter(user=person).exclude(kind="set_up_done")
    return list(owed.order_by("pk").values_list("kind", flat=True))


# Granting.


@pytest.mark.proves("S39")
def test_a_pass_ends_a_day_after_it_was_granted(
    lost: Enrolled, support: User, now: datetime
) -> None:
    granted = grant(lost.user, actor=support, now=now, ticket="T-1")
    stored = Pass.objects.get()
    assert stored == granted
    assert (stored.granted_at, stored.until, stored.closed_at) == (now, now + DAY, None)
    assert (stored.granted_by, stored.reason, stored.ticket) == (support, "Lost phone", "T-1")
    assert stored.is_running(now=now + DAY - MS)
    assert not stored.is_running(now=now + DAY)
    lost.user.refresh_from_db()
    assert lost.user.pass_until == now + DAY


def test_its_length_is_a_setting(lost: Enrolled, now: datetime, settings: Settings) -> None:
    settings.TWO_FACTOR_PASS = 3 * HOUR
    assert grant(lost.user, now=now).until == now + 3 * HOUR
    settings.TWO_FACTOR_PASS = DAY
    assert Pass.objects.get().until == now + 3 * HOUR


def test_granting_ends_no_session_and_sets_the_devices_aside(lost: Enrolled, clock: Clock) -> None:
    client = sign_in_with_code(lost)
    stamp = User.objects.get(pk=lost.user.pk).stamp
    grant(lost.user, now=clock.now)
    person = User.objects.get(pk=lost.user.pk)
    assert person.stamp == stamp
    assert is_in(client)
    assert devices.has_device(person)
    assert not devices.can_verify(person)


@pytest.mark.proves("B103")
def test_granting_is_audited_and_told(
    lost: Enrolled, owner: User, support: User, now: datetime
) -> None:
    granted = grant(lost.user, actor=support, now=now)
    row = AuditEvent.objects.filter(event="pass_granted").get()
    assert (row.actor_id, row.subject_id, row.at) == (support.pk, lost.user.pk, now)
    assert row.after == {"until": granted.until.isoformat(), "reason": "Lost phone", "ticket": ""}
    assert kinds(lost.user) == ["pass_granted"]
    assert kinds(owner) == ["pass_granted_owners"]


@pytest.mark.proves("B103")
@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_reason_of_sensible_length_is_needed(reason: str, lost: Enrolled, now: datetime) -> None:
    with pytest.raises(NotGrantable, match="reason"):
        grant(lost.user, now=now, reason=reason)
    assert grant(lost.user, now=now, reason="x" * 300)


def test_a_ticket_that_is_too_long_is_refused(lost: Enrolled, now: datetime) -> None:
    with pytest.raises(NotGrantable, match="ticket"):
        grant(lost.user, now=now, ticket="x" * 61)
    assert grant(lost.user, now=now, ticket="x" * 60)


@pytest.mark.proves("S39")
def test_one_pass_runs_at_a_time(lost: Enrolled, now: datetime) -> None:
    first = grant(lost.user, now=now)
    with pytest.raises(NotGrantable, match="already running"):
        grant(lost.user, now=now + DAY - MS)
    assert Pass.objects.get().until == first.until
    with pytest.raises(IntegrityError), transaction.atomic():
        Pass.objects.create(user=lost.user, granted_at=now, until=now + 2 * DAY, reason="x")


def test_granting_anew_settles_the_one_that_ran_out(lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    second = grant(lost.user, now=now + DAY)
    first = Pass.objects.exclude(pk=second.pk).get()
    assert (first.closed_as, first.closed_at) == (Closing.RAN_OUT, now + DAY)
    assert second.until == now + 2 * DAY
    assert not TOTPDevice.objects.filter(user=lost.user).exists()
    assert User.objects.get(pk=lost.user.pk).pass_until == second.until


def test_a_grant_that_is_refused_settles_nothing(
    lost: Enrolled, support: User, now: datetime
) -> None:
    grant(lost.user, now=now)
    with pytest.raises(NotGrantable):
        grant(lost.user, actor=lost.user, now=now + DAY)
    assert Pass.objects.get().closed_at is None
    assert TOTPDevice.objects.filter(user=lost.user).exists()


def test_who_is_asked_for_nothing_needs_no_pass(now: datetime) -> None:
    with pytest.raises(NotGrantable, match="Nothing asks"):
        grant(make_user(), now=now)


def test_who_is_bound_and_has_no_device_may_get_one(
    northwind: Account, ada: User, now: datetime
) -> None:
    policies.switch_on(account=northwind, actor=None, now=now)
    assert grant(ada, now=now)


def test_who_is_enrolled_and_not_bound_may_get_one(now: datetime, clock: Clock) -> None:
    assert grant(enrolled_person().user, now=now)


def test_a_deactivated_person_gets_none(lost: Enrolled, now: datetime) -> None:
    User.objects.filter(pk=lost.user.pk).update(is_active=False)
    with pytest.raises(NotGrantable, match="deactivated"):
        grant(lost.user, now=now)


# Who helps whom.

ACTORS: dict[str, dict[str, Any]] = {
    "operator": {},
    "superuser": {"is_superuser": True},
    "support": {"is_staff": True},
    "support without a device": {"is_staff": True, "device": False},
    "support who was deactivated": {"is_staff": True, "is_active": False},
    "support on a pass": {"is_staff": True, "pass": True},
    "owner": {"role": Role.OWNER},
    "owner without a device": {"role": Role.OWNER, "device": False},
    "owner of another account": {"elsewhere": True},
    "admin": {"role": Role.ADMIN},
    "member": {"role": Role.MEMBER},
    "stranger": {},
}
BY_DEFAULT = {"operator", "superuser", "support"}
WITH_OWNERS = BY_DEFAULT | {"owner"}


def make_actor(who: str, account: Account, now: datetime) -> User | None:
    if who == "operator":
        return None
    told = ACTORS[who]
    flags = {name: told[name] for name in ("is_staff", "is_superuser", "is_active") if name in told}
    actor = make_user(**flags)
    if told.get("device", True):
        enrol_app(actor, now=now)
    if "role" in told:
        Membership.objects.create(
            account=account, user=actor, role=told["role"], joined_at=account.created_at
        )
    if told.get("elsewhere"):
        policies.switch_on(account=make_account(owner=actor), actor=None, now=now)
    if told.get("pass"):
        grant(actor, now=now)
        actor.refresh_from_db()
    return actor


def may_grant(user: User, actor: User | None, now: datetime) -> bool:
    try:
        with transaction.atomic():
            grant(user, actor=actor, now=now)
            transaction.set_rollback(True)
    except NotGrantable:
        return False
    return True


@pytest.mark.proves("B103")
@pytest.mark.parametrize("who", ACTORS)
def test_who_may_grant_a_pass_to_a_member(
    who: str, lost: Enrolled, northwind: Account, now: datetime, settings: Settings
) -> None:
    actor = make_actor(who, northwind, now)
    assert may_grant(lost.user, actor, now) is (who in BY_DEFAULT)
    settings.TWO_FACTOR_OWNER_PASSES = True
    assert may_grant(lost.user, actor, now) is (who in WITH_OWNERS)


@pytest.mark.proves("B103")
@pytest.mark.parametrize("who", ACTORS)
@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_only_a_superuser_grants_a_pass_to_staff(
    who: str, flag: str, lost: Enrolled, northwind: Account, now: datetime, settings: Settings
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = True
    User.objects.filter(pk=lost.user.pk).update(**{flag: True})
    actor = make_actor(who, northwind, now)
    assert may_grant(lost.user, actor, now) is (who in {"operator", "superuser"})


@pytest.mark.proves("B103")
@pytest.mark.parametrize("who", ["superuser", "support", "owner"])
def test_nobody_grants_a_pass_to_themselves(
    who: str, northwind: Account, now: datetime, settings: Settings
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = True
    actor = make_actor(who, northwind, now)
    assert actor
    with pytest.raises(NotGrantable, match="themselves"):
        grant(actor, actor=actor, now=now)


# Running out.


def test_settling_before_the_end_does_nothing(lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    assert not passes.settle_pass(user=lost.user, now=now + DAY - MS)
    assert TOTPDevice.objects.filter(user=lost.user).exists()


@pytest.mark.proves("B101")
def test_settling_voids_what_was_set_aside_and_ends_sessions(lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    stamp = User.objects.get(pk=lost.user.pk).stamp
    assert passes.settle_pass(user=lost.user, now=now + DAY)
    person = User.objects.get(pk=lost.user.pk)
    assert person.stamp != stamp
    assert (person.pass_until, person.ended_reason) == (None, EndReason.PASS_ENDED)
    assert not devices.has_device(person)
    assert not BackupCode.objects.filter(code_set__user=person).exists()
    assert kinds(person)[-1] == "pass_ended"


def test_settling_twice_is_settling_once(lost: Enrolled, owner: User, now: datetime) -> None:
    grant(lost.user, now=now)
    assert [passes.settle_pass(user=lost.user, now=now + DAY) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert AuditEvent.objects.filter(event="pass_ended").count() == 1
    assert kinds(lost.user).count("pass_ended") == 1
    assert kinds(owner) == ["pass_granted_owners", "pass_ended_owners"]


# Revoking.


@pytest.mark.proves("S42")
def test_revoking_early_brings_the_old_device_back_and_ends_sessions(
    lost: Enrolled, clock: Clock
) -> None:
    grant(lost.user, now=clock.now)
    client = sign_in(lost.user)
    assert is_in(client)
    clock.forward(hours=1)
    passes.revoke_pass(user=lost.user, actor=None, now=clock.now)
    assert not is_in(client)
    person = User.objects.get(pk=lost.user.pk)
    assert (person.pass_until, person.ended_reason) == (None, EndReason.PASS_REVOKED)
    assert devices.can_verify(person)
    sign_in_with_code(lost)


def test_revoking_a_millisecond_before_the_end_is_revoking(lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    passes.revoke_pass(user=lost.user, actor=None, now=now + DAY - MS)
    assert Pass.objects.get().closed_as == Closing.REVOKED
    assert TOTPDevice.objects.filter(user=lost.user).exists()


@pytest.mark.parametrize("later", [0 * HOUR, HOUR])
def test_revoking_at_the_end_or_after_settles(later: Any, lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    passes.revoke_pass(user=lost.user, actor=None, now=now + DAY + later)
    assert Pass.objects.get().closed_as == Closing.RAN_OUT
    assert not TOTPDevice.objects.filter(user=lost.user).exists()
    assert not AuditEvent.objects.filter(event="pass_revoked").exists()


def test_what_is_over_can_t_be_revoked(lost: Enrolled, now: datetime) -> None:
    with pytest.raises(NotGrantable, match="no pass"):
        passes.revoke_pass(user=lost.user, actor=None, now=now)
    grant(lost.user, now=now)
    passes.revoke_pass(user=lost.user, actor=None, now=now)
    with pytest.raises(NotGrantable, match="no pass"):
        passes.revoke_pass(user=lost.user, actor=None, now=now)


@pytest.mark.parametrize("who", ["the person", *ACTORS])
def test_who_may_revoke(who: str, lost: Enrolled, northwind: Account, now: datetime) -> None:
    actor = lost.user if who == "the person" else make_actor(who, northwind, now)
    grant(lost.user, now=now)
    may = actor is None or passes.may_revoke(actor, lost.user)
    allowed = {"operator", "the person", "owner", "owner without a device"}
    allowed |= {name for name, told in ACTORS.items() if "is_staff" in told}
    allowed |= {"superuser"}
    assert may is (who in allowed - {"support who was deactivated"})
    if not may:
        with pytest.raises(NotGrantable):
            passes.revoke_pass(user=lost.user, actor=actor, now=now)


# Set-up during a pass.


@pytest.mark.proves("B101")
def test_set_up_during_a_pass_ends_it_and_replaces_all(lost: Enrolled, now: datetime) -> None:
    enrol_phone(lost.user, now=now)
    grant(lost.user, now=now)
    anew = enrol_app(User.objects.get(pk=lost.user.pk), now=now + HOUR)
    closed = Pass.objects.get()
    assert (closed.closed_as, closed.closed_by) == (Closing.SET_UP, lost.user)
    assert anew.app
    assert TOTPDevice.objects.filter(user=lost.user).get() == anew.app
    assert not SMSDevice.objects.filter(user=lost.user).exists()
    person = User.objects.get(pk=lost.user.pk)
    assert person.pass_until is None
    assert devices.can_verify(person)


def test_a_pass_ended_by_set_up_takes_nothing_away_later(lost: Enrolled, now: datetime) -> None:
    grant(lost.user, now=now)
    enrol_app(User.objects.get(pk=lost.user.pk), now=now + HOUR)
    assert not passes.settle_pass(user=lost.user, now=now + DAY)
    assert devices.has_device(lost.user)
