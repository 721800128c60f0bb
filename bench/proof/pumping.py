"""Texts asked for to cost the site money: many accounts, people, numbers and addresses at once."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import phonenumbers
import time_machine
from django.test import override_settings

from accounts.models import AlarmBell, User
from accounts.throttle import TooMany
from bench import people
from twofactor import enrolment, phones
from twofactor.models import SentCode, TextCharge
from twofactor.redeem import Kind, Try, redeemed
from twofactor.texts import TextsUsedUp, UsedUp

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PREFIXES, ADDRESSES = 50, 400
# What rules.md allows within the hour that this takes; two members an account.
MOST = {"person": 5, "number": 5, "address": 10, "account": 100 + 6 * 2}


class Pumped(AssertionError):
    """More texts went out than a limit allows, or the operators did not hear of it."""


def pump(attempts: int, *, accounts: int, daily_limit: int, seed: int = 1) -> str:
    """Ask for ``attempts`` texts within an hour, to numbers of fifty prefixes.

    One in ten is asked for by one person, to one number, or from one address.

    :raises Pumped: if a limit was overshot, the alarm was late, or an app's code was refused.
    """
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        override_settings(SMS_DAILY_LIMIT=daily_limit, OUTBOX_DIR=Path(folder)),
        time_machine.travel(START, tick=False) as clock,
        people.cheap_backup_codes(),
    ):
        members, numbers = list(_members(accounts)), _numbers()
        refused = Counter[str]()
        stopped_at: datetime | None = None
        for number in range(attempts):
            clock.move_to(START + HOUR * number / attempts)
            outcome = _ask(random, members, numbers)
            refused[outcome] += 1
            if outcome == UsedUp.SITE and stopped_at is None:
                stopped_at = datetime.now(UTC)
        sent = _texts_in(Path(folder))
        most = _check(sent, daily_limit=daily_limit)
        _check_alarm(stopped_at)
        _check_app()
    return (
        f"{attempts:,} texts asked for within an hour over {accounts} accounts and {PREFIXES} "
        f"prefixes: {sent.total():,} sent, the limit of the site; {most}; alarm at once, and an "
        "app's code as good as ever"
    )


def _members(accounts: int) -> Iterator[User]:
    for _ in range(accounts):
        account = people.make_account(now=START)
        people.join(people.make_person(), account, now=START)
        yield from User.objects.filter(memberships__account=account)


def _numbers() -> list[str]:
    """Return forty numbers under each of fifty area codes."""
    codes = [code for code in range(201, 990) if _is_textable(f"+1{code}5550123")][:PREFIXES]
    return [f"+1{code}55501{number:02}" for code in codes for number in range(40)]


def _is_textable(number: str) -> bool:
    try:
        phones.parse(number, country="US")
    except (phones.BadPhone, phonenumbers.NumberParseException):
        return False
    return True


def _ask(random: Random, members: list[User], numbers: list[str]) -> str:
    """Ask for one text, in a set-up of its own; return what came of it."""
    axis = random.choice([*MOST, *[""] * 26])
    person = members[0 if axis == "person" else random.randrange(len(members))]
    number = numbers[0 if axis == "number" else random.randrange(len(numbers))]
    place = 0 if axis == "address" else random.randrange(ADDRESSES)
    now, attempt = datetime.now(UTC), f"a{random.getrandbits(64):x}"
    device = enrolment.begin_phone(
        person, phones.parse(number, country="US"), attempt=attempt, now=now
    )
    address = f"203.0.{place // 250}.{place % 250}"
    try:
        enrolment.text_setup_code(person, device, attempt=attempt, address=address, now=now)
    except TooMany:
        return "wait"
    except TextsUsedUp as error:
        return str(error.whose)
    return "sent"


def _texts_in(folder: Path) -> Counter[str]:
    return Counter(json.loads(text.read_text())["to"] for text in folder.glob("*.json"))


def _check(sent: Counter[str], *, daily_limit: int) -> str:
    rows = SentCode.objects.all()
    counted: dict[str, Counter[Any]] = {
        "person": Counter(rows.values_list("user_id", flat=True)),
        "number": sent,
        "address": Counter(rows.values_list("address", flat=True)),
        "account": Counter(TextCharge.objects.values_list("account_id", flat=True)),
    }
    most = {axis: max(counts.values()) for axis, counts in counted.items()}
    if sent.total() != daily_limit or any(most[axis] > MOST[axis] for axis in MOST):
        raise Pumped(f"{sent.total()} texts sent, where {daily_limit} may be; at most {most}.")
    return "at most " + ", ".join(f"{count} per {axis}" for axis, count in most.items())


def _check_alarm(stopped_at: datetime | None) -> None:
    bell = AlarmBell.objects.filter(name="texts_used_up").first()
    if stopped_at is None or bell is None or bell.sounded_at is None:
        raise Pumped("The site's texts were not used up, or no alarm sounded.")
    if bell.sounded_at - stopped_at > MINUTE:
        raise Pumped(f"The alarm came {bell.sounded_at - stopped_at} late.")


def _check_app() -> None:
    """An authenticator app needs no text: its code is as good as before.

    :raises twofactor.redeem.CodeRejected: if it is not.
    """
    now, person = datetime.now(UTC), people.make_person()
    secret = people.enrol(person, now=now - HOUR)
    code = people.app_code(secret, now=now)
    given = Try(user_id=person.pk, kind=Kind.APP, code=code, attempt="a", address=people.ADDRESS)
    with redeemed(given, now=now):
        pass


def run(attempts: int) -> str:
    """The run of `make proof`: five hundred accounts, and the limit that is shipped."""
    return pump(attempts, accounts=max(5, attempts // 20), daily_limit=max(20, attempts // 5))
