"""J1: an owner switches the requirement on, in the admin."""

from datetime import timedelta

import pytest
from django.core import mail as sent
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEvent, Membership, Notice, Plan, User
from enforcement import passes, policies
from enforcement.models import Policy
from enforcement.tasks import carry_out
from tests.factories import make_account, make_user
from tests.journeys.clock import DAY, MS, START, Clock
from tests.journeys.driver import REAUTHENTICATE, Browser
from tests.journeys.pages import Page
from tests.journeys.post import mails_to, run_jobs, subjects, the_mail
from tests.journeys.world import Northwind, enrol

MUST_ACT = "Northwind asks you to set up two-factor authentication"
IN_UTC = "Thursday, 26 November 2026, 10:30:10 UTC"
IN_BERLIN = "Thursday, 26 November 2026, 11:30:10 CET (Europe/Berlin; 10:30:10 UTC)"
IN_KOLKATA = "Thursday, 26 November 2026, 16:00:10 IST (Asia/Kolkata; 10:30:10 UTC)"
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def owner(northwind: Northwind) -> Browser:
    """The owner, signed in by password just now; no second factor yet."""
    browser = Browser(northwind.owner)
    browser.sign_in()
    return browser


def page_of(account: Account, name: str = "requirement") -> str:
    return reverse(f"admin:accounts_account_{name}", args=[account.pk])


def go_to_preview(owner: Browser, account: Account) -> None:
    """Find the way there as an owner does, by links."""
    owner.open("/")
    owner.follow("Admin")
    owner.follow(account.name)
    owner.follow("Preview and switch on")
    owner.prove_again()
    assert owner.page.path == page_of(account)


def press(owner: Browser, account: Account) -> None:
    """Press the button of the preview, which holds no choice but this one."""
    owner.submit(page_of(account))


def give(person: User, **fields: object) -> User:
    User.objects.filter(pk=person.pk).update(**fields)
    person.refresh_from_db()
    return person


