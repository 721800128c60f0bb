"""A password beside the provider: chosen by the mailed link, unless the provider alone signs in."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Role, User
from tests.enforcement.kit import PAGE
from tests.factories import PASSWORD, make_user
from tests.journeys.post import link_in, mails_to, run_jobs
from tests.sso.kit import House, known_ada, signed_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S43")]


def ada_without_password(house: House, **provider: Any) -> User:
    ada = known_ada(house)
    ada.set_unusable_password()
    ada.save()
    type(house.provider).objects.filter(pk=house.provider.pk).update(**provider)
    return ada


def asked_for(person: User) -> Any:
    """Ask for the mail; return it."""
    Client().post("/password/reset/", {"email": person.email})
    run_jobs()
    return mails_to(person.email)[-1]


def choose(path: str) -> Any:
    client = Client()
    form: Any = client.get(path)
    if form.status_code != 302:
        return form
    return client.post(form["Location"], {"new_password1": PASSWORD, "new_password2": PASSWORD})


def test_who_has_none_can_choose_one(northwind: House) -> None:
    ada = ada_without_password(northwind)
    assert choose(link_in(asked_for(ada), "/password/reset/")).status_code == 302
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


def test_who_has_none_and_must_come_by_the_provider_is_mailed_the_way(northwind: House) -> None:
    ada = ada_without_password(northwind, is_required=True)
    letter = asked_for(ada)
    assert link_in(letter, "/sso/") == northwind.start_url
    assert "/password/reset/" not in letter.body


def test_a_link_that_was_mailed_before_opens_nothing(northwind: House) -> None:
    ada = ada_without_password(northwind)
    link = link_in(asked_for(ada), "/password/reset/")
    type(northwind.provider).objects.update(is_required=True)
    assert "no longer works" in choose(link).content.decode()
    assert not User.objects.get(pk=ada.pk).has_usable_password()


def test_a_provider_that_does_not_know_the_person_shuts_no_door(
    northwind: House, contoso: House
) -> None:
    ada_without_password(contoso, is_required=True)
    bea = make_user("bea@northwind.example", password=None)
    assert choose(link_in(asked_for(bea), "/password/reset/")).status_code == 302
    assert User.objects.get(pk=bea.pk).check_password(PASSWORD)


@pytest.mark.parametrize("door", ["an owner", "a password", "switched off"])
def test_the_password_door_is_kept_by(door: str, northwind: House) -> None:
    ada = ada_without_password(northwind, is_required=True)
    if door == "an owner":
        Membership.objects.filter(user=ada).update(role=Role.OWNER)
    elif door == "a password":
        ada.set_password("another long password")
        ada.save()
    else:
        type(northwind.provider).objects.update(off_at=timezone.now())
    assert choose(link_in(asked_for(ada), "/password/reset/")).status_code == 302


def test_the_settings_ask_nobody_for_a_password_that_is_none(northwind: House) -> None:
    ada_without_password(northwind)
    northwind.come_back()
    page = northwind.client.get("/settings/password/", headers=PAGE).content.decode()
    assert "You sign in without a password" in page
    assert "old_password" not in page
    assert signed_in_as(northwind.client)
