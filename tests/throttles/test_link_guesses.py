"""Links that were never mailed are tried out slowly; those that were open for everybody."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.test import Client

from accounts import addresses, delivery, invitations, letters, mail, passwords, throttle
from accounts.models import Account, AddressFailure, Notice, User
from tests.enforcement.kit import PAGE
from tests.factories import make_user
from tests.journeys.clock import DAY, Clock
from tests.journeys.pages import Page
from twofactor import mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S45")]

GUESSER, OFFICE, HOME = "198.51.100.1", "198.51.100.2", "198.51.100.3"
GUESSES = {
    "invitation": "/invitations/{}/",
    "reset": "/password/reset/MQ/{}/",
    "not me": "/not-me/1-{}/",
    "address": "/settings/email/confirm/1-{}/",
    "set-up": "/two-factor/setup/link/1-1-{}/",
}


def at(address: str) -> Client:
    return Client(headers=PAGE, REMOTE_ADDR=address)


def path_of(url: str) -> str:
    return url.removeprefix("http://testserver")


def invitation_link(owner: User, account: Account, clock: Clock) -> str:
    made = invitations.invite(
        account=account, email=make_user().email, role="member", actor=owner, now=clock.now
    )
    return path_of(invitations.link_of(made.pk))


def reset_link(clock: Clock) -> str:
    return path_of(passwords.reset_link(make_user()))


def not_me_link(clock: Clock) -> str:
    person = make_user()
    passwords.change_password(user=person, password="another long password", now=clock.now)
    notice = Notice.objects.get(user=person, kind="password_changed")
    return f"/not-me/{letters.not_me_token(notice)}/"


def address_link(clock: Clock) -> str:
    person = make_user()
    addresses.ask(user=person, email=f"new-{person.email}", needs_both=False, now=clock.now)
    return path_of(addresses.link_of(Notice.objects.filter(kind="address_confirm").latest("pk")))


def setup_link(clock: Clock) -> str:
    return path_of(mailbox.make_link(make_user(), now=clock.now))


OPENS: dict[str, Callable[[Clock], str]] = {
    "reset": reset_link,
    "not me": not_me_link,
    "address": address_link,
    "set-up": setup_link,
}


@pytest.fixture
def good_link(
    request: pytest.FixtureRequest, northwind: Account, owner: User, clock: Clock
) -> Callable[[], str]:
    """Make one more link of the kind that the test is about."""
    kind = request.getfixturevalue("kind")
    if kind == "invitation":
        return lambda: invitation_link(owner, northwind, clock)
    return lambda: OPENS[kind](clock)


def is_open(answer: Any) -> bool:
    return answer.status_code in {200, 302}


@pytest.mark.parametrize("kind", GUESSES)
def test_guesses_are_slowed_down_and_hinder_nobody_elsewhere(
    kind: str, good_link: Callable[[], str], clock: Clock
) -> None:
    guesser = at(GUESSER)
    answers = [guesser.get(GUESSES[kind].format(f"{number:032x}")) for number in range(30)]
    assert [answer.status_code for answer in answers].count(429) == 20
    assert answers[-1]["Retry-After"] == "300"
    assert "Please wait 5 minutes" in Page(answers[-1]).text
    good = good_link()
    assert guesser.get(good).status_code == 429
    assert is_open(at(HOME).get(good))
    clock.forward(minutes=5)
    assert is_open(guesser.get(good))


@pytest.mark.parametrize("kind", GUESSES)
def test_an_office_opens_as_many_good_links_as_it_got(
    kind: str, good_link: Callable[[], str]
) -> None:
    assert all(is_open(at(OFFICE).get(good_link())) for _ in range(25))
    assert not AddressFailure.objects.exists()


@pytest.mark.parametrize("kind", ["invitation", "not me", "address", "set-up"])
def test_an_old_link_is_no_guess(kind: str, good_link: Callable[[], str], clock: Clock) -> None:
    link = good_link()
    clock.forward(days=8)
    statuses = {at(OFFICE).get(link).status_code for _ in range(15)}
    assert statuses == {410}


def test_a_thousand_guesses_evaluate_ten_in_five_minutes(clock: Clock) -> None:
    guesser = at(GUESSER)
    statuses = [guesser.get(f"/invitations/{number:043x}/").status_code for number in range(1000)]
    assert statuses == [404] * 10 + [429] * 990


def test_guessed_links_cost_no_password_a_try(ada: User, clock: Clock) -> None:
    for number in range(20):
        at(GUESSER).get(f"/invitations/{number:043x}/")
    answer = at(GUESSER).post("/login/", {"email": ada.email, "password": "wrong"})
    assert answer.status_code == 200
    throttle.check(throttle.of_address(GUESSER), now=clock.now)


def test_a_reset_that_is_finished_counts_as_no_guess(ada: User, clock: Clock) -> None:
    """The page that follows has no token in its address, and is opened again by many."""
    browser, link = at(OFFICE), path_of(passwords.reset_link(ada))
    for _ in range(15):
        browser.get(link)
        browser.get("/password/reset/MQ/set-password/")
    assert not AddressFailure.objects.exists()


# Invitations and resets that are sent.


def invite(client: Client, email: str) -> Any:
    return client.post("/accounts/northwind/invite/", {"email": email, "role": "member"})


def test_an_account_sends_a_hundred_invitations_a_day_and_five_per_member(
    northwind: Account, owner: User, clock: Clock
) -> None:
    browser = at(HOME)
    browser.post("/login/", {"email": owner.email, "password": "correct horse battery"})
    for number in range(110):
        invitations.invite(
            account=northwind,
            email=f"p{number}@n.example",
            role="member",
            actor=owner,
            now=clock.now + timedelta(seconds=number),
        )
    clock.forward(minutes=10)
    refused = invite(browser, "one.more@n.example")
    page = refused.content.decode()
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) == DAY.total_seconds() - 600
    assert "all 110 invitations of a day" in page
    assert "Please wait 24 hours" in page
    assert 'value="one.more@n.example"' in page
    clock.forward(hours=24, minutes=-10)
    assert invite(browser, "one.more@n.example").status_code == 302


def test_one_mail_has_no_invitation_that_was_refused(
    northwind: Account, owner: User, clock: Clock
) -> None:
    for number in range(110):
        invitations.invite(
            account=northwind,
            email=f"p{number}@n.example",
            role="member",
            actor=owner,
            now=clock.now,
        )
    with pytest.raises(invitations.InvitationsUsedUp):
        invitations.invite(
            account=northwind, email="p1@n.example", role="admin", actor=owner, now=clock.now
        )
    while delivery.send_due(now=clock.now):
        continue
    assert len(outgoing.outbox) == 110
    assert mail.kind_of(Notice.objects.latest("pk"))
    assert northwind.invitations.open().get(email="p1@n.example").role == "member"
