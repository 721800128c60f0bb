"""Resetting a password: a reset never signs in, and its link is good once."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outgoing
from django.test import Client

from accounts import delivery, mail, moving, passwords, people
from accounts.models import Account, AuditEvent, Membership, Notice, User
from enforcement import support
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in
from tests.enforcement.shell import run
from tests.factories import PASSWORD, make_user
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.pages import Page

pytestmark = pytest.mark.django_db

NEW = "quite another password"


def ask(email: str, client: Client | None = None) -> Any:
    return (client or browser()).post("/password/reset/", {"email": email})


def mailed_link(now: datetime) -> str:
    outgoing.outbox.clear()
    while delivery.send_due(now=now):
        continue
    (message,) = [each for each in outgoing.outbox if "/password/reset/" in str(each.body)]
    (path,) = set(
        re.findall(r"http://testserver(/password/reset/[^\s]+/[^\s]+/)", str(message.body))
    )
    return str(path)


def mailed(now: datetime) -> list[str]:
    """Send what is owed; return who got a mail."""
    outgoing.outbox.clear()
    while delivery.send_due(now=now):
        continue
    return [each.to[0] for each in outgoing.outbox]


def choose(link: str, password: str = NEW, client: Client | None = None) -> Any:
    """Open the link as a browser does, and send the form."""
    client = client or browser()
    page = client.get(link, follow=True)
    if not page.redirect_chain:
        return page
    form = {"new_password1": password, "new_password2": password}
    return client.post(page.redirect_chain[-1][0], form)


@pytest.fixture
def link(ada: User, clock: Clock) -> str:
    ask(ada.email)
    return mailed_link(clock.now)


@pytest.mark.proves("S43", "B84")
def test_a_reset_sets_the_password_and_signs_nobody_in(link: str, ada: User) -> None:
    client = browser()
    assert choose(link, client=client)["Location"] == "/password/reset/complete/"
    assert not is_in(client)
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert AuditEvent.objects.filter(event="password_reset", subject_id=ada.pk).count() == 1
    assert Notice.objects.filter(kind="password_changed", user=ada).count() == 1


@pytest.mark.proves("S43", "B84")
def test_a_reset_skips_no_second_factor(clock: Clock) -> None:
    enrolled = enrolled_person()
    ask(enrolled.user.email)
    choose(mailed_link(clock.now))
    client = browser()
    answer = client.post("/login/", {"email": enrolled.user.email, "password": NEW})
    assert answer["Location"] == "/login/verify/"
    assert not is_in(client)


@pytest.mark.proves("S43")
def test_a_reset_ends_every_session(link: str, ada: User) -> None:
    clients = [sign_in(ada) for _ in range(3)]
    # A sign-in makes the link void: take one that is younger.
    passwords.reset_password(
        user=User.objects.get(pk=ada.pk), password=NEW, now=User.objects.get(pk=ada.pk).joined_at
    )
    assert not any(is_in(client) for client in clients)


@pytest.mark.proves("S43")
def test_a_link_is_good_once(link: str) -> None:
    assert choose(link).status_code == 302
    assert "new_password1" not in choose(link, "a third long password").content.decode()


@pytest.mark.proves("S43")
def test_a_link_lives_an_hour(link: str, ada: User, clock: Clock) -> None:
    clock.forward(minutes=59, seconds=59)
    assert browser().get(link).status_code == 302
    clock.forward(seconds=2)
    assert browser().get(link).status_code == 200
    assert not User.objects.get(pk=ada.pk).check_password(NEW)


@pytest.mark.proves("S43")
@pytest.mark.parametrize("what", ["signed in", "new address", "new password", "deactivated"])
def test_a_link_is_void_once_things_have_changed(
    what: str, link: str, ada: User, clock: Clock
) -> None:
    clock.forward(minutes=1)
    if what == "signed in":
        sign_in(ada)
    elif what == "new address":
        User.objects.filter(pk=ada.pk).update(email="new@northwind.example")
    elif what == "new password":
        passwords.change_password(user=ada, password="a third long password", now=clock.now)
    else:
        people.deactivate(user=ada, actor=None, now=clock.now)
    choose(link)
    assert not User.objects.get(pk=ada.pk).check_password(NEW)


@pytest.mark.proves("S43")
@pytest.mark.parametrize(
    "alter",
    [
        lambda link: link[:-2] + ("a" if link[-2] != "a" else "b") + "/",
        lambda link: re.sub(r"reset/[^/]+/", "reset/OTk/", link),
        lambda link: re.sub(r"reset/[^/]+/", "reset/%00/", link),
        lambda link: re.sub(r"reset/[^/]+/", "reset/OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5/", link),
        lambda link: re.sub(r"/[^/]+/$", "/set-password/", link),
    ],
)
def test_an_altered_link_opens_nothing(alter: Any, link: str, ada: User, owner: User) -> None:
    altered = alter(link)
    answer = choose(altered)
    assert answer.status_code in {200, 302}
    for person in (ada, owner):
        assert not User.objects.get(pk=person.pk).check_password(NEW)


def test_a_weak_password_is_refused(link: str, ada: User) -> None:
    for weak in ("short", "password1234", "adalovelace!", "ada@northwind.example"):
        page = choose(link, weak)
        assert page.status_code == 200, weak
        assert page.context["form"].errors, weak
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


def test_the_token_leaves_the_address_before_the_page_is_shown(link: str) -> None:
    page = browser().get(link, follow=True)
    (to, _) = page.redirect_chain[-1]
    assert to.endswith("/set-password/")
    assert link.split("/")[-2] not in page.content.decode()


def test_the_answer_is_the_same_for_every_address(ada: User, clock: Clock) -> None:
    inactive = make_user()
    people.deactivate(user=inactive, actor=None, now=clock.now)
    answers = [
        ask(email)
        for email in (
            ada.email,
            "nobody@northwind.example",
            inactive.email,
            "ADA@NORTHWIND.EXAMPLE",
        )
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/password/reset/done/")
    }
    assert mailed(clock.now) == [ada.email]


@pytest.mark.proves("S43", "B98")
@pytest.mark.parametrize(
    "email", ["ad\u0430@northwind.example", "ada@northw\u0131nd.example", "\ufb01@x.example"]
)
def test_an_address_that_looks_alike_gets_nobody_s_mail(
    email: str, ada: User, clock: Clock
) -> None:
    make_user("fi@x.example")
    ask(email)
    assert mailed(clock.now) == []


def test_the_button_pressed_often_is_one_mail(ada: User, clock: Clock) -> None:
    for _ in range(5):
        ask(ada.email)
    assert Notice.objects.count() == 1


@pytest.mark.proves("S43")
def test_the_next_mail_waits_two_minutes_whenever_the_first_was_asked_for(
    ada: User, clock: Clock
) -> None:
    clock.set(clock.now.replace(minute=1, second=59, microsecond=0))
    ask(ada.email)
    for seconds, sent in ((1, 1), (118, 1), (1, 2)):
        clock.forward(seconds=seconds)
        ask(ada.email)
        assert Notice.objects.filter(kind="password_reset").count() == sent


@pytest.mark.proves("S43")
def test_a_forged_host_is_in_no_mail(ada: User, clock: Clock) -> None:
    Client(headers={"host": "localhost", "x-forwarded-host": "evil.example"}).post(
        "/password/reset/", {"email": ada.email}
    )
    assert mailed_link(clock.now)
    answer = Client(headers={"host": "evil.example"}).post("/password/reset/", {"email": ada.email})
    assert answer.status_code == 400


def test_whoever_has_no_password_yet_chooses_one(clock: Clock) -> None:
    person = make_user(password=None)
    ask(person.email)
    choose(mailed_link(clock.now))
    assert User.objects.get(pk=person.pk).check_password(NEW)


def test_one_address_has_a_hundred_mails_sent_in_five_minutes(ada: User, clock: Clock) -> None:
    for number in range(100):
        assert ask(f"person{number}@n.example").status_code == 302
    answer = ask(ada.email)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "300"
    assert "Please wait 5 minutes" in Page(answer).text
    assert not Notice.objects.filter(user=ada, kind="password_reset").exists()


def test_a_person_is_mailed_five_resets_a_day_quickly_and_then_one_an_hour(
    ada: User, clock: Clock
) -> None:
    """A stranger presses the button throughout a day; the answer is the same each time."""
    answers = set()
    for _ in range(24 * 6):
        answers.add(ask(ada.email)["Location"])
        clock.forward(minutes=10)
    assert answers == {"/password/reset/done/"}
    # The first five within 40 minutes; from then on each waits an hour for the one before.
    assert Notice.objects.filter(user=ada, kind="password_reset").count() == 5 + 23


def test_whoever_waits_for_a_reset_has_a_link_that_is_good(ada: User, clock: Clock) -> None:
    for _ in range(10):
        ask(ada.email)
        clock.forward(minutes=2)
    latest = Notice.objects.filter(user=ada, kind="password_reset").latest("pk")
    assert clock.now - latest.created_at < timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


# Whoever is made without a password gets a mail to choose one, whatever strangers asked before.

LATER = "new@northwind.example"


def moved_there(account: Account, ada: User, now: datetime) -> None:
    mine = Membership.objects.get(account=account, user=ada)
    moving.move(user=ada, membership_id=mine.pk, email=LATER, now=now)


def added_by_hand(account: Account, ada: User, now: datetime) -> None:
    run("add_member", account.slug, LATER)


def added_by_support(account: Account, ada: User, now: datetime) -> None:
    root = enrolled_person(is_staff=True, is_superuser=True).user
    support.add_person(email=LATER, name="Nell", is_staff=False, actor=root, now=now)


@pytest.mark.parametrize("make", [moved_there, added_by_hand, added_by_support])
def test_a_stranger_takes_the_first_mail_from_nobody(
    make: Callable[[Account, User, datetime], None], northwind: Account, ada: User, clock: Clock
) -> None:
    ask(LATER)
    mailed(clock.now)
    make(northwind, ada, clock.now)
    assert User.objects.get(email=LATER).notices.filter(kind="password_reset").count() == 1
    choose(mailed_link(clock.now))
    assert User.objects.get(email=LATER).check_password(NEW)


def test_what_was_asked_before_anybody_had_the_address_delays_no_reset(clock: Clock) -> None:
    for _ in range(10):
        ask(LATER)
        clock.forward(minutes=2)
    ask(LATER)
    assert mailed(clock.now) == []
    make_user(LATER)
    ask(LATER)
    assert mailed(clock.now) == [LATER]
    ask(LATER)
    assert mailed(clock.now) == []


def test_what_was_asked_by_whoever_had_the_address_delays_no_reset(ada: User, clock: Clock) -> None:
    address = ada.email
    ask(address)
    User.objects.filter(pk=ada.pk).update(email="ada@elsewhere.example")
    heir = make_user(address)
    ask(address)
    assert Notice.objects.filter(user=heir, kind="password_reset").count() == 1


def resets_of(person: User) -> int:
    return Notice.objects.filter(user=person, kind="password_reset").count()


@pytest.mark.parametrize("before", ["other mails", "resets of the day before"])
def test_only_the_resets_of_a_day_make_the_next_one_wait_longer(
    before: str, ada: User, clock: Clock
) -> None:
    for number in range(6):
        if before == "other mails":
            password = f"long password number {number}"
            passwords.change_password(
                user=User.objects.get(pk=ada.pk), password=password, now=clock.now
            )
        else:
            ask(ada.email)
        clock.forward(hours=1)
    if before != "other mails":
        clock.forward(days=1)
    already = resets_of(ada)
    for _ in range(2):
        ask(ada.email)
        clock.forward(minutes=2)
    assert resets_of(ada) == already + 2


def test_the_mail_to_choose_a_first_password_stands_in_no_reset_s_way(
    ada: User, clock: Clock
) -> None:
    passwords.ask_to_choose(ada, now=clock.now)
    assert passwords.ask_for_reset(email=ada.email, now=clock.now)
    assert resets_of(ada) == 2


def test_what_was_asked_for_unknown_addresses_is_forgotten_after_a_day(
    ada: User, clock: Clock
) -> None:
    """Not a mail that is under way, nor those of people, nor one of another kind."""
    asked_at = clock.now
    ask(LATER)
    mail.owe("alarm", to="ops@gatehouse.example", occasion="one", drop_at=asked_at, now=asked_at)
    passwords.ask_for_reset(email=ada.email, now=asked_at)
    passwords.forget_unknown(now=asked_at + DAY)
    assert Notice.objects.count() == 3
    while delivery.send_due(now=asked_at):
        continue
    passwords.forget_unknown(now=asked_at + DAY - MS)
    assert Notice.objects.count() == 3
    passwords.forget_unknown(now=asked_at + DAY)
    assert set(Notice.objects.values_list("recipient", flat=True)) == {
        ada.email,
        "ops@gatehouse.example",
    }


def test_wrong_passwords_of_others_stop_no_reset(ada: User, clock: Clock) -> None:
    for _ in range(11):
        browser().post("/login/", {"email": ada.email, "password": "wrong"})
    assert ask(ada.email).status_code == 302
    assert Notice.objects.filter(user=ada, kind="password_reset").exists()
