"""Who has no business in the admin reads no page of it, whichever; who has reads the own ones."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Membership, Role, User
from enforcement import passes
from tests.enforcement.desk import person_page
from tests.enforcement.kit import (
    BACKGROUND,
    browser,
    enrolled_person,
    sign_in,
    sign_in_with_code,
)
from tests.factories import make_user
from tests.journeys.clock import Clock
from tests.odd.world import undone
from tests.security.admin_routes import Kind, Spot, samples
from tests.security.two_accounts import WORDS, World, make_world
from twofactor import enrolment

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S52", "S53")]


@pytest.fixture
def world(clock: Clock) -> World:
    return make_world(clock)


def anonymous(world: World) -> Client:
    return browser()


def owner_half_way_in(world: World) -> Client:
    person = enrolled_person()
    Membership.objects.create(account=world.alpha.account, user=person.user, role=Role.OWNER)
    return sign_in(person.user)


def owner_who_must_set_up(world: World) -> Client:
    person = make_user()
    Membership.objects.create(account=world.alpha.account, user=person, role=Role.OWNER)
    world.clock.forward(hours=24)
    return sign_in(person)


def support_with_the_password_alone(world: World) -> Client:
    return sign_in(world.support.user)


def support_with_an_unconfirmed_device(world: World) -> Client:
    person = make_user(is_staff=True)
    enrolment.begin_app(person, attempt="setup", now=world.clock.now)
    return sign_in(person)


def owner_in_support_with_an_unconfirmed_device(world: World) -> Client:
    person = make_user(is_staff=True)
    Membership.objects.create(account=world.alpha.account, user=person, role=Role.OWNER)
    enrolment.begin_app(person, attempt="setup", now=world.clock.now)
    return sign_in(person)


def on_a_pass(person: User, world: World) -> Client:
    root, person = world.root.user, User.objects.get(pk=person.pk)
    passes.grant_pass(user=person, actor=root, reason="lost", now=world.clock.now)
    client = sign_in(person)
    assert client.get("/settings/").status_code == 200
    return client


def support_on_a_pass(world: World) -> Client:
    return on_a_pass(world.support.user, world)


def superuser_on_a_pass_who_owns_an_account(world: World) -> Client:
    person = enrolled_person(is_superuser=True).user
    Membership.objects.create(account=world.alpha.account, user=person, role=Role.OWNER)
    return on_a_pass(person, world)


def member(world: World) -> Client:
    return sign_in_with_code(world.shared)


def account_admin(world: World) -> Client:
    """One whose own address, which the page of a refusal shows, has none of the words."""
    person, joined_at = make_user(), world.alpha.account.created_at
    Membership.objects.create(
        account=world.alpha.account, user=person, role=Role.ADMIN, joined_at=joined_at
    )
    return sign_in(person)


def support_no_longer(world: World) -> Client:
    client = sign_in_with_code(world.support)
    User.objects.filter(pk=world.support.user.pk).update(is_staff=False)
    return client


LOGIN, CODE, SET_UP = "/login/?next=", "/login/verify/", "/two-factor/setup/"
OUTSIDERS: dict[Callable[[World], Client], str] = {  # where they are sent; no: nowhere
    anonymous: LOGIN,
    owner_half_way_in: CODE,
    owner_who_must_set_up: SET_UP,
    support_with_the_password_alone: CODE,
    support_with_an_unconfirmed_device: SET_UP,
    owner_in_support_with_an_unconfirmed_device: SET_UP,
    support_on_a_pass: "",
    superuser_on_a_pass_who_owns_an_account: "",
    member: "",
    account_admin: "",
    support_no_longer: "",
}


def test_who_has_no_business_in_the_admin_reads_no_page(world: World) -> None:
    """Each visitor tries each path in each way."""
    began = world.clock.now
    for opening in OUTSIDERS:
        with transaction.atomic():
            client = opening(world)
            for spot in samples(world.alpha):
                if spot.kind is not Kind.LEAVING:
                    for way in WAYS:
                        check_refused(client, spot, opening, way)
            transaction.set_rollback(True)
        world.clock.set(began)


WAYS = ("page", "post", "put", "background")


def check_refused(client: Client, spot: Spot, opening: Callable[[World], Client], way: str) -> None:
    place, sent_to = (opening.__name__, way, spot), OUTSIDERS[opening]
    with undone(client):
        if way == "background":
            answer: Any = client.get(spot.path, headers=BACKGROUND)
        else:
            answer = client.generic("GET" if way == "page" else way.upper(), spot.path)
    refusal = 401 if way == "background" else 302
    assert answer.status_code == (refusal if sent_to else 403), place
    if answer.status_code == 302:
        target = sent_to if way == "page" else sent_to.partition("?")[0]
        assert answer["Location"].startswith(target), place
    assert not any(word in answer.content.decode() for word in WORDS), place


# What those who may come in are answered, by GET and by an empty POST.
INSIDERS: dict[str, dict[Kind, tuple[set[int], set[int]]]] = {
    "owner": {
        Kind.SITE: ({200, 302}, {200, 302, 405}),
        Kind.LIST: ({200}, {200}),
        Kind.FILE: ({405}, {200}),
        Kind.ROW: ({200, 302}, {200, 302, 403, 405}),
        Kind.BUTTON: ({405}, {200, 302}),
        Kind.DESK: ({404}, {404}),
        Kind.DESKS_ROW: ({404}, {404}),
        Kind.OWNERS_DESK: ({200}, {302, 409}),
        Kind.ROOT: ({403, 404}, {403, 404}),
        Kind.SHUT: ({404}, {404}),
    },
}
INSIDERS["support"] = INSIDERS["owner"] | {
    Kind.DESK: ({200}, {200, 302, 409}),
    Kind.DESKS_ROW: ({200}, {405}),
}
INSIDERS["superuser"] = INSIDERS["support"] | {Kind.ROOT: ({200}, {200, 302, 409})}


METHODS = ("get", "post")


@pytest.mark.parametrize("who", INSIDERS)
def test_who_has_business_in_the_admin_reads_the_own_pages(who: str, world: World) -> None:
    clients = {"support": world.support, "superuser": world.root}
    client = sign_in(world.alpha.owner) if who == "owner" else sign_in_with_code(clients[who])
    for spot in samples(world.alpha):
        if spot.kind is not Kind.LEAVING:
            for method, expected in zip(METHODS, INSIDERS[who][spot.kind], strict=True):
                with undone(client):
                    answer = getattr(client, method)(spot.path)
                assert answer.status_code in expected, (method, spot, answer.status_code)


@pytest.mark.parametrize("who", ["member", "owner"])
def test_a_try_that_is_refused_is_logged_with_who_and_what(
    who: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    person = world.shared.user if who == "member" else world.alpha.owner
    client = sign_in_with_code(world.shared) if who == "member" else sign_in(person)
    path = person_page(world.beta.owner)
    status = 403 if who == "member" else 404
    for method in ("GET", "POST"):
        caplog.clear()
        assert getattr(client, method.lower())(path).status_code == status
        lines = [one.getMessage() for one in caplog.records if one.name == "gatehouse.admin"]
        assert lines == [f"refused person {person.pk} at 127.0.0.1: {method} '{path}' ({status})"]
    caplog.clear()
    assert client.get("/settings/").status_code == 200
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
