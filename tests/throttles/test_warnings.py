"""Who has the password and not the codes is told on: one mail for each run of failures."""

import re
from datetime import timedelta

import pytest
from django.core import mail as outgoing

from accounts import delivery
from accounts.models import Notice
from tests.enforcement.kit import enrolled_person
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.throttles.kit import RECOVERY, VERIFY, at, begin
from tests.twofactor.people import Enrolled, wrong
from twofactor.budget import WARNINGS

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S12")]

THIEF = "203.0.113.66"


@pytest.fixture
def victim(db: None, clock: Clock) -> Enrolled:
    return enrolled_person(email="victim@northwind.example")


def warned(victim: Enrolled) -> list[str]:
    kinds = Notice.objects.filter(user=victim.user, kind__in=WARNINGS).order_by("pk")
    return list(kinds.values_list("kind", flat=True))


def mails(clock: Clock) -> list[str]:
    """Send what is owed; return the texts of those that warn."""
    outgoing.outbox.clear()
    while delivery.send_due(now=clock.now):
        continue
    about = ("Somebody has your password", "A right code, after wrong ones")
    return [str(sent.body) for sent in outgoing.outbox if sent.subject.startswith(about)]


def fail(victim: Enrolled, times: int, clock: Clock, *, then_in: bool = False) -> None:
    client = begin(victim, THIEF)
    for _ in range(times):
        client.post(VERIFY, {"code": wrong(victim.code_at(clock.now))})
    if then_in:
        assert client.post(VERIFY, {"code": victim.code_at(clock.now)}).status_code == 302


@pytest.mark.parametrize(
    ("failures", "then_in", "kinds"),
    [
        (2, False, []),
        (3, False, ["codes_failed"]),
        (5, False, ["codes_failed"]),
        (1, True, []),
        (2, True, ["in_after_failures"]),
        (4, True, ["codes_failed"]),
    ],
)
def test_a_run_of_failures_is_one_mail(
    failures: int, then_in: bool, kinds: list[str], victim: Enrolled, clock: Clock
) -> None:
    fail(victim, failures, clock, then_in=then_in)
    assert warned(victim) == kinds
    clock.forward(seconds=60)
    assert len(mails(clock)) == len(kinds)


@pytest.mark.parametrize(("failures", "then_in"), [(3, False), (2, True)])
def test_the_mail_has_time_address_and_browser_and_no_code(
    failures: int, then_in: bool, victim: Enrolled, clock: Clock
) -> None:
    codes = {victim.code_at(clock.now), wrong(victim.code_at(clock.now))}
    fail(victim, failures, clock, then_in=then_in)
    (text,) = mails(clock)
    assert f"{clock.now:%H:%M}" in text
    assert THIEF in text
    assert "Firefox on Linux" in text
    assert "/not-me/" in text
    told = re.sub(r"/not-me/\S+", "", text)
    assert not codes & set(re.findall(r"\d{6}", told))


def test_a_later_run_is_told_anew(victim: Enrolled, clock: Clock) -> None:
    fail(victim, 3, clock)
    clock.forward(minutes=10)
    fail(victim, 3, clock)
    assert len(mails(clock)) == 1
    clock.forward(minutes=61)
    fail(victim, 3, clock)
    assert len(mails(clock)) == 1
    assert warned(victim) == ["codes_failed"] * 2


def test_a_success_long_after_failures_is_no_news(victim: Enrolled, clock: Clock) -> None:
    fail(victim, 2, clock)
    clock.forward(minutes=61)
    fail(victim, 0, clock, then_in=True)
    assert warned(victim) == []


def test_a_backup_code_after_failures_is_told_as_well(victim: Enrolled, clock: Clock) -> None:
    client = begin(victim, THIEF)
    for _ in range(2):
        client.post(RECOVERY, {"code": "x"})
    client.post(RECOVERY, {"code": victim.codes[0]})
    assert warned(victim) == ["in_after_failures"]


def test_wrong_passwords_of_strangers_are_mailed_to_nobody(victim: Enrolled, clock: Clock) -> None:
    for number in range(20):
        fields = {"email": victim.user.email, "password": f"wrong {number}"}
        at(f"198.51.100.{number}").post("/login/", fields)
    fail(victim, 0, clock, then_in=True)
    assert warned(victim) == []


def test_the_mail_that_asks_for_a_new_password_says_where(victim: Enrolled, clock: Clock) -> None:
    for _ in range(4):
        fail(victim, 5, clock)
        clock.forward(hours=1)
    clock.set(clock.now - timedelta(hours=1))
    outgoing.outbox.clear()
    delivery.send_due(now=clock.now)
    (sent,) = [one for one in outgoing.outbox if one.subject == "Please choose a new password"]
    assert "http://testserver/password/reset/" in str(sent.body)
    assert PASSWORD not in str(sent.body)
