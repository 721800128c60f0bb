"""Switching the requirement in the admin: the preview, the proof, the one period."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core import mail as outgoing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import delivery, invitations
from accounts.models import Account, AuditEvent, Membership, Notice, Plan, Role, User
from enforcement import passes, tasks
from enforcement.models import Policy
from tests.enforcement.desk import (
    account_page,
    owner_browser,
    requirement_page,
    root_browser,
    support_browser,
    switch,
)
from tests.enforcement.kit import (
    PAGE,
    browser,
    enrolled_person,
    fetch,
    sign_in,
    sign_in_with_code,
)
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import DAY, Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def outcomes(answer: Any) -> dict[str, str]:
    """Return each member's address with the outcome and flags that the page shows."""
    rows = answer.context["members"].page
    return {
        row.membership.user.email: " ".join(
            [str(row.outcome), *["mail"] * row.mail_fails, *["outside"] * row.is_outside]
        )
        for row in rows
    }


def test_the_preview_shows_everybody_and_changes_nothing(
    owner: User, northwind: Account, clock: Clock
) -> None:
    root = enrolled_person(is_superuser=True, email="root@gatehouse.example").user
    ready = enrolled_person(email="ready@northwind.example").user
    helped = enrolled_person(email="helped@northwind.example").user
    passes.grant_pass(user=helped, actor=root, reason="lost", now=clock.now)
    gone = make_user("gone@northwind.example", is_active=False)
    dan = make_user("dan@personal.example", mail_failed_at=clock.now)
    for person in (ready, helped, gone, dan):
        Membership.objects.create(account=northwind, user=person)
    Account.objects.filter(pk=northwind.pk).update(email_domains=["northwind.example"])
    invitations.invite(
        account=northwind, email="new@northwind.example", role=Role.MEMBER, actor=owner,
        now=clock.now,
    )  # fmt: skip
    before = AuditEvent.objects.count(), Notice.objects.count()
    answer = owner_browser(owner).get(requirement_page(northwind))
    assert outcomes(answer) == {
        "ada@northwind.example": "must_act",
        "dan@personal.example": "must_act mail outside",
        "helped@northwind.example": "on_pass",
        "owner@northwind.example": "must_act",
        "ready@northwind.example": "ready",
    }
    words = text_of(answer)
    assert "Thursday, 26 November 2026, 10:30:10 UTC" in words
    assert "Open invitations 1" in words
    assert "You have not set up two-factor authentication yourself" in words
    assert "is now a rule for everyone in Northwind, switched on by Olga Owner" in words
    assert "no working email" in words
    assert "address outside the domains" in words
    assert not Policy.objects.exists()
    assert (AuditEvent.objects.count() - 1, Notice.objects.count()) == before  # the sign-in


def test_the_mail_shown_proves_nobodys_mailbox(owner: User, northwind: Account) -> None:
    answer = owner_browser(owner).get(requirement_page(northwind))
    links = re.findall(r"/two-factor/setup/link/([^/]+)/", answer.content.decode())
    assert links == ["your-own-link"]


@pytest.mark.parametrize("sent_to", [["US"], []])
def test_the_mail_shown_is_the_one_that_is_sent(
    sent_to: list[str], owner: User, northwind: Account, clock: Clock, settings: Any
) -> None:
    settings.SMS_COUNTRIES = sent_to
    client = owner_browser(owner)
    shown = client.get(requirement_page(northwind)).context["preview"].mails[0].text
    switch(client, northwind)
    tasks.carry_out(now=clock.now)
    delivery.send_due(now=clock.now)
    subject = "Northwind asks you to set up"
    sent = next(
        each for each in outgoing.outbox if each.to == [owner.email] and subject in each.subject
    )
    own_link = re.sub(r"/link/[^/]+/", "/link/your-own-link/", str(sent.body))
    assert own_link == shown
    assert ("by text message" in shown) is bool(sent_to)


def test_the_preview_follows_the_viewers_zone(owner: User, northwind: Account) -> None:
    User.objects.filter(pk=owner.pk).update(time_zone="Asia/Kolkata")
    words = text_of(owner_browser(owner).get(requirement_page(northwind)))
    assert "Thursday, 26 November 2026, 16:00:10 IST (Asia/Kolkata; 10:30:10 UTC)" in words


def test_an_owner_switches_on_from_the_instant_of_the_post(
    owner: User, northwind: Account, clock: Clock
) -> None:
    client = owner_browser(owner)
    seen = clock.now
    client.get(requirement_page(northwind))
    clock.forward(minutes=4)
    answer = switch(client, northwind, preview_at=seen.isoformat())
    assert answer["Location"] == account_page(northwind)
    policy = Policy.objects.get()
    assert (policy.starts_at, policy.deadline) == (clock.now, clock.now + DAY)
    assert (policy.started_by, policy.account) == (owner, northwind)
    assert not Notice.objects.filter(kind="policy_support_switched").exists()
    page = text_of(client.get(account_page(northwind)))
    assert "10:34:10 UTC" in page
    assert "by Olga Owner" in page


