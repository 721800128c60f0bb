"""A button pressed twice, or by two people at once: it is done once, and nobody meets an error."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit import Event
from accounts.models import AuditEvent, User
from enforcement import passes
from tests.enforcement.desk import root_browser
from tests.enforcement.kit import browser, enrolled_person, sign_in
from tests.factories import make_account, make_user
from tests.integration.threads import at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
CLICKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """What a browser sends, and the event that it leaves once."""

    client: Client
    path: str
    leaves: Event
    fields: dict[str, str] | None = None

    def press(self) -> int:
        client = browser()
        client.cookies.update(self.client.cookies)
        client.raise_request_exception = False
        return client.post(self.path, self.fields or {}).status_code


def removing() -> Button:
    owner, member = make_user(), make_user()
    account = make_account(owner=owner, members=(member,))
    key = account.memberships.get(user=member).pk
    path = f"/accounts/{account.slug}/members/{key}/remove/"
    return Button(client=sign_in(owner), path=path, leaves=Event.MEMBER_REMOVED)


def leaving() -> Button:
    member = make_user()
    account = make_account(owner=make_user(), members=(member,))
    path = f"/accounts/{account.slug}/leave/"
    return Button(client=sign_in(member), path=path, leaves=Event.LEFT)


def deleting() -> Button:
    client = sign_in(make_user())
    return Button(client=client, path="/settings/delete/", leaves=Event.PERSON_DELETED)


def ending_a_pass() -> Button:
    enrolled, support = enrolled_person(), enrolled_person(is_staff=True)
    person, now = enrolled.user, timezone.now()
    passes.grant_pass(user=person, actor=support.user, reason="lost", ticket="", now=now)
    client = sign_in(User.objects.get(pk=person.pk))
    return Button(client=client, path="/pass/end/", leaves=Event.PASS_REVOKED)


def adding_a_person() -> Button:
    fields = {"email": "new@northwind.example", "name": "New"}
    path, client = "/admin/accounts/user/add/", root_browser()
    return Button(client=client, path=path, fields=fields, leaves=Event.PERSON_ADDED)


BUTTONS = (removing, leaving, deleting, ending_a_pass, adding_a_person)


@pytest.mark.parametrize("make", BUTTONS)
def test_a_button_pressed_several_times_at_once_acts_once(make: Callable[[], Button]) -> None:
    button = make()
    before = AuditEvent.objects.filter(event=button.leaves).count()
    answers = at_once([partial(button.press)] * CLICKS)
    assert not raised(answers)
    assert 302 in answers
    assert set(answers) <= {200, 302, 403, 404}
    assert AuditEvent.objects.filter(event=button.leaves).count() == before + 1