@pytest.mark.every_server
def test_an_owner_looks_and_switches_on_from_the_instant_of_the_press(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    go_to_preview(owner, northwind.account)
    assert IN_UTC in owner.page.text
    assert not Policy.objects.exists()
    clock.forward(minutes=3)
    press(owner, northwind.account)
    policy = Policy.objects.get()
    assert (policy.starts_at, policy.deadline) == (clock.now, clock.now + DAY)
    assert policy.started_by == northwind.owner
    assert owner.page.path == page_of(northwind.account, "change")
    assert "Thursday, 26 November 2026, 10:33:10 UTC" in owner.page.text
    (event,) = AuditEvent.objects.filter(event="policy_on")
    assert (event.actor_id, event.account_id) == (northwind.owner.pk, northwind.account.pk)


def test_the_preview_shows_each_member_what_it_means_and_the_mail(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    enrol(northwind.ben, clock=clock)
    go_to_preview(owner, northwind.account)
    for words in ("Ada Lovelace", "Ben Bitdiddle", "Olga Owner", "Alex Admin", MUST_ACT):
        assert words in owner.page.text
    assert "You have not set up two-factor authentication yourself" in owner.page.text
    assert owner.page.link("Set it up first") == "/two-factor/setup/"


def test_every_active_member_gets_one_mail_with_the_exact_deadline(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    give(northwind.ada, time_zone="Europe/Berlin")
    give(northwind.admin, time_zone="Asia/Kolkata")
    enrol(northwind.ben, clock=clock)
    gone = make_user("gone@northwind.example", is_active=False)
    Membership.objects.create(account=northwind.account, user=gone, joined_at=START)
    make_account("elsewhere", owner=make_user("owner@elsewhere.example"))
    run_jobs()
    sent.outbox.clear()
    go_to_preview(owner, northwind.account)
    press(owner, northwind.account)
    for _ in range(3):
        run_jobs()
        clock.forward(minutes=1)

    assert IN_BERLIN in str(the_mail(northwind.ada.email, MUST_ACT).body)
    assert IN_KOLKATA in str(the_mail(northwind.admin.email, MUST_ACT).body)
    assert IN_UTC in str(the_mail(northwind.owner.email, MUST_ACT).body)
    (ready,) = mails_to(northwind.ben.email)
    assert MUST_ACT not in ready.subject
    assert "/two-factor/setup/link/" not in str(ready.body)
    assert len(mails_to(northwind.ada.email)) == len(mails_to(northwind.admin.email)) == 1
    assert len(mails_to(northwind.owner.email)) == 2  # as a member, and as the owner
    assert not mails_to(gone.email)
    assert not mails_to("owner@elsewhere.example")
    assert len(sent.outbox) == 5


def test_a_mail_of_the_requirement_says_what_it_must(owner: Browser, northwind: Northwind) -> None:
    go_to_preview(owner, northwind.account)
    press(owner, northwind.account)
    run_jobs()
    mail = the_mail(northwind.ada.email, MUST_ACT)
    body = str(mail.body)
    for words in (
        "switched on by Olga Owner",
        f"Set it up by: {IN_UTC}",
        "you are signed out everywhere",
        "because you are a member of Northwind",
    ):
        assert words in " ".join(body.split())


def test_members_on_a_summer_date_are_told_their_summer_time(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    """The deadline lies behind the change of the clocks; it is 24 hours all the same."""
    give(northwind.ada, time_zone="Europe/Berlin")
    clock.set(START.replace(year=2027, month=3, day=27, hour=12))
    owner.open("/")
    owner.sign_in()
    go_to_preview(owner, northwind.account)
    press(owner, northwind.account)
    run_jobs()
    body = str(the_mail(northwind.ada.email, MUST_ACT).body)
    assert "Sunday, 28 March 2027, 14:30:10 CEST (Europe/Berlin; 12:30:10 UTC)" in body
    policy = Policy.objects.get()
    assert policy.deadline - policy.starts_at == DAY


def test_clicked_twice_it_is_one_period_and_one_mail(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    go_to_preview(owner, northwind.account)
    preview = owner.page
    press(owner, northwind.account)
    begun = Policy.objects.get()
    clock.forward(seconds=1)
    owner.page = preview
    owner.forge(page_of(northwind.account), **hidden(preview, northwind.account))
    assert "already" in owner.page.text
    assert list(Policy.objects.values_list("pk", "deadline")) == [(begun.pk, begun.deadline)]
    run_jobs()
    assert len(mails_to(northwind.ada.email)) == 1
    assert AuditEvent.objects.filter(event="policy_on").count() == 1


def hidden(page: Page, account: Account) -> dict[str, str]:
    """Return what the form of a preview sends."""
    fields = page.form(page_of(account), {"confirm"}).fields
    return {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}


def test_two_owners_clicking_at_once_make_one_period(owner: Browser, northwind: Northwind) -> None:
    second = make_user("second@northwind.example", name="Otto Owner")
    Membership.objects.create(account=northwind.account, user=second, role="owner")
    other = Browser(second)
    other.sign_in()
    for browser in (owner, other):
        go_to_preview(browser, northwind.account)
    for browser in (owner, other):
        press(browser, northwind.account)
    assert Policy.objects.get().started_by == northwind.owner
    run_jobs()
    assert len(mails_to(northwind.ada.email)) == 1


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [(TEN_MINUTES - MS, True), (TEN_MINUTES, False)],
    ids=["a millisecond before ten minutes", "ten minutes old"],
)
def test_a_preview_counts_for_ten_minutes(
    age: timedelta, is_taken: bool, owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    go_to_preview(owner, northwind.account)
    preview = hidden(owner.page, northwind.account)
    clock.set(clock.now + age)
    press_with_new_proof(owner, northwind.account, preview)
    assert Policy.objects.exists() is is_taken


def press_with_new_proof(owner: Browser, account: Account, preview: dict[str, str]) -> None:
    """Give the password anew in another tab, then press the button of the old page."""
    owner.open(f"{REAUTHENTICATE}?next=/")
    owner.prove_again()
    owner.forge(page_of(account), **preview)


@pytest.mark.parametrize("is_enrolled", [False, True], ids=["by password", "by password and code"])
def test_the_switch_asks_again_after_ten_minutes_who_is_there(
    is_enrolled: bool, northwind: Northwind, clock: Clock
) -> None:
    owner = Browser(northwind.owner)
    if is_enrolled:
        owner.secret = enrol(northwind.owner, clock=clock).secret
    owner.sign_in()
    clock.forward(minutes=10)
    owner.open(page_of(northwind.account))
    assert owner.page.path == REAUTHENTICATE
    asks_for_code = "code" in owner.page.form(REAUTHENTICATE, {"password"}).names
    assert asks_for_code is is_enrolled
    owner.prove_again()
    assert owner.page.path == page_of(northwind.account)
    press(owner, northwind.account)
    assert Policy.objects.count() == 1


def test_a_backup_code_does_not_switch(northwind: Northwind, clock: Clock) -> None:
    phone = enrol(northwind.owner, clock=clock)
    owner = Browser(northwind.owner)
    owner.give_password()
    owner.follow("Enter recovery code")
    owner.submit("/login/recovery/", code=phone.codes[0])
    assert owner.open(page_of(northwind.account)).path == REAUTHENTICATE


@pytest.mark.parametrize("who", ["admin", "ada"])
def test_only_an_owner_switches(who: str, northwind: Northwind) -> None:
    browser = Browser(getattr(northwind, who))
    browser.sign_in()
    assert browser.open(page_of(northwind.account)).status in {403, 404}
    browser.open("/")
    now = northwind.clock.now.isoformat()
    browser.forge(page_of(northwind.account), confirm="on", preview_at=now)
    assert not Policy.objects.exists()


def test_another_accounts_owner_does_not_switch(northwind: Northwind) -> None:
    stranger = make_user("owner@elsewhere.example")
    make_account("elsewhere", owner=stranger)
    browser = Browser(stranger)
    browser.sign_in()
    assert browser.open(page_of(northwind.account)).status == 404
    browser.open("/")
    now = northwind.clock.now.isoformat()
    browser.forge(page_of(northwind.account), confirm="on", preview_at=now)
    assert not Policy.objects.exists()


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.TEAM])
def test_only_an_enterprise_account_can_require_it(
    plan: Plan, owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    Account.objects.filter(pk=northwind.account.pk).update(plan=plan)
    page = owner.open(page_of(northwind.account))
    assert "Only accounts on the Enterprise plan" in page.text
    owner.forge(page_of(northwind.account), confirm="on", preview_at=clock.now.isoformat())
    assert not Policy.objects.exists()


def test_support_switches_with_a_reason_and_the_owners_are_mailed(
    support: Browser, northwind: Northwind
) -> None:
    support.open(page_of(northwind.account))
    support.submit(page_of(northwind.account), reason=" ")
    assert not Policy.objects.exists()
    support.submit(page_of(northwind.account), reason="Olga called; number checked.")
    assert Policy.objects.get().reason == "Olga called; number checked."
    run_jobs()
    bodies = [str(mail.body) for mail in mails_to(northwind.owner.email)]
    assert any("Olga called; number checked." in body for body in bodies)


def test_switched_off_all_of_it_stops_and_on_again_is_a_new_window(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    go_to_preview(owner, northwind.account)
    press(owner, northwind.account)
    first = Policy.objects.get()
    ada = Browser(northwind.ada)
    ada.sign_in()
    assert "will ask you for two-factor authentication" in ada.page.banner

    owner.open(page_of(northwind.account))
    press(owner, northwind.account)
    assert ada.open("/").banner == ""
    run_jobs()
    assert not mails_to(northwind.ada.email)  # unsent notices stop
    assert len(mails_to(northwind.owner.email)) == 1  # that it is off
    clock.set(first.deadline)
    run_jobs()
    assert ada.is_in

    go_to_preview(owner, northwind.account)
    press(owner, northwind.account)
    second = Policy.objects.get(ended_at=None)
    assert second.deadline == clock.now + DAY
    run_jobs()
    assert len(mails_to(northwind.ada.email, MUST_ACT)) == 1
    assert ada.is_in


def test_a_member_on_a_pass_and_one_who_is_ready_are_told_apart(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    enrol(northwind.ben, clock=clock)
    enrol(northwind.ada, clock=clock)
    passes.grant_pass(user=northwind.ada, actor=None, reason="lost", now=clock.now)
    go_to_preview(owner, northwind.account)
    assert "on a pass" in owner.page.text
    press(owner, northwind.account)
    run_jobs()
    assert f"{MUST_ACT}: 24 hours left" in subjects(northwind.ada.email)
    assert not mails_to(northwind.ben.email, MUST_ACT)


def many_members(slug: str, count: int, *, owner: User) -> Account:
    """Store an account with many members at once."""
    account = make_account(slug, owner=owner)
    made = User.objects.bulk_create(
        User(email=f"{number}@{slug}.example", password="!") for number in range(count)
    )
    Membership.objects.bulk_create(
        Membership(user=person, account=account, joined_at=START) for person in made
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the database does by itself, soon after so many rows
    return account


def asked_by_looking(owner: Browser, account: Account) -> list[str]:
    owner.open(page_of(account))  # whatever is compiled once, is by now
    with CaptureQueriesContext(connection) as looking:
        owner.first_answer(page_of(account))
    return statements(looking)


def asked_by_pressing(owner: Browser, account: Account) -> list[str]:
    owner.open(page_of(account))
    fields = owner.page.form(page_of(account), {"confirm"}).fields
    with CaptureQueriesContext(connection) as pressing:
        owner.client.post(page_of(account), fields)
    assert Policy.objects.filter(account=account, ended_at=None).count() == 1
    return statements(pressing)


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Return what was asked of the tables; the marks of transactions cost next to nothing."""
    found = [str(one["sql"]) for one in captured.captured_queries]
    return [sql for sql in found if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]


def test_switching_costs_the_same_for_ten_and_for_ten_thousand_members(
    owner: Browser, northwind: Northwind
) -> None:
    small = many_members("small", 10, owner=northwind.owner)
    large = many_members("large", 10_000, owner=northwind.owner)
    stamps = set(User.objects.values_list("pk", "stamp"))
    assert len(asked_by_looking(owner, large)) == len(asked_by_looking(owner, small))
    pressed_small = asked_by_pressing(owner, small)
    pressed_large = asked_by_pressing(owner, large)
    assert len(pressed_large) == len(pressed_small) < 20
    touched = [
        sql
        for sql in pressed_large
        if sql.startswith(("UPDATE", "INSERT", "DELETE"))
        and ("accounts_user" in sql.split("SET")[0] or "accounts_membership" in sql)
    ]
    assert not touched
    assert set(User.objects.values_list("pk", "stamp")) == stamps


def test_the_job_owes_each_of_ten_thousand_members_one_mail(
    northwind: Northwind, clock: Clock
) -> None:
    large = many_members("large", 10_000, owner=northwind.owner)
    policies.switch_on(account=large, actor=northwind.owner, now=clock.now)
    for _ in range(2):
        carry_out(now=clock.now)
    owed = Notice.objects.filter(kind="requirement_must_act")
    assert owed.count() == owed.values("user").distinct().count() == 10_001
