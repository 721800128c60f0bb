"""A change and its row of the audit are one: neither is there without the other."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.db import connection, transaction

from accounts import invitations, memberships, passwords, people, seals
from accounts.models import Account, AuditEvent, AuditSeal, Invitation, Membership, Plan, Role, User
from enforcement import account_changes, joining, leaving, passes, policies, support
from tests.enforcement.kit import HOUR
from tests.factories import make_account, make_user
from tests.twofactor.people import make_enrolled
from twofactor import enrolment

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.proves("S60")]


class World:
    """An account with all that the changes need; each change is one call."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.owner, self.member, self.guest = make_user(), make_user(), make_user()
        self.enrolled = make_enrolled(make_user(), now=now - 2 * HOUR).user
        self.root = make_enrolled(make_user(is_staff=True, is_superuser=True), now=now - HOUR).user
        self.account = make_account(owner=self.owner, members=(self.member, self.enrolled))
        self.membership = Membership.objects.get(account=self.account, user=self.member)
        self.invitation = self.invite(self.guest.email)

    def invite(self, email: str) -> Invitation:
        return invitations.invite(
            account=self.account, email=email, role=Role.MEMBER, actor=self.owner, now=self.now
        )

    def on(self) -> None:
        policies.switch_on(account=self.account, actor=self.owner, now=self.now)

    def grant(self) -> None:
        passes.grant_pass(user=self.enrolled, actor=self.root, reason="Lost", now=self.now)

    def change_plan(self) -> None:
        account = Account.objects.get(pk=self.account.pk)
        account.name, account.plan = "Renamed", Plan.TEAM
        account_changes.change(account=account, actor=self.root, now=self.now)


def nothing(world: World) -> None:
    """No preparation."""


Case = tuple[Callable[[World], Any], Callable[[World], Any], str]
CASES: dict[str, Case] = {
    "switched on": (nothing, World.on, "policy_on"),
    "switched off": (
        World.on,
        lambda w: policies.switch_off(account=w.account, actor=w.owner, now=w.now),
        "policy_off",
    ),
    "pass asked": (
        nothing,
        lambda w: passes.ask_for_pass(user=w.enrolled, message="Lost", now=w.now),
        "pass_asked",
    ),
    "pass granted": (nothing, World.grant, "pass_granted"),
    "pass revoked": (
        World.grant,
        lambda w: passes.revoke_pass(user=w.enrolled, actor=w.root, now=w.now),
        "pass_revoked",
    ),
    "reset": (
        nothing,
        lambda w: support.reset(user=w.enrolled, actor=w.root, reason="Lost", now=w.now),
        "two_factor_reset",
    ),
    "new codes": (
        nothing,
        lambda w: enrolment.new_codes(w.enrolled, stamp_read=stamp_of(w.enrolled), now=w.now),
        "backup_codes_made",
    ),
    "invited": (
        nothing,
        lambda w: w.invite("x@y.example"),
        "invited",
    ),
    "invitation revoked": (
        nothing,
        lambda w: invitations.revoke(invitation=w.invitation, actor=w.owner, now=w.now),
        "invitation_revoked",
    ),
    "joined": (
        nothing,
        lambda w: joining.accept(invitation=w.invitation, user=w.guest, now=w.now),
        "joined",
    ),
    "added by hand": (
        World.on,
        lambda w: joining.add_by_hand(
            user=w.guest, account=w.account, role=Role.MEMBER, actor=w.owner, now=w.now
        ),
        "joined",
    ),
    "left": (nothing, lambda w: leaving.leave(membership=w.membership, now=w.now), "left"),
    "removed": (
        nothing,
        lambda w: leaving.remove(membership=w.membership, actor=w.owner, now=w.now),
        "member_removed",
    ),
    "role": (
        nothing,
        lambda w: memberships.change_role(
            membership=w.membership, role=Role.ADMIN, actor=w.owner, now=w.now
        ),
        "role_changed",
    ),
    "account": (nothing, World.change_plan, "account_changed"),
    "person added": (
        nothing,
        lambda w: people.create(email="x@y.example", actor=w.root, now=w.now),
        "person_added",
    ),
    "person deleted": (
        nothing,
        lambda w: people.delete(user=w.member, now=w.now),
        "person_deleted",
    ),
    "deactivated": (
        nothing,
        lambda w: people.deactivate(user=w.member, actor=w.root, now=w.now),
        "person_deactivated",
    ),
    "reactivated": (
        lambda w: people.deactivate(user=w.member, actor=w.root, now=w.now),
        lambda w: people.reactivate(user=w.member, actor=w.root, now=w.now),
        "person_reactivated",
    ),
    "staff": (
        nothing,
        lambda w: people.set_staff(
            user=w.member, is_staff=True, is_superuser=False, actor=w.root, now=w.now
        ),
        "staff_changed",
    ),
    "password": (
        nothing,
        lambda w: passwords.change_password(user=w.member, password="another long one", now=w.now),
        "password_changed",
    ),
    "password reset": (
        nothing,
        lambda w: passwords.reset_password(
            user=User.objects.get(pk=w.member.pk), password="another long one", now=w.now
        ),
        "password_reset",
    ),
}


def stamp_of(user: User) -> str:
    return User.objects.get(pk=user.pk).stamp


def everything() -> dict[str, list[str]]:
    """Return every row of every table."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')  # noqa: S608
            found[model._meta.label] = sorted(map(str, cursor.fetchall()))
    return found


@pytest.mark.parametrize(("prepare", "change", "event"), CASES.values(), ids=CASES)
def test_a_change_and_its_row_are_both_there_or_neither(
    prepare: Callable[[World], Any], change: Callable[[World], Any], event: str, now: datetime
) -> None:
    """Neither where the row can't be written, nor where the change is rolled back."""
    world = World(now)
    prepare(world)
    before = everything()
    with transaction.atomic():
        is_refused_without_its_row(change, world)
        assert everything() == before
        transaction.set_rollback(True)
    with transaction.atomic():
        change(deepcopy(world))
        transaction.set_rollback(True)
    assert everything() == before
    # The same change with an audit that works: there, with one row of its kind.
    rows = AuditEvent.objects.filter(event=event)
    count = rows.count()
    change(world)
    assert everything() != before
    assert rows.count() == count + 1
    seals.seal_all()
    assert AuditSeal.objects.count() == AuditEvent.objects.count()


def is_refused_without_its_row(change: Callable[[World], Any], world: World) -> None:
    with (
        mock.patch.object(seals, "prove", side_effect=RuntimeError("The audit is full.")),
        pytest.raises(RuntimeError, match="full"),
    ):
        change(deepcopy(world))
