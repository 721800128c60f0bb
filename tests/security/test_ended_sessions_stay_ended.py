"""What ended a session holds, whatever ends the person's other sessions afterwards."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts import addresses, passwords, sessions
from accounts.models import Notice, User
from enforcement import policies, tasks
from enforcement.models import Policy
from tests.enforcement.kit import browser, is_in, sign_in
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from twofactor import enrolment, mailbox

pytestmark = pytest.mark.django_db

NEW_WORDS = "other words than the thief's"
APP = "/two-factor/setup/app/"


@pytest.fixture
def ada(clock: Clock) -> User:
    return make_user("ada@northwind.example")


@pytest.fixture
def policy(ada: User, clock: Clock) -> Policy:
    """The requirement of Ada's account, five minutes before its deadline."""
    owner = make_user("owner@northwind.example")
    account = make_account("northwind", owner=owner, members=(ada,))
    clock.forward(hours=1)
    policy = policies.switch_on(account=account, actor=owner, now=clock.now)
    clock.set(policy.deadline - timedelta(minutes=5))
    return policy


def in_set_up(ada: User, clock: Clock) -> Client:
    """A browser that proved the mailbox and has the picture of the secret open."""
    client = sign_in(ada)
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    assert client.get(APP).status_code == 200
    return client


def pass_deadline(policy: Policy, ada: User, clock: Clock, *, password: str) -> None:
    """Let Ada be signed in somewhere, so that the deadline has a session of hers to end."""
    ada.refresh_from_db()
    fields = {"email": ada.email, "password": password}
    assert browser().post("/login/", fields).status_code == 302
    clock.set(policy.deadline)
    tasks.carry_out(now=clock.now)
    ada.refresh_from_db()
    assert ada.ended_reason == "deadline"


@pytest.mark.proves("S33", "B18")
@pytest.mark.parametrize("way", ["password_reset", "signed_out_everywhere"])
def test_a_deadline_brings_no_session_back_that_was_ended_before(
    policy: Policy, ada: User, clock: Clock, way: str
) -> None:
    """A thief in the middle of set-up is thrown out, and the deadline lets nobody in.

    The session of whoever stands in set-up at the deadline goes on as a pending sign-in. One that
    a new password has ended is no such session, though the deadline was the last thing that ended
    sessions of this person.
    """
    thief = in_set_up(ada, clock)
    if way == "password_reset":
        passwords.reset_password(user=ada, password=NEW_WORDS, now=clock.now)
    else:
        sessions.end_everything(ada)
        ada.set_password(NEW_WORDS)
        ada.save()
    pass_deadline(policy, ada, clock, password=NEW_WORDS)

    answer = thief.get(APP)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
    policies.switch_off(account=policy.account, actor=policy.started_by, now=clock.now)
    assert not is_in(thief)


@pytest.mark.proves("S41", "B99")
def test_a_mailbox_that_was_proved_is_not_the_one_of_a_new_address(
    policy: Policy, ada: User, clock: Clock
) -> None:
    """Set-up that goes on at the deadline proves the new mailbox again."""
    open_set_up = in_set_up(ada, clock)
    addresses.ask(user=ada, email="ada@new.example", needs_both=False, now=clock.now)
    link = addresses.link_of(Notice.objects.get(kind="address_confirm"))
    assert Client().post(link.removeprefix("http://testserver")).status_code == 200
    pass_deadline(policy, ada, clock, password="correct horse battery")

    answer = open_set_up.get(APP, follow=True)

    assert "totp-secret" not in answer.content.decode()


@pytest.mark.proves("B18")
def test_set_up_under_way_at_the_deadline_still_goes_on(
    policy: Policy, ada: User, clock: Clock
) -> None:
    """Whoever did nothing wrong keeps the secret that was scanned."""
    client = in_set_up(ada, clock)
    before = client.get(APP).context["secret"]
    clock.set(policy.deadline)
    tasks.carry_out(now=clock.now)
    assert client.get(APP).context["secret"] == before


@pytest.mark.proves("S33")
def test_a_deadline_brings_no_session_back_that_a_reset_by_support_ended(
    policy: Policy, ada: User, clock: Clock
) -> None:
    """A reset leaves password and salt alone, so the session's hash goes on fitting."""
    thief = in_set_up(ada, clock)
    enrolment.reset(ada, actor=None, reason="Lost phone.", now=clock.now)
    pass_deadline(policy, ada, clock, password=PASSWORD)

    assert thief.get(APP).status_code == 302
    assert thief.get(APP)["Location"].startswith("/login/")
    assert not is_in(thief)
