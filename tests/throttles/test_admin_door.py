"""Guessing at the admin's own address: it takes nothing; our sign-in behind it has its limits."""

from typing import Any

import pytest

from accounts.models import AddressFailure, User
from tests.enforcement.kit import enrolled_person
from tests.factories import PASSWORD, make_user
from tests.journeys.clock import Clock
from tests.throttles.kit import HOME, VERIFY, at, is_in
from tests.twofactor.people import Enrolled
from twofactor.models import CodeFailure

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S52", "S07", "S08")]
ADMIN = "/admin/login/?next=/admin/"


@pytest.fixture
def staff(clock: Clock) -> Enrolled:
    return enrolled_person(email="staff@gatehouse.example", is_staff=True)


def test_the_admins_own_address_evaluates_no_password(staff: Enrolled) -> None:
    client = at(HOME)
    for password in ("wrong", PASSWORD):
        for names in ("username", "email"):
            answer = client.post(ADMIN, {names: staff.user.email, "password": password})
            assert (answer.status_code, answer["Location"]) == (302, "/login/?next=%2F")
    assert not client.session.keys()
    assert not AddressFailure.objects.exists()


def test_guesses_of_passwords_end_where_the_admin_leads(staff: Enrolled) -> None:
    """After ten from one address even the right password is not looked at."""
    others = [make_user(is_staff=True) for _ in range(10)]
    client = at(HOME)
    form = client.get(ADMIN)["Location"]
    answers = [guess(form, person, "wrong").status_code for person in others]
    assert answers == [200] * 10
    assert guess(form, staff.user, PASSWORD).status_code == 429


def guess(form: str, person: User, password: str) -> Any:
    return at(HOME).post(form, {"email": person.email, "password": password, "next": "/admin/"})


def test_guesses_of_codes_end_where_the_admin_leads(staff: Enrolled, clock: Clock) -> None:
    """After five even the right code is not looked at."""
    client = at(HOME)
    form = client.get(ADMIN)["Location"]
    fields = {"email": staff.user.email, "password": PASSWORD, "next": "/admin/"}
    assert client.post(form, fields)["Location"] == VERIFY
    answers = [client.post(VERIFY, {"code": "000000"}).status_code for _ in range(5)]
    assert answers == [200] * 5
    assert client.post(VERIFY, {"code": staff.code_at(clock.now)}).status_code == 429
    assert not is_in(client)
    assert client.get("/admin/")["Location"] == VERIFY
    assert CodeFailure.objects.filter(user=staff.user).count() == 5
