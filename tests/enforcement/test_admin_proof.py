"""Fresh proof in the admin: a device is asked for, and neither a backup code nor a word is lost."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse, set_script_prefix
from django.utils import timezone

from accounts.models import Account, User
from accounts.pages import page_at
from enforcement.models import Pass
from tests.enforcement.desk import account_page, person_page, requirement_page, switch
from tests.enforcement.kit import enrolled_person, sign_in_with_code
from tests.enforcement.test_admin_people import text_of
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled
from twofactor import backup_codes
from twofactor.models import TOTPDevice

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


@pytest.mark.parametrize(
    ("path", "is_told"), [("/admin/", False), ("/two-factor/setup/?next=/admin/", True)]
)
def test_a_blocked_authenticator_names_a_backup_code_where_one_would_do(
    path: str, is_told: bool, desk: Client, support: Enrolled, clock: Clock
) -> None:
    TOTPDevice.objects.filter(user=support.user).update(failures=50)
    answer = text_of(prove(desk, support.code_at(clock.now), path))
    assert "takes no more until it is replaced." in answer
    assert ("Use a backup code." in answer) is is_told


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


# What was typed before the proof was asked for.

TYPED = {"reason": "Called back on the known number.", "ticket": "T-1"}
UNDONE = "Nothing was done yet."


def proved(client: Client, person: Enrolled, asked: Any) -> Any:
    """Give password and code, and follow to the page that comes next."""
    path = parse_qs(urlsplit(asked["Location"]).query)["next"][0]
    return client.get(prove(client, person.code_at(timezone.now()), path)["Location"])


def test_a_reason_that_was_typed_too_late_is_filled_in_once(
    desk: Client, support: Enrolled, dora: Enrolled
) -> None:
    path = person_page(dora.user, "pass")
    page = proved(desk, support, desk.post(path, TYPED))
    assert UNDONE in text_of(page)
    assert {name: page.context["form"][name].value() for name in TYPED} == TYPED
    assert not Pass.objects.exists()
    again = desk.get(path)
    assert UNDONE not in text_of(again)
    assert not again.context["form"]["reason"].value()


def test_it_is_filled_in_on_its_own_page_alone(
    desk: Client, support: Enrolled, dora: Enrolled, clock: Clock
) -> None:
    desk.post(person_page(dora.user, "pass"), TYPED)
    prove(desk, support.code_at(clock.now), "/admin/")
    assert UNDONE not in text_of(desk.get(person_page(dora.user, "reset")))
    assert UNDONE in text_of(desk.get(person_page(dora.user, "pass")))


def test_it_is_filled_in_within_ten_minutes(
    desk: Client, support: Enrolled, dora: Enrolled, clock: Clock
) -> None:
    asked = desk.post(person_page(dora.user, "pass"), TYPED)
    clock.forward(minutes=10)
    page = proved(desk, support, asked)
    assert UNDONE not in text_of(page)
    assert not page.context["form"]["reason"].value()
    assert "unsent" not in desk.session


def test_the_session_keeps_no_secret_of_a_form(
    desk: Client, northwind: Account, support: Enrolled
) -> None:
    path = reverse("admin:accounts_account_provider", args=[northwind.pk])
    given = {**TYPED, "issuer": "https://idp.example", "secret": "s3cret-of-theirs"}
    page = proved(desk, support, desk.post(path, given))
    assert page.context["form"]["issuer"].value() == "https://idp.example"
    assert "s3cret" not in page.content.decode()


def test_a_plan_that_was_chosen_too_late_is_chosen_again(
    desk: Client, support: Enrolled, northwind: Account
) -> None:
    fields = {"name": "Northwind", "plan": "team", "email_domains": "northwind.example"}
    page = proved(desk, support, desk.post(account_page(northwind), fields))
    assert UNDONE in text_of(page)
    form = page.context["adminform"].form
    assert (form["plan"].value(), form["email_domains"].value()) == ("team", "northwind.example")
    assert Account.objects.get(pk=northwind.pk).plan != "team"


def test_a_switch_and_a_button_say_that_nothing_was_done(
    desk: Client, support: Enrolled, northwind: Account, clock: Clock
) -> None:
    page = proved(desk, support, switch(desk, northwind, "off", reason=TYPED["reason"]))
    assert page.context["form"]["reason"].value() == TYPED["reason"]
    assert UNDONE in text_of(page)
    clock.forward(minutes=10)
    button = reverse("admin:accounts_account_remind", args=[northwind.pk])
    assert UNDONE in text_of(proved(desk, support, desk.post(button)))
