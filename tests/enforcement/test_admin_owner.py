"""The buttons of an owner's page: remind, advise, send again, take the list along."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.core import mail as sent
from django.test import Client
from django.urls import reverse

from accounts import delivery, invitations
from accounts.models import Account, AuditEvent, Invitation, Membership, Notice, Role, User
from enforcement import joining, mail_trouble, notices, passes, policies, reminding
from enforcement.tasks import carry_out
from tests.enforcement.desk import account_page, owner_browser, requirement_page, support_browser
from tests.enforcement.kit import HOUR, PAGE, browser, enrolled_person, fetch, sign_in
from tests.enforcement.shell import run, run_json
from tests.enforcement.test_admin_requirement import text_of
from tests.factories import make_account, make_user
from tests.journeys.clock import MS, Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db

BUTTONS = {
    "remind": (), "advise": (), "send_again": (1,), "export": ("csv",),
}  # fmt: skip


def url_of(account: Account, button: str, *more: Any) -> str:
    return reverse(f"admin:accounts_account_{button}", args=[account.pk, *more])


def press(client: Client, account: Account, button: str, *more: Any, **fields: Any) -> Any:
    return client.post(url_of(account, button, *more), fields)


def said(client: Client, account: Account) -> str:
    return text_of(client.get(account_page(account)))


def reminders() -> list[str]:
    found = Notice.objects.filter(kind="reminder_asked").order_by("recipient")
    return list(found.values_list("recipient", flat=True))


@pytest.fixture
def dan(northwind: Account) -> User:
    """A member with a personal address."""
    Account.objects.filter(pk=northwind.pk).update(email_domains=["northwind.example"])
    dan = make_user("dan@personal.example", name="Dan")
    Membership.objects.create(account=northwind, user=dan)
    return dan


# Who may, and how


@pytest.mark.parametrize(("button", "more"), BUTTONS.items())
def test_no_button_is_pressed_by_looking(
    button: str, more: tuple[Any, ...], owner: User, northwind: Account
) -> None:
    assert owner_browser(owner).get(url_of(northwind, button, *more)).status_code == 405


@pytest.mark.parametrize(("button", "more"), BUTTONS.items())
def test_a_button_wants_its_token(
    button: str, more: tuple[Any, ...], owner: User, northwind: Account
) -> None:
    strict = Client(enforce_csrf_checks=True, headers=PAGE)
    strict.cookies = sign_in(owner).cookies
    assert press(strict, northwind, button, *more).status_code == 403


@pytest.mark.parametrize(("button", "more"), BUTTONS.items())
@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_members_and_admins_press_none(
    role: Role, button: str, more: tuple[Any, ...], ada: User, northwind: Account
) -> None:
    Membership.objects.filter(user=ada).update(role=role)
    assert press(sign_in(ada), northwind, button, *more).status_code == 403


@pytest.mark.parametrize(("button", "more"), BUTTONS.items())
def test_a_foreign_account_has_no_buttons(
    button: str, more: tuple[Any, ...], northwind: Account
) -> None:
    other = make_user("other@solo.example")
    make_account("solo", owner=other)
    assert press(owner_browser(other), northwind, button, *more).status_code == 404
    assert press(browser(), northwind, button, *more)["Location"].startswith("/login/")


@pytest.mark.parametrize(("button", "more"), BUTTONS.items())
def test_old_proof_is_asked_again_and_leads_back_to_the_page(
    button: str, more: tuple[Any, ...], owner: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    client = owner_browser(owner)
    clock.forward(minutes=10)
    before = AuditEvent.objects.count()
    answer = press(client, northwind, button, *more)
    assert unquote(answer["Location"]) == f"/reauthenticate/?next={account_page(northwind)}"
    assert AuditEvent.objects.count() == before
    assert reminders() == []


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/admin/", "/logout/"])
def test_a_button_leads_back_to_its_own_account_alone(
    back: str, owner: User, northwind: Account
) -> None:
    answer = press(owner_browser(owner), northwind, "advise", back=back)
    assert answer["Location"] == account_page(northwind)
    there = f"{requirement_page(northwind)}?outcome=ready"
    answer = press(owner_browser(owner), northwind, "advise", back=there)
    assert answer["Location"] == there


# Remind


def test_everybody_who_must_act_is_reminded_once(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    ready = enrolled_person(email="ready@northwind.example").user
    helped = enrolled_person(email="helped@northwind.example").user
    for person in (ready, helped):
        Membership.objects.create(account=northwind, user=person, joined_at=clock.now)
    passes.grant_pass(user=helped, actor=None, reason="lost", now=clock.now)
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    late = make_user("late@northwind.example")
    clock.forward(minutes=1)
    Membership.objects.create(account=northwind, user=late, joined_at=clock.now)
    client = owner_browser(owner)
    assert press(client, northwind, "remind").status_code == 302
    assert "3 members who must act: a reminder is on its way." in said(client, northwind)
    for _ in range(2):
        carry_out(now=clock.now)
    assert reminders() == [ada.email, late.email, owner.email]
    while delivery.send_due(now=clock.now):
        pass
    texts = {mail.to[0]: str(mail.body) for mail in sent.outbox if "Please set up" in mail.subject}
    assert "Thursday, 26 November 2026, 10:30:10 UTC" in texts[ada.email]
    assert "your next sign-in begins with it" in texts[late.email]
    row = AuditEvent.objects.get(event="members_reminded")
    assert (row.actor_id, row.account_id, row.after) == (owner.pk, northwind.pk, {"members": 3})


@pytest.mark.parametrize(("later", "is_sent"), [(HOUR - MS, False), (HOUR, True)])
def test_a_second_reminder_waits_for_an_hour(
    later: timedelta, is_sent: bool, owner: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    press(owner_browser(owner), northwind, "remind")
    carry_out(now=clock.now)
    clock.set(clock.now + later)
    client = owner_browser(owner)
    press(client, northwind, "remind")
    carry_out(now=clock.now)
    assert len(reminders()) == (4 if is_sent else 2)
    words = said(client, northwind)
    refused = (
        "the last reminder went out Wednesday, 25 November 2026, 10:30:10 UTC. "
        "The next can go out Wednesday, 25 November 2026, 11:30:10 UTC."
    )
    assert (refused in words) is not is_sent


def test_the_page_says_until_when_a_second_reminder_waits(
    owner: User, northwind: Account, clock: Clock
) -> None:
    assert reminding.again_at(None, now=clock.now) is None
    policy = policies.switch_on(account=northwind, actor=owner, now=clock.now)
    assert reminding.again_at(policy, now=clock.now) is None
    reminding.remind_now(account=northwind, actor=owner, now=clock.now)
    policy.refresh_from_db()
    again = clock.now + HOUR
    assert reminding.again_at(policy, now=again - MS) == again
    assert reminding.again_at(policy, now=again) is None


def test_who_sets_up_before_the_mail_goes_out_is_not_reminded(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    reminding.remind_now(account=northwind, actor=owner, now=clock.now)
    enrol_app(ada, now=clock.now)
    carry_out(now=clock.now)
    assert reminders() == [owner.email]


def test_nobody_is_reminded_of_nothing(owner: User, ada: User, northwind: Account) -> None:
    client = owner_browser(owner)
    press(client, northwind, "remind")
    assert "requires nothing now" in said(client, northwind)
    assert not AuditEvent.objects.filter(event="members_reminded").exists()


def test_a_wish_of_a_period_that_ended_is_none_of_the_next(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    reminding.remind_now(account=northwind, actor=owner, now=clock.now)
    policies.switch_off(account=northwind, actor=owner, now=clock.now)
    with pytest.raises(reminding.NotNow, match="requires nothing now"):
        reminding.remind_now(account=northwind, actor=owner, now=clock.now)
    new = policies.switch_on(account=northwind, actor=owner, now=clock.now + MS)
    carry_out(now=clock.now + MS)
    assert reminders() == []
    reminding.remind_now(account=northwind, actor=owner, now=clock.now + MS)
    new.refresh_from_db()
    assert new.reminder_asked_at == clock.now + MS
    carry_out(now=clock.now + MS)
    assert reminders() == [ada.email, owner.email]


# Advise


def test_the_advice_goes_to_foreign_addresses_once_a_day(
    owner: User, dan: User, northwind: Account, clock: Clock
) -> None:
    for later, total in [(0, 1), (24, 2)]:
        clock.forward(hours=later)
        client = owner_browser(owner)
        for _ in range(2):
            press(client, northwind, "advise")
        assert Notice.objects.filter(kind="advice_address").count() == total
        assert AuditEvent.objects.filter(event="advice_sent").count() == total
        assert "Nobody was mailed" in said(client, northwind)
    delivery.send_due(now=clock.now)
    (mail, *_) = [mail for mail in sent.outbox if mail.to == [dan.email]]
    assert "/settings/email/" in str(mail.body)
    assert "…@northwind.example" in str(mail.body)


def test_who_has_moved_meanwhile_gets_no_advice(
    owner: User, dan: User, northwind: Account, clock: Clock
) -> None:
    press(owner_browser(owner), northwind, "advise")
    User.objects.filter(pk=dan.pk).update(email="dan@northwind.example")
    delivery.send_due(now=clock.now)
    assert Notice.objects.get(kind="advice_address").state == Notice.State.DROPPED


# Send again


def failed_mail(account: Account, person: User, now: Any) -> Notice:
    policies.switch_on(account=account, actor=None, now=now)
    notices.announce(now=now)
    found = Notice.objects.get(user=person, kind="requirement_must_act")
    Notice.objects.filter(pk=found.pk).update(state=Notice.State.FAILED, error="550", tries=1)
    User.objects.filter(pk=person.pk).update(mail_failed_at=now)
    return found


def test_a_mail_that_failed_is_sent_again_and_the_mark_goes(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    found, client = failed_mail(northwind, ada, clock.now), owner_browser(owner)
    assert "Send again to ada@northwind.example" in said(client, northwind)
    press(client, northwind, "send_again", found.pk)
    press(client, northwind, "send_again", found.pk)
    assert AuditEvent.objects.filter(event="mail_sent_again", subject_id=ada.pk).count() == 1
    while delivery.send_due(now=clock.now):
        pass
    assert len([mail for mail in sent.outbox if mail.to == [ada.email]]) == 1
    assert User.objects.get(pk=ada.pk).mail_failed_at is None
    assert "did not arrive" not in said(client, northwind)


def test_a_mail_sent_again_after_days_outlasts_a_server_that_is_away(
    owner: User, ada: User, northwind: Account, clock: Clock, settings: Any
) -> None:
    found = failed_mail(northwind, ada, clock.now)
    days_ago = clock.now - timedelta(days=4)
    Membership.objects.filter(user=ada).update(role=Role.OWNER)
    Notice.objects.filter(pk=found.pk).update(
        kind="owner_requirement_off", drop_at=None, created_at=days_ago
    )
    press(owner_browser(owner), northwind, "send_again", found.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    for days, state in ((0, "owed"), (2, "owed"), (1, "failed")):
        clock.forward(days=days)
        Notice.objects.filter(pk=found.pk, state="owed").update(due_at=clock.now)
        delivery.send_due(now=clock.now)
        found.refresh_from_db()
        assert found.state == state, found.error


def test_no_foreign_and_no_private_mail_is_sent_again(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    other = make_account("solo")
    foreign = failed_mail(other, Membership.objects.get(account=other).user, clock.now)
    private = failed_mail(northwind, ada, clock.now)
    Notice.objects.filter(pk=private.pk).update(kind="password_reset")
    for found in (foreign, private):
        answer = press(owner_browser(owner), northwind, "send_again", found.pk)
        assert answer.status_code == 404
    assert "Link to choose a password" not in said(owner_browser(owner), northwind)
    assert Notice.objects.filter(state=Notice.State.FAILED).count() == 2


@pytest.mark.parametrize("is_known", [False, True])
def test_an_invitation_that_did_not_arrive_is_shown_and_sent_again(
    is_known: bool, owner: User, northwind: Account, clock: Clock
) -> None:
    address = "guest@elsewhere.example"
    if is_known:
        guest = make_user(address)
        for _ in range(2):
            make_account(members=(guest,))
    found = failed_invitation(northwind, address, owner, clock)
    client = owner_browser(owner)
    assert said(client, northwind).count(f"Send again to {address}") == 1
    press(client, northwind, "send_again", found.pk)
    delivery.send_due(now=clock.now)
    assert [mail.to for mail in sent.outbox if address in mail.to] == [[address]]
    assert "did not arrive" not in said(client, northwind)


@pytest.mark.both_databases
@pytest.mark.parametrize("what", ["revoked", "replaced", "expired", "joined"])
def test_an_invitation_that_nobody_needs_any_more_is_not_shown(
    what: str, owner: User, northwind: Account, clock: Clock
) -> None:
    address = "guest@elsewhere.example"
    found = failed_invitation(northwind, address, owner, clock)
    invitation = Invitation.objects.get()
    assert [shown.pk for shown in mail_trouble.of(northwind, now=clock.now)] == [found.pk]
    if what == "revoked":
        invitations.revoke(invitation=invitation, actor=owner, now=clock.now)
    if what == "replaced":
        invite(northwind, address, owner, clock)
    if what == "expired":
        clock.set(invitation.expires_at)
    if what == "joined":
        guest = make_user(address)
        joining.accept(invitation=invitation, user=guest, now=clock.now)
        Notice.objects.filter(pk=found.pk).update(user=guest)
    assert mail_trouble.of(northwind, now=clock.now) == []


def invite(account: Account, address: str, owner: User, clock: Clock) -> None:
    invitations.invite(account=account, email=address, role=Role.MEMBER, actor=owner, now=clock.now)


def failed_invitation(account: Account, address: str, owner: User, clock: Clock) -> Notice:
    invite(account, address, owner, clock)
    found = Notice.objects.get(kind="invitation")
    Notice.objects.filter(pk=found.pk).update(state=Notice.State.FAILED, error="550", tries=1)
    return found


# Take the list along


def test_the_files_say_what_the_page_and_the_command_say(
    owner: User, dan: User, northwind: Account, clock: Clock
) -> None:
    ready = enrolled_person(email="ready@northwind.example").user
    Membership.objects.create(account=northwind, user=ready, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    client = owner_browser(owner)
    answer = press(client, northwind, "export", "csv")
    assert answer["Content-Disposition"] == (
        'attachment; filename="members-northwind-2026-11-25.csv"'
    )
    given = b"".join(answer.streaming_content).decode()
    assert given.strip().splitlines() == run("report", "northwind", "--csv").splitlines()
    rows = json.loads(b"".join(press(client, northwind, "export", "json").streaming_content))
    assert rows == run_json("report", "northwind")
    page = client.get(account_page(northwind)).context["members"]
    for count in page.counts:
        assert sum(row["outcome"] == count.outcome for row in rows) == count.number
    (row,) = [row for row in rows if row["email"] == ready.email]
    assert (row["method"], row["backup_codes_left"]) == ("app", 10)
    assert sum(row["outside_domains"] for row in rows) == page.outside == 1


def test_a_narrowed_list_is_a_narrowed_file_and_the_audit_says_so(
    owner: User, ada: User, northwind: Account
) -> None:
    client = owner_browser(owner)
    url = url_of(northwind, "export", "csv") + "?outcome=must_act&q=ada"
    answer: Any = client.post(url)
    text = b"".join(answer.streaming_content).decode()
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["email"] for row in found] == [ada.email]
    row = AuditEvent.objects.get(event="members_exported")
    assert row.actor_id == owner.pk
    assert row.after is not None
    assert {**row.after, "person": ""} == {"form": "csv", "outcome": "must_act", "person": ""}
    assert "ada" not in json.dumps(row.after)


def test_no_name_runs_in_a_spreadsheet(owner: User, ada: User, northwind: Account) -> None:
    User.objects.filter(pk=ada.pk).update(name="=HYPERLINK(1)")
    answer = press(owner_browser(owner), northwind, "export", "csv")
    assert ",'=HYPERLINK(1)," in b"".join(answer.streaming_content).decode()


def test_there_are_two_kinds_of_file(owner: User, northwind: Account) -> None:
    assert press(owner_browser(owner), northwind, "export", "xlsx").status_code == 404


def test_support_press_the_buttons_with_a_fresh_device(northwind: Account, clock: Clock) -> None:
    client = support_browser()
    assert press(client, northwind, "export", "csv").status_code == 200
    clock.forward(minutes=10)
    assert press(client, northwind, "export", "csv")["Location"].startswith("/reauthenticate/")
    assert fetch(client, account_page(northwind)).status_code == 200
