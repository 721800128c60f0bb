"""Every worker dead for hours, across a deadline: nobody gets past, and nothing is owed twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import time_machine
from django.conf import settings
from django.test import Client

from accounts.models import Notice, User
from bench import people
from enforcement import policies, tasks
from enforcement.models import Policy

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)
PAGE = "/settings/"


class Broken(AssertionError):
    """Somebody got past the deadline, or a mail was lost or owed twice."""


def workers_dead_across_a_deadline(members: int, *, outage: timedelta = 6 * HOUR) -> str:
    """Let the jobs stand still from two hours before a deadline until ``outage`` later.

    One member in three is enrolled. All are signed in.

    :raises Broken: if the gate or the mails come out wrong.
    """
    with time_machine.travel(START, tick=False) as clock, people.cheap_backup_codes():
        policy, enrolled, others = _populate(members)
        tasks.carry_out(now=START)
        clock.move_to(policy.deadline - MS)
        _expect(enrolled + others, 200, "before the deadline")
        clock.move_to(policy.deadline)
        _expect(enrolled, 200, "enrolled, at the deadline")
        _expect(others, 302, "not enrolled, at the deadline")
        clock.move_to(policy.deadline - 2 * HOUR + outage)
        for _ in range(3):
            tasks.carry_out(now=policy.deadline - 2 * HOUR + outage)
        _expect(others, 302, "not enrolled, after the outage")
        _check_mails(policy, members=members, signed_out=len(others))
        policies.switch_off(account=policy.account, actor=None, now=policy.deadline + outage)
        clock.move_to(policy.deadline + outage)
        _expect(others, 302, "signed out, and the requirement over")
        _expect(enrolled, 200, "enrolled, and the requirement over")
    hours = outage / HOUR
    return (
        f"{hours:g} h without workers across a deadline, {members:,} members: "
        f"{len(others):,} of {len(others):,} held at the deadline, each signed out and mailed once"
    )


def _populate(members: int) -> tuple[Policy, list[Client], list[Client]]:
    account = people.make_account(now=START - 10 * HOUR)
    enrolled: list[Client] = []
    others: list[Client] = []
    for number in range(members):
        person = people.make_person()
        people.join(person, account, now=START - 5 * HOUR)
        is_enrolled = number % 3 == 0
        if is_enrolled:
            people.enrol(person, now=START - 2 * HOUR)
        (enrolled if is_enrolled else others).append(_browser(person, is_enrolled))
    return policies.switch_on(account=account, actor=None, now=START), enrolled, others


def _browser(person: User, is_verified: bool) -> Client:
    browser = Client(HTTP_ACCEPT="text/html")
    key = people.sign_in(person, verified=is_verified, now=START)
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    return browser


def _expect(browsers: list[Client], status: int, who: str) -> None:
    found = Counter(browser.get(PAGE).status_code for browser in browsers)
    if found != {status: len(browsers)}:
        raise Broken(f"{who}: {dict(found)}")


def _check_mails(policy: Policy, *, members: int, signed_out: int) -> None:
    """What was due during the outage and is stale by now is dropped; the rest is owed once."""
    found = Counter(
        Notice.objects.filter(account_id=policy.account_id).values_list("kind", flat=True)
    )
    told = found["requirement_must_act"] + found["requirement_ready"]
    expected = {"signed_out": signed_out, "owner_result": 1, "reminder_12h": 0, "reminder_1h": 0}
    differing = {kind: found[kind] for kind, number in expected.items() if found[kind] != number}
    if differing or told != members + 1:  # the owner is a member
        raise Broken(f"The mails owed are {dict(found)}.")
