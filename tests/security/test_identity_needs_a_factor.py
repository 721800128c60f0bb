"""Address and password, tried to be changed by who has not given all that there is to give."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Notice, User
from enforcement import policies
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in, sign_in_with_code
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.proves("B105", "S44")]

VICTIM, NEW = "ada@northwind.example", "another long password"
CHANGES = {
    "/settings/email/": {"email": "thief@bad.example", "scope": "all"},
    "/settings/password/": {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
}
Who = Callable[[Clock], Client]


def overdue(clock: Clock) -> Client:
    person = make_user(VICTIM)
    client = sign_in(person)
    policies.switch_on(account=make_account(members=(person,)), actor=None, now=clock.now)
    clock.forward(days=1)
    return client


def overdue_half_way(clock: Clock) -> Client:
    overdue(clock)
    return sign_in(User.objects.get(email=VICTIM))


def half_way(clock: Clock) -> Client:
    return sign_in(enrolled_person(email=VICTIM).user)


def enrolled_with_the_password_alone(clock: Clock) -> Client:
    """A session left open, by whoever knows the password and has no device."""
    client = sign_in_with_code(enrolled_person(email=VICTIM))
    clock.forward(minutes=10)
    client.post("/reauthenticate/", {"password": PASSWORD})
    client.post("/reauthenticate/", {"password": PASSWORD, "code": "1"})
    return client


def of_another_browser(clock: Clock) -> Client:
    enrolled_person(email=VICTIM)
    return browser()


WHO = (overdue, overdue_half_way, half_way, enrolled_with_the_password_alone, of_another_browser)


@pytest.mark.parametrize("who", WHO, ids=lambda who: who.__name__)
@pytest.mark.parametrize("path", CHANGES)
def test_nobody_changes_it_who_has_not_given_all(path: str, who: Who, clock: Clock) -> None:
    client = who(clock)
    answer = client.post(path, CHANGES[path])
    assert answer.status_code == 302
    assert answer["Location"] not in CHANGES
    found = User.objects.get(email=VICTIM)
    assert found.check_password(PASSWORD)
    assert not Notice.objects.filter(kind__in=("address_confirm", "password_changed")).exists()


@pytest.mark.parametrize("path", CHANGES)
def test_who_has_given_all_changes_it(path: str, clock: Clock) -> None:
    client = sign_in_with_code(enrolled_person(email=VICTIM))
    assert client.post(path, CHANGES[path])["Location"] == path
    kind = {"/settings/email/": "address_confirm", "/settings/password/": "password_changed"}[path]
    told = {"address_confirm": "thief@bad.example", "password_changed": VICTIM}[kind]
    assert Notice.objects.get(kind=kind).recipient == told
    assert is_in(client)
