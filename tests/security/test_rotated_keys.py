"""Links that were mailed before a key was rotated work as long as the older key is kept."""

from typing import Any

import pytest
from django.test import Client

from accounts import addresses, invitations, mail
from accounts.letters import not_me_token
from accounts.models import Notice, Role
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

HOST = "http://testserver"


def rotate(settings: Any, *, keep: bool = True) -> None:
    older = settings.FIELD_KEYS if keep else []
    settings.FIELD_KEYS = ["a-newer-key-of-more-than-32-bytes-xx", *older]


def owed_not_me(clock: Clock) -> str:
    ada = make_user("ada@northwind.example")
    context = {"at": clock.now.isoformat()}
    mail.owe("password_changed", to=ada, occasion="x", now=clock.now, context=context)
    return f"/not-me/{not_me_token(Notice.objects.get())}/"


@pytest.mark.proves("S15")
def test_it_was_not_me_can_be_said_after_a_rotation(clock: Clock, settings: Any) -> None:
    """S19: for 72 hours, whatever is done to the keys meanwhile."""
    link = owed_not_me(clock)
    rotate(settings)
    assert Client().get(link).status_code == 200
    assert Client().get(link.replace("/not-me/", "/not-me/0")).status_code == 410


def test_a_key_that_is_gone_opens_nothing(clock: Clock, settings: Any) -> None:
    """S19: a key is taken away because somebody else may have it."""
    link = owed_not_me(clock)
    rotate(settings, keep=False)
    assert Client().get(link).status_code == 410


@pytest.mark.proves("S44")
def test_a_new_address_can_be_confirmed_after_a_rotation(clock: Clock, settings: Any) -> None:
    """S19: by the link that was mailed before."""
    ada = make_user("ada@northwind.example")
    addresses.ask(user=ada, email="ada@new.example", needs_both=False, now=clock.now)
    link = addresses.link_of(Notice.objects.get()).removeprefix(HOST)
    rotate(settings)
    assert Client().post(link).status_code == 200
    ada.refresh_from_db()
    assert ada.email == "ada@new.example"


@pytest.mark.proves("S45")
def test_an_invitation_mailed_after_a_rotation_carries_its_own_link(
    clock: Clock, settings: Any
) -> None:
    """S19: the mail may leave later than the invitation was made."""
    owner = make_user("owner@northwind.example")
    invitation = invitations.invite(
        account=make_account(owner=owner),
        email="guest@elsewhere.example",
        role=Role.MEMBER,
        actor=owner,
        now=clock.now,
    )
    before = invitations.link_of(invitation.pk)
    rotate(settings)
    assert invitations.link_of(invitation.pk) == before
    assert Client().get(before.removeprefix(HOST)).status_code == 200
