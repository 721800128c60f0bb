"""Changing a password: with the old one, and proof of the last ten minutes."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in, sign_in_with_code
from tests.factories import PASSWORD
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

NEW = "quite another password"
NOT_DONE = "Nothing was done yet. Confirm that it is you, then press the button again."


def change(client: Client, old: str = PASSWORD, new: str = NEW) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/settings/password/", form)


@pytest.mark.proves("S33")
def test_a_change_keeps_this_browser_and_ends_the_others(ada: User, clock: Clock) -> None:
    here, there = sign_in(ada), sign_in(ada)
    key = here.session.session_key
    assert change(here)["Location"] == "/settings/password/"
    assert is_in(here)
    assert here.session.session_key != key
    assert not is_in(there)
    assert AuditEvent.objects.filter(event="password_changed", actor_id=ada.pk).count() == 1


def test_a_verified_browser_stays_verified(clock: Clock) -> None:
    enrolled = enrolled_person()
    here, there = sign_in_with_code(enrolled), browser()
    there.cookies["gatehouse_session"] = here.cookies["gatehouse_session"].value
    change(here)
    assert is_in(here)
    assert not is_in(there)


def test_a_change_needs_the_old_password(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    page = change(client, old="wrong")
    assert page.context["form"].errors["old_password"]
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)
    assert is_in(client)


@pytest.mark.proves("B105")
def test_a_change_needs_proof_of_the_last_ten_minutes(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    clock.forward(minutes=10)
    answer = change(client)
    assert answer["Location"] == "/reauthenticate/?next=%2Fsettings%2Fpassword%2F"
    assert NOT_DONE in client.get(answer["Location"]).content.decode()
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)
    got = client.get(reverse("settings_password"))
    assert got["Location"] == "/reauthenticate/?next=%2Fsettings%2Fpassword%2F"
    assert NOT_DONE not in client.get(got["Location"]).content.decode()
