"""A browser of each role, and the person behind it (None where nobody is)."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from accounts.models import Account, Membership, Role, User
from enforcement import passes
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

Who = tuple[Client, User | None]


def member_of(northwind: Account, role: Role) -> Who:
    person = make_user()
    Membership.objects.create(
        account=northwind, user=person, role=role, joined_at=northwind.created_at
    )
    return sign_in(person), person


def other_owner(northwind: Account, clock: Clock) -> Who:
    person = make_user("foreign@solo.example")
    make_account("solo", owner=person)
    return sign_in(person), person


def half_way(northwind: Account, clock: Clock) -> Who:
    person = enrolled_person(is_staff=True).user
    return sign_in(person), person


def without_factor(northwind: Account, clock: Clock) -> Who:
    person = make_user(is_staff=True)
    return sign_in(person), person


def stale_factor(northwind: Account, clock: Clock) -> Who:
    enrolled = enrolled_person(is_staff=True)
    client = sign_in_with_code(enrolled)
    clock.forward(minutes=10)
    return client, enrolled.user


def by_backup_code(northwind: Account, clock: Clock) -> Who:
    enrolled = enrolled_person(is_staff=True)
    client = sign_in(enrolled.user)
    client.post("/login/recovery/", {"code": enrolled.codes[0]})
    assert is_in(client)
    return client, enrolled.user


def on_a_pass(northwind: Account, clock: Clock) -> Who:
    person = enrolled_person(is_staff=True).user
    passes.grant_pass(user=person, actor=None, reason="lost", now=clock.now)
    client = sign_in(person)
    assert is_in(client)
    return client, person


def verified(**flags: Any) -> Callable[[Account, Clock], Who]:
    def enter(northwind: Account, clock: Clock) -> Who:
        enrolled = enrolled_person(is_staff=True, **flags)
        return sign_in_with_code(enrolled), enrolled.user

    return enter


ROLES: dict[str, Callable[[Account, Clock], Who]] = {
    "anonymous": lambda northwind, clock: (browser(), None),
    "half-way in": half_way,
    "member": lambda northwind, clock: member_of(northwind, Role.MEMBER),
    "account admin": lambda northwind, clock: member_of(northwind, Role.ADMIN),
    "owner": lambda northwind, clock: member_of(northwind, Role.OWNER),
    "owner of another account": other_owner,
    "support without a factor": without_factor,
    "support with a stale factor": stale_factor,
    "support by backup code": by_backup_code,
    "support on a pass": on_a_pass,
    "support": verified(),
    "superuser": verified(is_superuser=True),
}
