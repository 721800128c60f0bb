"""A session through a provider outlives a new stamp: what it proved under the old one does not."""

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import Client

from accounts import addresses, objections, passwords, session_state, sessions, signin
from accounts.models import Account, EndReason, Notice, Provider, User
from accounts.people import delete
from bench import people
from enforcement import policies, support
from tests.enforcement.kit import (
    browser,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_through,
    sign_in_with_code,
)
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app, enrol_phone
from twofactor import mailbox
from twofactor.models import SMSDevice, TOTPDevice

pytestmark = pytest.mark.django_db
SETUP = "/two-factor/setup/app/"
OTHER_PASSWORD = "a horse of another colour"


def prove(client: Client, enrolled: Enrolled, clock: Clock) -> None:
    code = enrolled.code_at(clock.now)
    answer = client.post("/reauthenticate/", {"password": PASSWORD, "code": code, "next": "/"})
    assert answer.status_code == 302
    clock.forward(seconds=60)


def replace_app(client: Client, clock: Clock) -> str:
    """Set up another app; return its secret, or where the browser is sent instead."""
    page = client.get(SETUP)
    if page.status_code != 200:
        return str(page["Location"])
    secret = page.content.decode().split('data-secret="')[1].split('"')[0]
    client.post(SETUP, {"code": pyotp.TOTP(secret).at(clock.now)})
    clock.forward(seconds=60)
    return secret


def change_password(client: Client) -> Any:
    new = {"new_password1": OTHER_PASSWORD, "new_password2": OTHER_PASSWORD}
    return client.post("/settings/password/", {"old_password": PASSWORD, **new})


@pytest.fixture
def enrolled(ada: User, clock: Clock) -> Enrolled:
    return enrol_app(ada, now=clock.now)


@pytest.fixture
def thief(enrolled: Enrolled, ada: User, provider: Provider, clock: Clock) -> Client:
    """Proved a moment ago with the stolen phone, which its owner has replaced since."""
    client = sign_in_through(ada, provider)
    prove(client, enrolled, clock)
    replace_app(sign_in_with_code(enrolled), clock)
    return client


@pytest.mark.proves("S14", "S16", "B65")
def test_the_phone_that_was_replaced_replaces_nothing(
    thief: Client, ada: User, clock: Clock
) -> None:
    mine = TOTPDevice.objects.get(user=ada, confirmed=True).open_secret()
    assert change_password(thief)["Location"].startswith("/reauthenticate/")
    replace_app(thief, clock)
    assert TOTPDevice.objects.get(user=ada, confirmed=True).open_secret() == mine
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


@pytest.mark.proves("S14")
def test_the_phone_that_was_replaced_changes_no_address(thief: Client) -> None:
    answer = thief.post("/settings/email/", {"email": "thief@elsewhere.example"})
    assert answer["Location"].startswith("/reauthenticate/")
    assert not Notice.objects.filter(kind="address_confirm").exists()


@pytest.mark.proves("S14")
def test_the_new_phone_proves_there_again(thief: Client, ada: User, clock: Clock) -> None:
    secret = TOTPDevice.objects.get(user=ada, confirmed=True).open_secret()
    code = pyotp.TOTP(secret).at(clock.now)
    thief.post("/reauthenticate/", {"password": PASSWORD, "code": code, "next": "/"})
    assert thief.get("/settings/password/").status_code == 200


# What it proves anew counts there, and is enough to change something.


@pytest.fixture
def living_on(enrolled: Enrolled, ada: User, provider: Provider, clock: Clock) -> Client:
    """Signed in under a stamp that is over by now."""
    client = sign_in_through(User.objects.get(pk=ada.pk), provider)
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=EndReason.FACTOR_CHANGED)
    assert is_in(client)
    return client


def test_who_was_reset_sets_up_in_the_session_that_lives_on(
    living_on: Client, other: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=other, actor=None, now=clock.now)
    support.reset(user=ada, actor=enrolled_person(is_staff=True).user, reason="x", now=clock.now)
    link = mailbox.make_link(User.objects.get(pk=ada.pk), now=clock.now)
    living_on.get(link.removeprefix("http://testserver"))
    living_on.post("/reauthenticate/", {"password": PASSWORD, "next": "/"})
    secret = replace_app(living_on, clock)
    assert TOTPDevice.objects.get(user=ada, confirmed=True).open_secret() == secret
    assert living_on.get("/settings/password/").status_code == 200  # the set-up was fresh proof


def test_new_codes_are_made_in_the_session_that_lives_on(
    living_on: Client, enrolled: Enrolled, clock: Clock
) -> None:
    prove(living_on, enrolled, clock)
    answer = living_on.post("/two-factor/backup-codes/", {"new": "on"})
    assert len(answer.context["codes"]) == 10
    assert is_in(living_on)


def test_a_device_is_removed_in_the_session_that_lives_on(
    living_on: Client, enrolled: Enrolled, clock: Clock
) -> None:
    enrol_phone(enrolled.user, now=clock.now)
    prove(living_on, enrolled, clock)
    living_on.post("/two-factor/remove/text/")
    assert not SMSDevice.objects.filter(user=enrolled.user).exists()
    assert TOTPDevice.objects.filter(user=enrolled.user).exists()
    assert is_in(living_on)


