"""Who gets into the admin, by which door."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Membership, Role, User
from accounts.references import reference_to
from enforcement import passes
from tests.enforcement.desk import owner_browser, root_browser, support_browser
from tests.enforcement.kit import browser, enrolled_person, fetch, sign_in, sign_in_with_code
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db
INDEX = "/admin/"


def admin_pages() -> list[str]:
    """Return every page of the admin that needs no row, and some that don't exist."""
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    return [
        INDEX,
        "/admin/login/",
        "/admin/logout/",
        "/admin/password_change/",
        "/admin/jsi18n/",
        "/admin/accounts/",
        "/admin/accounts/user/add/",
        f"/admin/accounts/user/{reference_to(1)}/change/",
        f"/admin/accounts/account/{reference_to(1)}/requirement/",
        "/admin/nothing/",
        *lists,
    ]


def test_only_the_models_of_ours_are_registered() -> None:
    names = {model._meta.label for model in admin.site._registry}
    assert names == {
        "accounts.Account",
        "accounts.AuditEvent",
        "accounts.Notice",
        "accounts.Provider",
        "accounts.User",
    }


def test_nobody_reads_an_admin_page_without_signing_in() -> None:
    for path in admin_pages():
        answer = browser().get(path)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/login/?next="), path
        assert fetch(Client(), path).status_code == 401, path


@pytest.mark.proves("B01")
def test_the_admins_own_login_takes_no_password() -> None:
    enrolled_person(email="staff@gatehouse.example", is_staff=True)
    client = browser()
    answer = client.post(
        "/admin/login/", {"username": "staff@gatehouse.example", "password": PASSWORD}
    )
    assert answer["Location"].startswith("/login/")
    assert "_auth_user_id" not in client.session


@pytest.mark.proves("B01")
def test_staff_who_gave_a_password_alone_see_no_admin_page() -> None:
    enrolled = enrolled_person(is_staff=True)
    client = sign_in(enrolled.user, next_url=INDEX)
    for path in admin_pages():
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/login/verify/"), path


def test_new_staff_set_up_before_they_see_the_admin() -> None:
    client = sign_in(make_user(is_superuser=True), next_url=INDEX)
    assert client.get(INDEX)["Location"].startswith("/two-factor/setup/")


def test_support_gets_in_with_a_code() -> None:
    client = support_browser()
    assert client.get(INDEX).status_code == 200
    assert client.get("/admin/login/")["Location"] == INDEX
    assert client.get("/admin/login/?next=/admin/accounts/")["Location"] == "/admin/accounts/"
    assert client.get("/admin/login/?next=https://evil.example/")["Location"] == "/"


@pytest.mark.proves("B01")
def test_staff_on_a_pass_stay_out_whatever_they_own() -> None:
    root = enrolled_person(is_superuser=True).user
    enrolled = enrolled_person(is_staff=True)
    make_account(owner=enrolled.user)
    client = sign_in_with_code(enrolled)
    assert client.get(INDEX).status_code == 200
    passes.grant_pass(user=enrolled.user, actor=root, reason="lost", now=timezone.now())
    assert client.get("/settings/").status_code == 200
    assert client.get(INDEX).status_code == 403


def test_an_owner_on_a_pass_gets_in(owner: User, northwind: Account) -> None:
    root = enrolled_person(is_superuser=True).user
    enrolled = enrolled_person()
    Membership.objects.create(account=northwind, user=enrolled.user, role=Role.OWNER)
    client = sign_in_with_code(enrolled)
    passes.grant_pass(user=enrolled.user, actor=root, reason="lost", now=timezone.now())
    assert client.get(INDEX).status_code == 200


def test_owners_get_in_with_a_password_while_nothing_is_due(
    owner: User, northwind: Account
) -> None:
    assert owner_browser(owner).get(INDEX).status_code == 200


def test_a_member_is_told_no_and_is_not_sent_around(ada: User, northwind: Account) -> None:
    client = sign_in(ada)
    for path in admin_pages():
        assert client.get(path).status_code == 403, path


def test_who_is_no_longer_owner_is_out_with_the_next_request(
    owner: User, northwind: Account
) -> None:
    client = owner_browser(owner)
    Membership.objects.filter(user=owner).update(role=Role.MEMBER)
    assert client.get(INDEX).status_code == 403


@pytest.mark.proves("S33")
def test_an_inactive_owner_is_out(owner: User, northwind: Account) -> None:
    client = owner_browser(owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert client.get(INDEX)["Location"].startswith("/login/")


def test_a_new_password_is_chosen_in_the_settings() -> None:
    client = root_browser()
    for path in ("/admin/password_change/", "/admin/password_change/done/"):
        assert client.get(path)["Location"] == reverse("settings_password")


def test_signing_out_here_is_signing_out() -> None:
    client = root_browser()
    assert client.get("/admin/logout/").status_code == 405
    client.post("/admin/logout/")
    assert client.get(INDEX)["Location"].startswith("/login/")


def test_doors_for_any_model_are_shut() -> None:
    client = root_browser()
    assert client.get("/admin/autocomplete/?term=a").status_code == 404
    assert client.get("/admin/r/1/1/").status_code == 404


@pytest.mark.parametrize("model", ["user", "account", "auditevent", "notice"])
def test_stock_pages_that_change_rows_are_gone(model: str, northwind: Account) -> None:
    client = root_browser()
    for page in ("delete", "history"):
        for method in (client.get, client.post):
            answer: Any = method(f"/admin/accounts/{model}/{reference_to(1)}/{page}/", follow=True)
            assert answer.status_code == 404, page
    if model != "user":
        assert client.get(f"/admin/accounts/{model}/add/", follow=True).status_code == 404


def test_the_desk_adds_nothing_to_a_page_that_loads_no_admin(clock: Clock) -> None:
    """What has_permission asks is asked by pages of the admin and by the link to it alone."""
    client = sign_in(make_user())
    assert "Admin" not in client.get("/settings/").content.decode()
