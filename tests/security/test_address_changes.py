"""A thief who has a password, or a session for a while, tries to move somebody's address."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import addresses, delivery, objections, passwords, sessions
from accounts.addresses import NotChangeable
from accounts.models import Notice, User
from tests.enforcement.kit import sign_in
from tests.factories import make_user
from tests.journeys.clock import START, Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

VICTIM, THIEF, ELSEWHERE = "ada@northwind.example", "thief@bad.example", "second@bad.example"
LATER = timedelta(minutes=1)


@pytest.fixture
def victim() -> User:
    return make_user(VICTIM)


def ask(user: User, email: str, *, needs_both: bool = False, now: datetime = START) -> Notice:
    """Ask for a change; return the mail to the new mailbox."""
    addresses.ask(user=user, email=email, needs_both=needs_both, now=now)
    return Notice.objects.get(kind="address_confirm", recipient=email)


def token_of(notice: Notice) -> str:
    return addresses.link_of(notice).rstrip("/").rpartition("/")[2]


def address_of(user: User) -> str:
    return User.objects.get(pk=user.pk).email


@pytest.mark.proves("S44")
def test_a_newer_change_never_speaks_for_the_old_mailbox(victim: User) -> None:
    """The mail to the old mailbox that a newer change voids is no confirmation by it.

    The thief's confirming request had read the first change when the second one voided it.
    """
    read_before = addresses.find(token_of(ask(victim, THIEF, needs_both=True)), now=START)
    assert read_before is not None
    ask(victim, ELSEWHERE, needs_both=True, now=START + LATER)

    with pytest.raises(NotChangeable):
        addresses.confirm(change=read_before, now=START + LATER)
    assert address_of(victim) == VICTIM


@pytest.mark.proves("S44")
def test_a_mailbox_that_confirmed_already_cannot_confirm_for_the_other(victim: User) -> None:
    """The same, where the new mailbox had confirmed before the newer change came."""
    read_before = addresses.find(token_of(ask(victim, THIEF, needs_both=True)), now=START)
    assert read_before is not None
    assert not addresses.confirm(change=read_before, now=START)
    ask(victim, ELSEWHERE, needs_both=True, now=START + LATER)

    with pytest.raises(NotChangeable):
        addresses.confirm(change=read_before, now=START + LATER)
    assert address_of(victim) == VICTIM


@pytest.mark.proves("S15", "S44")
@pytest.mark.parametrize("way_out", ["not_me", "password_reset", "signed_out_everywhere"])
def test_whoever_throws_a_thief_out_takes_the_change_of_address_along(
    victim: User, way_out: str
) -> None:
    """A change that a thief began does not outlive the thief's last session."""
    token = token_of(ask(victim, THIEF))
    victim.refresh_from_db()
    if way_out == "not_me":
        passwords.change_password(user=victim, password="some other words here", now=START)
        told = Notice.objects.get(kind="password_changed")
        objections.act(told, now=START)
    elif way_out == "password_reset":
        passwords.reset_password(user=victim, password="some other words here", now=START)
    else:
        sessions.end_everything(victim)

    answer = Client().post(f"/settings/email/confirm/{token}/")

    assert answer.status_code == 410
    assert address_of(victim) == VICTIM


def test_a_change_is_confirmed_under_keys_that_were_rotated(victim: User, settings: Any) -> None:
    """S19: what was asked under an older key still stands."""
    notice = ask(victim, ELSEWHERE)
    settings.FIELD_KEYS = ["a-newer-key-of-more-than-32-bytes-xx", *settings.FIELD_KEYS]
    found = addresses.find(token_of(notice), now=START)
    assert found is not None
    assert addresses.confirm(change=found, now=START)


@pytest.mark.proves("S58")
def test_a_new_address_that_is_taken_is_awaited_like_any_other(
    victim: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """Who changes the own address learns of no other sign-in, and nobody else is mailed."""
    client = sign_in(make_user("bob@here.example"))
    seen = []
    for email in (VICTIM, ELSEWHERE):
        assert client.post("/settings/email/", {"email": email}).status_code == 302
        seen.append(client.get("/settings/email/").content.decode().replace(email, "address"))
        client.get("/")
        clock.forward(seconds=1)
    assert "We sent a mail" in seen[0]
    assert seen[0].count("notice") == seen[1].count("notice")
    delivery.send_due(now=clock.now)
    assert VICTIM not in [to for each in mailoutbox for to in each.to]
