"""The mails about a change of address, by which somebody says that it wasn't them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail as outgoing
from django.test import Client
from pytest_django import Settings

from accounts import addresses, delivery, keys, letters, passwords, sessions
from accounts.models import AuditEvent, Notice, User
from tests.accounts.changing import NEW, address_of, ask, link
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MS,
    browser,
    is_in,
)
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


def not_me(notice: Notice) -> str:
    return f"/not-me/{letters.not_me_token(notice)}/"


@pytest.fixture
def changed(verified: Client, person: User) -> User:
    """A person whose address was changed, by whomever."""
    ask(verified)
    assert browser().post(link()).context["is_done"]
    return User.objects.get(pk=person.pk)


def notice_to(recipient: str) -> Notice:
    return Notice.objects.get(kind="address_changed", recipient=recipient)


@pytest.mark.proves("S44")
def test_the_old_mailbox_brings_the_address_back_and_ends_everything(
    changed: User, clock: Clock
) -> None:
    path = not_me(notice_to("ada@home.example"))
    page = browser().get(path)
    assert page.context["old_address"] == "ada@home.example"
    assert address_of(changed) == NEW
    assert browser().post(path).context["is_done"]
    found = User.objects.get(pk=changed.pk)
    assert found.email == "ada@home.example"
    assert not found.has_usable_password()
    assert found.session_salt != changed.session_salt
    row = AuditEvent.objects.get(event="not_me")
    assert row.before == {"address": keys.pseudonym(NEW)}
    assert row.after == {
        "mail": "address_changed",
        "address": keys.pseudonym("ada@home.example"),
    }


def test_the_new_mailbox_brings_nothing_back(changed: User) -> None:
    browser().post(not_me(notice_to(NEW)))
    assert address_of(changed) == NEW


def test_an_address_that_is_somebody_s_by_now_is_not_taken_back(changed: User) -> None:
    make_user("ada@home.example")
    browser().post(not_me(notice_to("ada@home.example")))
    assert address_of(changed) == NEW
    assert not User.objects.get(pk=changed.pk).has_usable_password()


@pytest.mark.proves("S44")
@pytest.mark.parametrize("later", [72 * HOUR - MS, 72 * HOUR])
def test_an_objection_works_for_three_days(later: Any, changed: User, clock: Clock) -> None:
    path = not_me(notice_to("ada@home.example"))
    clock.set(clock.now + later)
    answer = browser().post(path)
    assert answer.status_code == (200 if later < 72 * HOUR else 410)
    assert (address_of(changed) == "ada@home.example") is (later < 72 * HOUR)


def test_an_objection_works_once(changed: User, clock: Clock) -> None:
    path = not_me(notice_to("ada@home.example"))
    browser().post(path)
    passwords.reset_password(
        user=User.objects.get(pk=changed.pk), password="a new long password", now=clock.now
    )
    assert browser().post(path).status_code == 410
    assert User.objects.get(pk=changed.pk).has_usable_password()


def test_looking_at_an_objection_changes_nothing(changed: User) -> None:
    path, before = not_me(notice_to("ada@home.example")), User.objects.values().get()
    for method in ("get", "head", "options", "put", "delete"):
        getattr(browser(), method)(path)
    assert User.objects.values().get() == before
    assert notice_to("ada@home.example").objected_at is None


def test_an_objection_tells_nothing_about_the_person(changed: User) -> None:
    page = browser().get(not_me(notice_to(NEW))).content.decode()
    assert changed.name not in page.replace("adapt", "")
    assert "ada@home.example" not in page


def test_an_objection_to_another_mail_ends_sessions_and_voids_the_password(
    ada: User, clock: Clock
) -> None:
    passwords.change_password(user=ada, password="a new long password", now=clock.now)
    client = browser()
    fields = {"email": ada.email, "password": "a new long password"}
    client.post("/login/", fields)
    assert is_in(client)
    browser().post(not_me(Notice.objects.get(kind="password_changed")))
    assert not is_in(client)
    assert client.post("/login/", fields).status_code == 200
    assert AuditEvent.objects.filter(event="not_me", subject_id=ada.pk).count() == 1


# Keys may be rotated while a link is on its way.


def rotate(settings: Settings) -> None:
    settings.FIELD_KEYS = ["a-newer-key-of-more-than-32-bytes!!", *settings.FIELD_KEYS]


def test_a_link_outlives_a_new_key(
    verified: Client, person: User, clock: Clock, settings: Settings
) -> None:
    ask(verified)
    path = link()
    rotate(settings)
    assert browser().post(path).context["is_done"]


def test_an_objection_outlives_a_new_key(changed: User, settings: Settings) -> None:
    path = not_me(notice_to("ada@home.example"))
    rotate(settings)
    assert browser().post(path).context["is_done"]
    assert address_of(changed) == "ada@home.example"


# Mails that waited.


def newer_change(ada: User, clock: Clock) -> None:
    clock.forward(seconds=10)
    addresses.ask(user=ada, email="second@work.example", needs_both=True, now=clock.now)


def new_password(ada: User, clock: Clock) -> None:
    passwords.change_password(user=ada, password="another long password", now=clock.now)


def out_everywhere(ada: User, clock: Clock) -> None:
    sessions.end_everything(ada)


@pytest.mark.parametrize("then", [newer_change, new_password, out_everywhere])
@pytest.mark.parametrize("kind", ["address_confirm", "address_confirm_old"])
def test_no_mail_brings_a_link_that_confirms_nothing_any_more(
    kind: str, then: Callable[[User, Clock], None], clock: Clock
) -> None:
    ada = make_user("ada@home.example")
    addresses.ask(user=ada, email=NEW, needs_both=True, now=clock.now)
    dead = link(kind)
    then(User.objects.get(pk=ada.pk), clock)
    assert browser().get(dead).status_code == 410
    delivery.send_due(now=clock.now)
    assert not [each for each in outgoing.outbox if dead in str(each.body)]


def test_settings_wait_for_no_mailbox_of_a_change_that_has_fallen(clock: Clock) -> None:
    ada = make_user("ada@home.example")
    addresses.ask(user=ada, email=NEW, needs_both=False, now=clock.now)
    assert addresses.awaited(ada, now=clock.now) == [NEW]
    new_password(User.objects.get(pk=ada.pk), clock)
    assert addresses.awaited(User.objects.get(pk=ada.pk), now=clock.now) == []


def test_settings_wait_for_the_mailbox_that_has_yet_to_confirm_and_for_a_day(clock: Clock) -> None:
    ada = make_user("ada@home.example")
    addresses.ask(user=ada, email=NEW, needs_both=True, now=clock.now)
    assert set(addresses.awaited(ada, now=clock.now)) == {NEW, ada.email}
    browser().post(link())
    assert addresses.awaited(ada, now=clock.now + DAY - MS) == [ada.email]
    assert addresses.awaited(ada, now=clock.now + DAY) == []


def test_the_new_mailbox_is_mailed_whoever_else_has_a_sign_in(owner: User, clock: Clock) -> None:
    ada = make_user("ada@home.example")
    addresses.ask(user=ada, email=NEW, needs_both=False, now=clock.now)
    delivery.send_due(now=clock.now)
    assert [each.to for each in outgoing.outbox] == [[NEW]]