@pytest.fixture
def outlived(
    enrolled: Enrolled, ada: User, provider: Provider, other: Account, clock: Clock
) -> Client:
    """Gave its code; has asked to change its address; and then the device was replaced elsewhere.

    ``other`` asks for a second factor from tomorrow on.
    """
    policies.switch_on(account=other, actor=None, now=clock.now)
    person = User.objects.get(pk=ada.pk)
    client = browser()
    client.cookies[settings.SESSION_COOKIE_NAME] = people.sign_in(
        person, verified=True, now=clock.now, through=[provider]
    )
    prove(client, enrolled, clock)
    client.post("/settings/email/", {"email": "ada2@northwind.example", "scope": "all"})
    replace_app(sign_in_with_code(enrolled), clock)
    assert is_in(client)
    return client


@pytest.mark.proves("S16", "B82")
def test_a_changed_address_verifies_no_session(outlived: Client, ada: User, clock: Clock) -> None:
    link = addresses.link_of(Notice.objects.get(kind="address_confirm"))
    assert outlived.post("/" + link.split("/", 3)[3]).status_code == 200
    assert User.objects.get(pk=ada.pk).email == "ada2@northwind.example"
    assert is_in(outlived)
    clock.forward(hours=30)
    assert not is_in(outlived)


def test_a_session_that_is_verified_stays_so_when_its_address_changes(
    enrolled: Enrolled, other: Account, clock: Clock
) -> None:
    policies.switch_on(account=other, actor=None, now=clock.now)
    client = sign_in_with_code(enrolled)
    clock.forward(seconds=60)
    client.post("/settings/email/", {"email": "ada2@northwind.example", "scope": "all"})
    link = addresses.link_of(Notice.objects.get(kind="address_confirm"))
    assert client.post("/" + link.split("/", 3)[3]).status_code == 200
    assert client.get("/settings/password/").status_code == 200  # what it proved counts, too
    clock.forward(hours=30)
    assert is_in(client)


@pytest.mark.proves("S16", "S33")
def test_a_device_replaced_as_the_address_changes_ends_the_session(
    enrolled: Enrolled, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another browser, between the change and the session that is to live on."""
    client = sign_in_with_code(enrolled)
    clock.forward(seconds=60)
    client.post("/settings/email/", {"email": "ada2@northwind.example"})
    hers = User.objects.filter(pk=enrolled.user.pk)

    def is_verified(request: HttpRequest, stamp: str) -> bool:
        sessions.renew_stamp(hers, reason=EndReason.FACTOR_CHANGED)
        return True

    monkeypatch.setattr(session_state, "is_verified_under", is_verified)
    link = addresses.link_of(Notice.objects.get(kind="address_confirm"))
    assert client.post("/" + link.split("/", 3)[3]).status_code == 200
    assert hers.get().email == "ada2@northwind.example"
    assert not is_in(client)


def object_to_it(person: User, now: Any) -> None:
    objections.act(Notice.objects.get(kind="password_changed"), now=now)


def sign_out(person: User, now: Any) -> None:
    sessions.end_everything(person)


@pytest.mark.proves("S33", "B80")
@pytest.mark.parametrize("meanwhile", [object_to_it, sign_out])
def test_a_change_of_password_under_way_survives_nothing_that_ended_the_session(
    meanwhile: Callable[[User, Any], None],
    northwind: Account,
    ada: User,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords.change_password(user=User.objects.get(pk=ada.pk), password=PASSWORD, now=clock.now)
    client, before = sign_in(ada), signin.is_own_password

    def take_long(*args: Any, **kwargs: Any) -> bool:
        found = before(*args, **kwargs)
        meanwhile(User.objects.get(pk=ada.pk), clock.now)
        return found

    monkeypatch.setattr(signin, "is_own_password", take_long)
    assert change_password(client).status_code == 302
    assert not is_in(client)
    assert not User.objects.get(pk=ada.pk).check_password(OTHER_PASSWORD)


@pytest.mark.parametrize("meanwhile", [object_to_it, sign_out])
def test_a_deletion_under_way_survives_nothing_that_ended_the_session(
    meanwhile: Callable[[User, Any], None],
    northwind: Account,
    ada: User,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords.change_password(user=User.objects.get(pk=ada.pk), password=PASSWORD, now=clock.now)
    client = sign_in(ada)

    def wait(**values: Any) -> None:
        meanwhile(User.objects.get(pk=ada.pk), clock.now)
        delete(**values)

    monkeypatch.setattr("accounts.people.delete", wait)
    assert client.post("/settings/delete/")["Location"] == "/settings/delete/"
    assert User.objects.filter(pk=ada.pk).exists()
    assert not is_in(client)


def test_a_deletion_under_way_in_a_session_that_lives_on_is_told_to_start_again(
    provider: Provider, ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in_through(ada, provider)
    client.post("/reauthenticate/", {"password": PASSWORD})

    def wait(**values: Any) -> None:
        person = User.objects.filter(pk=ada.pk)
        sessions.renew_stamp(person, reason=EndReason.FACTOR_CHANGED)
        delete(**values)

    monkeypatch.setattr("accounts.people.delete", wait)
    page = client.post("/settings/delete/", follow=True)
    assert [str(each) for each in page.context["messages"]] == [
        "Something changed in another browser meanwhile. Please start again."
    ]
    assert User.objects.filter(pk=ada.pk).exists()
    monkeypatch.undo()
    client.post("/reauthenticate/", {"password": PASSWORD})
    assert client.post("/settings/delete/")["Location"] == "/login/"
    assert not User.objects.filter(pk=ada.pk).exists()
