"""Fresh proof in the admin: a device is asked for, and a backup code is not spent in vain."""

from typing import Any

import pytest
from django.test import Client
from django.urls import set_script_prefix

from accounts.models import Account, User
from accounts.pages import page_at
from tests.enforcement.desk import account_page, person_page, requirement_page
from tests.enforcement.kit import enrolled_person, sign_in_with_code
from tests.enforcement.test_admin_people import text_of
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled
from twofactor import backup_codes

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(clock: Clock) -> Enrolled:
    return enrolled_person(email="support@gatehouse.example", is_staff=True)


@pytest.fixture
def desk(support: Enrolled, dora: Enrolled, clock: Clock) -> Client:
    """Support's browser, ten minutes after the sign-in."""
    client = sign_in_with_code(support)
    clock.forward(minutes=10)
    return client


def prove(client: Client, code: str, next_url: str) -> Any:
    given = {"password": PASSWORD, "code": code, "next": next_url}
    return client.post("/reauthenticate/", given)


def test_a_backup_code_that_is_not_enough_is_not_spent(
    desk: Client, support: Enrolled, dora: Enrolled, northwind: Account, clock: Clock
) -> None:
    pass_page = person_page(dora.user, "pass")
    for path in (pass_page, requirement_page(northwind), account_page(northwind)):
        page = desk.get("/reauthenticate/", {"next": path})
        assert "backup code" not in text_of(page)
        answer = prove(desk, support.codes[0], path)
        assert answer.status_code == 200
        assert "A backup code is not enough for this. It was not used up." in text_of(answer)
        assert "Replace your device" in text_of(answer)
    assert backup_codes.codes_left(support.user) == 10
    assert prove(desk, support.code_at(clock.now), pass_page)["Location"] == pass_page
    assert desk.get(pass_page).status_code == 200


def test_where_one_is_enough_it_counts_as_before(desk: Client, support: Enrolled) -> None:
    path = "/two-factor/setup/?next=/admin/"
    assert "backup code" in text_of(desk.get("/reauthenticate/", {"next": path}))
    assert prove(desk, support.codes[0], path)["Location"] == path
    assert backup_codes.codes_left(support.user) == 9


def test_the_page_that_comes_next_is_found_below_a_path_too(ada: User) -> None:
    set_script_prefix("/gate/")
    try:
        found = page_at("/gate/admin/?x=1")
        assert found is not None
        assert found.app_name == "admin"
        assert page_at("/admin/") is None
    finally:
        set_script_prefix("/")
    assert page_at("//[/") is None