def test_two_clicks_make_one_period(owner: User, northwind: Account, clock: Clock) -> None:
    client, now = owner_browser(owner), clock.now
    for _ in range(2):
        answer = switch(client, northwind, preview_at=now.isoformat())
        assert answer.status_code == 302
        clock.forward(seconds=1)
    assert Policy.objects.get().starts_at == now
    assert AuditEvent.objects.filter(event="policy_on").count() == 1
    assert "already" in text_of(client.get(account_page(northwind)))


def test_off_and_on_again_is_a_new_period(owner: User, northwind: Account, clock: Clock) -> None:
    client = owner_browser(owner)
    for state in ("on", "off", "off", "on"):
        switch(client, northwind, state)
        clock.forward(minutes=1)
    assert Policy.objects.count() == 2
    assert Policy.objects.filter(ended_at=None).count() == 1
    rows = list(AuditEvent.objects.order_by("number").values_list("event", flat=True))
    assert [event for event in rows if event.startswith("policy")] == [
        "policy_on",
        "policy_off",
        "policy_on",
    ]
    assert "Past periods" in text_of(client.get(account_page(northwind)))


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [
        (timedelta(minutes=10) - timedelta(milliseconds=1), True),
        (timedelta(minutes=10), False),
        (timedelta(milliseconds=-1), False),
    ],
)
def test_a_preview_is_good_for_ten_minutes(
    age: timedelta, is_taken: bool, owner: User, northwind: Account, clock: Clock
) -> None:
    answer = switch(owner_browser(owner), northwind, preview_at=(clock.now - age).isoformat())
    assert Policy.objects.exists() is is_taken
    if not is_taken:
        assert "more than ten minutes old" in text_of(answer)
        assert f'value="{clock.now.isoformat()}"' in answer.content.decode()


@pytest.mark.parametrize("value", ["", "yesterday", "2026-11-25T10:30:10", "9" * 400, "\0"])
def test_a_preview_at_no_instant_is_refused(value: str, owner: User, northwind: Account) -> None:
    answer = switch(owner_browser(owner), northwind, preview_at=value)
    assert answer.status_code == 200
    assert not Policy.objects.exists()


def test_nothing_else_in_the_form_counts(owner: User, northwind: Account, clock: Clock) -> None:
    switch(
        owner_browser(owner), northwind,
        starts_at="2020-01-01T00:00:00Z", deadline="2030-01-01T00:00:00Z", started_by="99",
        reason="mine",
    )  # fmt: skip
    policy = Policy.objects.get()
    assert (policy.starts_at, policy.deadline) == (clock.now, clock.now + DAY)
    assert (policy.started_by, policy.reason) == (owner, "")


@pytest.mark.parametrize("confirm", ["", "maybe", "ON"])
def test_only_on_and_off_are_understood(confirm: str, owner: User, northwind: Account) -> None:
    switch(owner_browser(owner), northwind, confirm)
    assert not Policy.objects.exists()


# Who may, and with which proof


def test_a_password_older_than_ten_minutes_is_asked_again(
    owner: User, northwind: Account, clock: Clock
) -> None:
    client = owner_browser(owner)
    clock.forward(minutes=10)
    for answer in (client.get(requirement_page(northwind)), switch(client, northwind)):
        path = requirement_page(northwind)
        assert unquote(answer["Location"]) == f"/reauthenticate/?next={path}"
    assert fetch(client, requirement_page(northwind)).status_code == 401
    assert not Policy.objects.exists()
    answer = client.post(
        "/reauthenticate/", {"password": PASSWORD, "next": requirement_page(northwind)}
    )
    assert answer["Location"] == requirement_page(northwind)
    assert switch(client, northwind).status_code == 302
    assert Policy.objects.exists()


def test_the_same_holds_for_switching_off(owner: User, northwind: Account, clock: Clock) -> None:
    client = owner_browser(owner)
    switch(client, northwind)
    clock.forward(minutes=10)
    assert switch(client, northwind, "off")["Location"].startswith("/reauthenticate/")
    assert Policy.objects.get().ended_at is None


def test_an_owner_with_a_device_gives_it_and_no_backup_code(
    owner: User, northwind: Account, clock: Clock
) -> None:
    enrolled = enrol_app(owner, now=clock.now)
    client = sign_in(owner)
    client.post("/login/recovery/", {"code": enrolled.codes[0]})
    assert client.get("/settings/").status_code == 200
    assert switch(client, northwind)["Location"].startswith("/reauthenticate/")
    assert not Policy.objects.exists()
    assert switch(sign_in_with_code(enrolled), northwind).status_code == 302
    assert Policy.objects.exists()


def test_support_switches_with_a_reason_and_the_owners_are_mailed(
    northwind: Account, owner: User, clock: Clock
) -> None:
    client = support_browser()
    answer = switch(client, northwind)
    assert "This field is required" in text_of(answer)
    assert not Policy.objects.exists()
    assert switch(client, northwind, reason="Olga rang, number known.").status_code == 302
    assert Policy.objects.get().reason == "Olga rang, number known."
    clock.forward(minutes=1)
    assert switch(client, northwind, "off", reason="Olga rang again.").status_code == 302
    told = Notice.objects.filter(kind="policy_support_switched").order_by("pk")
    assert [(one.user, one.context["is_on"], one.context["reason"]) for one in told] == [
        (owner, True, "Olga rang, number known."),
        (owner, False, "Olga rang again."),
    ]
    assert {one.context["actor_name"] for one in told} == {"our support"}


