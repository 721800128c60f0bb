"""A mail waits for a slow server, and its address is no longer the person's when it leaves."""

from typing import Any

import pytest

from accounts import delivery, passwords
from accounts.models import Notice, User, random_value
from enforcement import passes, policies
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from twofactor import mailbox

pytestmark = pytest.mark.django_db

OLD, NEW = "ada@old.example", "ada@new.example"


@pytest.fixture
def ada(clock: Clock) -> User:
    return make_user(OLD)


def move_away(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(email=NEW, mailbox_nonce=random_value())


def test_an_old_mailbox_is_sent_no_link_to_reset_the_password(
    ada: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """S43: a reset that was asked for dies with the address, its mail unsent or not."""
    passwords.ask_for_reset(email=OLD, now=clock.now)
    move_away(ada)
    delivery.send_due(now=clock.now)
    assert mailoutbox == []
    assert Notice.objects.get().state == Notice.State.DROPPED


def test_an_old_mailbox_is_sent_no_link_that_proves_the_new_one(
    ada: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """S41, B99: whoever reads the old mailbox can bind no device."""
    account = make_account(members=(ada,))
    clock.forward(hours=1)
    policies.switch_on(account=account, actor=None, now=clock.now)
    passes.grant_pass(user=ada, actor=None, reason="lost", now=clock.now)
    move_away(ada)
    delivery.send_due(now=clock.now)
    (told,) = [each for each in mailoutbox if each.to == [OLD]]
    assert "/two-factor/setup/" in told.body
    assert "/two-factor/setup/link/" not in told.body


def test_the_own_mailbox_is_sent_both(ada: User, clock: Clock, mailoutbox: list[Any]) -> None:
    """S43: who stayed gets a link that works."""
    passwords.ask_for_reset(email=OLD, now=clock.now)
    delivery.send_due(now=clock.now)
    assert "/password/reset/" in mailoutbox[0].body
    assert mailbox.read_link(mailbox.make_token(ada, now=clock.now), now=clock.now) == ada
