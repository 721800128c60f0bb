"""Who hears of a pass, who can stop it, and what alarms: S42."""

import re
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from pytest_django import Settings

from accounts import delivery
from accounts.models import Account, Membership, Notice, User
from enforcement import passes, policies, tasks
from enforcement.models import Pass
from tests.enforcement.desk import owner_browser
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S42")]


@pytest.fixture
def lou(northwind: Account, sam: User, clock: Clock) -> Enrolled:
    """An enrolled member of an account that requires it, who lost everything."""
    found = enrolled_person(email="lou@northwind.example", name="Lou Lost")
    Membership.objects.create(account=northwind, user=found.user, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    delivery_done(clock)
    return found


@pytest.fixture
def sam(clock: Clock) -> User:
    return enrolled_person(email="sam@gatehouse.example", is_staff=True).user


def delivery_done(clock: Clock) -> None:
    """Do what beat and worker do within the minute; forget what was mailed."""
    tasks.sweep()
    while delivery.send_due(now=clock.now):
        continue
    outgoing.outbox.clear()


def mailed_within_a_minute(clock: Clock) -> list[tuple[str, str]]:
    """Return recipient and subject of the mails about a pass; the period has its own."""
    tasks.sweep()
    delivery.send_due(now=clock.now)
    found = sorted((each.to[0], str(each.subject)) for each in outgoing.outbox)
    outgoing.outbox.clear()
    return [(to, subject) for to, subject in found if "pass" in subject]


def test_person_and_owner_are_mailed_at_each_turn(lou: Enrolled, sam: User, clock: Clock) -> None:
    """The first use has no mail in the rules' table: who granted or was granted it knows."""
    ask = {"message": "My phone fell into the canal."}
    half_way = sign_in(lou.user)
    half_way.post("/login/help/", ask)
    owner, own = "owner@northwind.example", lou.user.email
    assert [to for to, _ in mailed_within_a_minute(clock)] == [own, owner]
    passes.grant_pass(user=lou.user, actor=sam, reason="lost", now=clock.now)
    told = mailed_within_a_minute(clock)
    assert [to for to, _ in told] == [own, owner]
    assert all("24-hour pass" in subject for _, subject in told), told
    assert is_in(sign_in(lou.user))
    assert [to for to, _ in mailed_within_a_minute(clock)] == []
    clock.forward(hours=23)
    assert [to for to, _ in mailed_within_a_minute(clock)] == [own]
    clock.forward(hours=1)
    assert [to for to, _ in mailed_within_a_minute(clock)] == [own, owner]


def test_owners_read_that_set_up_ended_it_and_of_no_sign_out(
    lou: Enrolled, sam: User, clock: Clock
) -> None:
    passes.grant_pass(user=lou.user, actor=sam, reason="lost", now=clock.now)
    delivery_done(clock)
    clock.forward(hours=1)
    enrol_app(User.objects.get(pk=lou.user.pk), now=clock.now)
    delivery.send_due(now=clock.now)
    (letter,) = (each for each in outgoing.outbox if "pass" in str(each.subject))
    assert letter.to == ["owner@northwind.example"]
    assert f"{Pass.objects.get().closed_at:%H:%M:%S} UTC" in str(letter.body)
    assert "signed out" not in str(letter.body)


def link_in(to: str, path: str) -> str:
    """Return the address in the last mail to ``to`` that holds ``path``."""
    (body,) = (str(each.body) for each in outgoing.outbox if each.to == [to])
    found = re.search(rf"http://testserver({path}\S*)", body)
    assert found, body
    return found[1]


@pytest.mark.parametrize("who", ["person", "owner"])
def test_one_click_on_the_mails_page_revokes_during_use(
    who: str, lou: Enrolled, owner: User, sam: User, clock: Clock
) -> None:
    passes.grant_pass(user=lou.user, actor=sam, reason="lost", now=clock.now)
    tasks.sweep()
    delivery.send_due(now=clock.now)
    person = {"person": lou.user, "owner": owner}[who]
    client, used = sign_in(person), sign_in(lou.user)
    link = link_in(person.email, r"\S*pass\S*/")
    assert client.get(link).status_code == 200
    assert is_in(used)
    client.post(link)
    assert not is_in(used)
    assert passes.open_pass(lou.user) is None


def test_nobody_else_can_use_the_owners_link(lou: Enrolled, sam: User, clock: Clock) -> None:
    granted = passes.grant_pass(user=lou.user, actor=sam, reason="lost", now=clock.now)
    for client in (browser(), sign_in(User.objects.get(email="ada@northwind.example"))):
        client.post(f"/passes/{granted.pk}/end/")
    assert passes.open_pass(lou.user) == granted


class Down(BaseEmailBackend):
    """A mail server that nobody reaches."""

    def open(self) -> None:
        raise ConnectionRefusedError

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError


def test_without_a_mail_server_it_is_granted_and_the_mail_tried_again(
    lou: Enrolled, owner: User, sam: User, clock: Clock, settings: Settings
) -> None:
    works, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Down"
    granted = passes.grant_pass(user=lou.user, actor=sam, reason="lost", now=clock.now)
    assert mailed_within_a_minute(clock) == []
    assert granted.is_running(now=clock.now)
    page = owner_browser(owner).get("/admin/accounts/notice/").content.decode()
    (row,) = re.findall(r"<tr>(?:(?!</tr>).)*Pass granted \(to owners\).*?</tr>", page, re.S)
    assert "waiting" in row
    assert "ConnectionRefusedError" in row
    settings.EMAIL_BACKEND = works
    clock.forward(minutes=1)
    assert len(mailed_within_a_minute(clock)) == 2


# The alarm.


def grant_to(number: int, *, actor: User | None, clock: Clock) -> None:
    for _ in range(number):
        person = enrolled_person().user
        passes.grant_pass(user=person, actor=actor, reason="lost", now=clock.now)


def alarms() -> list[str]:
    found = Notice.objects.filter(kind="alarm").order_by("pk")
    return [notice.context["alarm_text"] for notice in found]


@pytest.fixture
def operators(settings: Settings) -> None:
    settings.OPERATORS = ["ops@gatehouse.example"]


def test_the_fifth_grant_within_an_hour_sounds_the_alarm(
    sam: User, clock: Clock, operators: None, caplog: pytest.LogCaptureFixture
) -> None:
    grant_to(4, actor=sam, clock=clock)
    clock.forward(minutes=59)
    assert alarms() == []
    grant_to(1, actor=sam, clock=clock)
    said = f"5 passes were granted by person {sam.pk} within an hour."
    assert alarms() == [said]
    assert said in caplog.text
    assert 'gatehouse_alarm{alarm="many_passes"} 1' in Client().get("/metrics").content.decode()
    grant_to(1, actor=sam, clock=clock)
    assert len(alarms()) == 1, "once an hour"


def test_five_grants_over_more_than_an_hour_do_not(
    sam: User, clock: Clock, operators: None
) -> None:
    grant_to(4, actor=sam, clock=clock)
    clock.forward(hours=1)
    grant_to(1, actor=sam, clock=clock)
    assert alarms() == []


def test_each_who_grants_is_counted_alone(sam: User, clock: Clock, operators: None) -> None:
    grant_to(4, actor=sam, clock=clock)
    grant_to(4, actor=None, clock=clock)
    assert alarms() == []
    grant_to(1, actor=None, clock=clock)
    grant_to(1, actor=sam, clock=clock)
    assert len(alarms()) == 2
    assert "the command line" in alarms()[0]


def test_grants_that_did_not_see_one_another_sound_at_the_sweep(
    sam: User, clock: Clock, operators: None
) -> None:
    grant_to(3, actor=sam, clock=clock)
    grant_to(2, actor=None, clock=clock)
    Pass.objects.update(granted_by=sam)  # as if each had been granted before the others were seen
    assert alarms() == []
    tasks.sweep()
    assert len(alarms()) == 1