def test_support_who_own_the_account_give_no_reason(clock: Clock) -> None:
    enrolled = enrolled_person(is_staff=True)
    account = make_account(owner=enrolled.user)
    assert switch(sign_in_with_code(enrolled), account).status_code == 302
    assert Policy.objects.exists()
    assert not Notice.objects.filter(kind="policy_support_switched").exists()


def test_support_need_a_fresh_device(northwind: Account, clock: Clock) -> None:
    client = support_browser()
    clock.forward(minutes=10)
    answer = switch(client, northwind, reason="asked")
    assert answer["Location"].startswith("/reauthenticate/")
    assert not Policy.objects.exists()


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_members_and_admins_may_not(role: Role, ada: User, northwind: Account) -> None:
    Membership.objects.filter(user=ada).update(role=role)
    client = sign_in(ada)
    assert client.get(requirement_page(northwind)).status_code == 403
    assert switch(client, northwind).status_code == 403
    assert not Policy.objects.exists()


def test_the_owner_of_another_account_finds_no_such_page(northwind: Account) -> None:
    other = make_user("other@solo.example")
    make_account("solo", owner=other)
    client = owner_browser(other)
    assert client.get(requirement_page(northwind)).status_code == 404
    assert switch(client, northwind).status_code == 404
    assert not Policy.objects.exists()


def test_an_account_without_the_plan_is_refused(owner: User, northwind: Account) -> None:
    Account.objects.filter(pk=northwind.pk).update(plan=Plan.TEAM)
    client = owner_browser(owner)
    page = client.get(requirement_page(northwind))
    assert "confirm" not in page.content.decode()
    assert "Only accounts on the Enterprise plan" in text_of(switch(client, northwind))
    assert not Policy.objects.exists()


def test_a_form_without_its_token_is_refused(owner: User, northwind: Account) -> None:
    client = sign_in(owner)
    strict = Client(enforce_csrf_checks=True, headers=PAGE)
    strict.cookies = client.cookies
    assert switch(strict, northwind).status_code == 403
    assert not Policy.objects.exists()


def test_looking_switches_nothing(owner: User, northwind: Account, clock: Clock) -> None:
    client = owner_browser(owner)
    query = f"?confirm=on&preview_at={clock.now.isoformat()}"
    client.get(requirement_page(northwind) + query)
    client.head(requirement_page(northwind) + query)
    assert not Policy.objects.exists()


def test_nobody_anonymous_comes_here(northwind: Account) -> None:
    assert switch(browser(), northwind)["Location"].startswith("/login/")


# What it costs


def add_members(account: Account, count: int) -> None:
    people = User.objects.bulk_create(
        User(email=f"m{number}@{account.slug}.example", password="!") for number in range(count)
    )
    Membership.objects.bulk_create(Membership(account=account, user=person) for person in people)


def queries(call: Any) -> int:
    """Count what a call asks of a process that knows no content types yet."""
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def costs_of(client: Client, account: Account) -> list[int]:
    return [
        queries(lambda: client.get(requirement_page(account))),
        queries(lambda: client.get(account_page(account))),
        queries(lambda: switch(client, account)),
        queries(lambda: client.get(account_page(account))),
        queries(lambda: switch(client, account, "off")),
    ]


def test_the_number_of_queries_does_not_grow_with_the_members(owner: User) -> None:
    costs = []
    for number in (10, 1000):
        account = make_account(owner=owner)
        add_members(account, number)
        costs.append(costs_of(owner_browser(owner), account))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("page", [requirement_page, account_page])
def test_all_members_are_counted_once_for_a_page(
    page: Callable[[Account], str], owner: User, northwind: Account
) -> None:
    client = owner_browser(owner)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page(northwind)).status_code == 200
    counting = [query["sql"] for query in captured if '"group_device"' in query["sql"]]
    assert len(counting) == 1


def test_a_large_account_is_shown_in_pages(owner: User, northwind: Account) -> None:
    add_members(northwind, 450)
    client = owner_browser(owner)
    first = client.get(requirement_page(northwind)).context["members"]
    assert (first.total, len(first.page), first.page.paginator.num_pages) == (452, 100, 5)
    last = client.get(requirement_page(northwind) + "?page=5&outcome=must_act").context["members"]
    assert len(last.page) == 52
    for odd in ("?page=0", "?page=x", "?page=99", "?outcome=x", "?flag=x", "?method[]=1", "?q=%00"):
        assert client.get(requirement_page(northwind) + odd).status_code == 200
    ready = client.get(requirement_page(northwind) + "?outcome=ready").context["members"]
    assert (ready.total, ready.found, len(ready.page)) == (452, 0, 0)


def test_a_superuser_may_as_well(northwind: Account) -> None:
    assert switch(root_browser(), northwind, reason="asked").status_code == 302
    assert Policy.objects.exists()
