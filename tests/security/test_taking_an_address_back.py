"""“It wasn't me” after a change of address: who can bring which address back, and for how long."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from accounts import addresses, objections, passwords
from accounts.letters import not_me_token
from accounts.models import Notice, User
from tests.factories import make_user
from tests.journeys.clock import START

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

VICTIM, THIEF, ELSEWHERE = "ada@northwind.example", "thief@bad.example", "second@bad.example"
LATER = timedelta(minutes=1)


@pytest.fixture
def victim() -> User:
    return make_user(VICTIM)


def address_of(user: User) -> str:
    return User.objects.get(pk=user.pk).email


def changed(user: User, email: str, *, now: datetime) -> None:
    """Change the address all the way, as whoever has the factor can."""
    user.refresh_from_db()
    addresses.ask(user=user, email=email, needs_both=False, now=now)
    notice = Notice.objects.get(kind="address_confirm", recipient=email)
    found = addresses.find(addresses.link_of(notice).rstrip("/").rpartition("/")[2], now=now)
    assert found is not None
    assert addresses.confirm(change=found, now=now)


@pytest.mark.proves("S44")
def test_only_the_first_of_two_mailboxes_takes_an_address_back_for_good(victim: User) -> None:
    """After the victim undid a thief's two changes, the thief's own undo does nothing.

    The thief moved the address twice; each left mailbox was mailed a link that brings it back.
    """
    changed(victim, THIEF, now=START)
    changed(victim, ELSEWHERE, now=START + LATER)
    to_victim = Notice.objects.get(kind="address_changed", recipient=VICTIM)
    to_thief = Notice.objects.get(
        kind="address_changed", recipient=THIEF, context__old_address=THIEF
    )

    browser = Client()
    assert browser.post(f"/not-me/{not_me_token(to_victim)}/").status_code == 200
    assert address_of(victim) == VICTIM
    assert browser.post(f"/not-me/{not_me_token(to_thief)}/").status_code == 410
    assert address_of(victim) == VICTIM


@pytest.mark.proves("S11", "S15")
def test_the_mailbox_that_lost_an_address_again_cannot_sign_its_person_out(victim: User) -> None:
    """Mails that reached the thief's mailbox meanwhile are no weapon afterwards."""
    changed(victim, THIEF, now=START)
    victim.refresh_from_db()
    passwords.change_password(user=victim, password="words of the thief", now=START + LATER)
    to_victim = Notice.objects.get(kind="address_changed", recipient=VICTIM)
    of_thief = list(Notice.objects.filter(recipient=THIEF, user=victim))
    assert {notice.kind for notice in of_thief} >= {"address_changed", "password_changed"}

    objections.act(to_victim, now=START + 2 * LATER)

    for notice in of_thief:
        assert objections.find(not_me_token(notice), now=START + 2 * LATER) is None


@pytest.mark.proves("S44")
def test_the_first_mailbox_has_the_last_word_whenever_it_speaks(victim: User) -> None:
    """The thief brings the second change back before the victim has read anything."""
    changed(victim, THIEF, now=START)
    changed(victim, ELSEWHERE, now=START + LATER)
    to_thief = Notice.objects.get(
        kind="address_changed", recipient=THIEF, context__old_address=THIEF
    )
    objections.act(to_thief, now=START + 2 * LATER)
    assert address_of(victim) == THIEF
    to_victim = Notice.objects.get(kind="address_changed", recipient=VICTIM)
    assert objections.find(not_me_token(to_victim), now=START + 2 * LATER) is not None
    objections.act(to_victim, now=START + 3 * LATER)
    assert address_of(victim) == VICTIM


def test_taking_an_address_back_voids_no_mail_of_anybody_else(victim: User) -> None:
    bystander = make_user("bea@northwind.example")
    changed(victim, THIEF, now=START)
    passwords.change_password(user=bystander, password="words of her own", now=START + LATER)
    objections.act(
        Notice.objects.get(kind="address_changed", recipient=VICTIM), now=START + 2 * LATER
    )
    theirs = Notice.objects.get(kind="password_changed", user=bystander)
    assert objections.find(not_me_token(theirs), now=START + 2 * LATER) is not None


@pytest.mark.proves("S11", "S15")
def test_an_address_that_is_back_already_leaves_the_thief_no_weapon(victim: User) -> None:
    changed(victim, THIEF, now=START)
    User.objects.filter(pk=victim.pk).update(email=VICTIM)
    objections.act(Notice.objects.get(kind="address_changed", recipient=VICTIM), now=START + LATER)
    of_thief = Notice.objects.get(kind="address_changed", recipient=THIEF)
    assert objections.find(not_me_token(of_thief), now=START + LATER) is None
    assert address_of(victim) == VICTIM
