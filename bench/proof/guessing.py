"""Strangers who guess one person's password from many addresses, and the person beside them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import time_machine
from django.test import Client

from accounts import throttle
from accounts.models import User
from bench import people

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOME, PASSWORD = "192.0.2.1", "correct horse battery"
PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate"}


class LockedOut(AssertionError):
    """The person did not get in at the first try, or more guesses were looked at than may be."""


def strangers_beside_a_known_browser(guesses: int, *, addresses: int = 100, visits: int) -> str:
    """Let strangers guess ``guesses`` times; sign the person in ``visits`` times among them.

    A tenth of the strangers sits behind the person's own address.

    :raises LockedOut: if any visit fails, or an address has more than ten guesses evaluated.
    """
    with time_machine.travel(START, tick=False) as clock, people.cheap_backup_codes():
        person, secret = _victim()
        browser = _browser(HOME)
        _visit(browser, person, secret)
        clock.shift(timedelta(hours=25))  # the address is worth no more than any other
        answers = Counter[int]()
        for number in range(guesses):
            place = number % addresses
            address = HOME if place % 10 == 0 else f"198.51.100.{place}"
            answers[_guess(_browser(address), person, number)] += 1
            if number % (guesses // visits) == 0:
                clock.shift(timedelta(seconds=31))
                _visit(browser, person, secret)
        _check(answers, addresses)
    return (
        f"{guesses:,} wrong passwords from {addresses} addresses, {answers[429]:,} of them refused "
        f"unevaluated; the person got in at the first try, {visits} of {visits}"
    )


def _victim() -> tuple[User, str]:
    person = people.make_person()
    person.set_password(PASSWORD)
    person.save()
    return person, people.enrol(person, now=START - timedelta(hours=1))


def _browser(address: str) -> Client:
    return Client(headers=PAGE, REMOTE_ADDR=address)


def _guess(client: Client, person: User, number: int) -> int:
    fields = {"email": person.email, "password": f"guess {number}"}
    return client.post("/login/", fields).status_code


def _visit(browser: Client, person: User, secret: str) -> None:
    browser.post("/login/", {"email": person.email, "password": PASSWORD})
    code = people.app_code(secret, now=datetime.now(UTC))
    browser.post("/login/verify/", {"code": code})
    if browser.get("/settings/security/").status_code != 200:
        raise LockedOut("The person did not get in.")
    browser.post("/logout/")


def _check(answers: Counter[int], addresses: int) -> None:
    spans = (datetime.now(UTC) - START - timedelta(hours=25)) // throttle.WINDOW + 2
    # The person got in from one of the addresses, and so earned it five more.
    evaluated, most = answers[200], spans * (addresses * throttle.ALLOWED + 5)
    if set(answers) != {200, 429} or evaluated > most:
        raise LockedOut(f"Answers {dict(answers)}; at most {most} were to be evaluated.")
