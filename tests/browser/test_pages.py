"""Every page of the story at two widths, in the light and in the dark: no fault that axe finds
serious, nothing wider than the screen, no complaint about the content security policy.

    SHOTS=/tmp/shots make test ONLY=sqlite ARGS="tests/browser/test_pages.py"

leaves a picture of each.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import desk
from tests.browser.product import Product, link_in
from tests.browser.walk import Person

pytestmark = pytest.mark.browser
Look = Callable[[Page, str], None]
PHONE = "+12025550143"


@pytest.fixture
def someone(person: Callable[..., Person], look: Look) -> Callable[[str], Person]:
    """Return a function that gives somebody a browser whose pages are looked at."""
    seen: set[str] = set()

    def once(page: Page, name: str) -> None:
        if name not in seen:
            seen.add(name)
            look(page, name)

    def make(email: str) -> Person:
        who = person(email)
        who.look = once
        return who

    return make


def let_time_run_out(data: Path, *, account: str) -> None:
    """Move the period of an account a day into the past; the deadline has come by then."""
    with sqlite3.connect(data / "gatehouse.sqlite3", timeout=30) as database:
        for column in ("starts_at", "deadline"):
            database.execute(
                f"UPDATE enforcement_policy SET {column} = datetime({column}, '-1 day') WHERE"  # noqa: S608
                " account_id = (SELECT id FROM accounts_account WHERE name = ?)",
                [account],
            )
        database.execute("UPDATE accounts_membership SET joined_at = datetime(joined_at, '-9 day')")
    database.close()


def test_every_page_of_the_story_is_sound(
    stage: Callable[..., list[str]],
    someone: Callable[[str], Person],
    product: Product,
    data: Path,
) -> None:
    emails = stage("ada", "ben", "chloe", is_required=False)
    owner, ada, ben, chloe = (someone(email) for email in emails)
    account = emails[0].partition("@")[2].removesuffix(".example").title()
    slug = account.lower()

    # J1: the owner switches it on.
    owner.give_password()
    owner.look(owner.page, "home")
    owner.follow(account)
    owner.look(owner.page, "account-owner")
    chloe.give_password()
    desk.switch_on(owner, account)
    desk.look_at_the_account(owner)
    owner.open(f"/accounts/{slug}/")
    owner.look(owner.page, "account-owner-required")

    # J2: Ada sets up an app.
    ada.follow_mail("two-factor")
    ada.give_password()
    ada.open("/")
    ada.look(ada.page, "home-in-the-window")
    ada.follow("Set it up now")
    ada.set_up_app()
    ada.open("/settings/security/")
    ada.look(ada.page, "security")
    ada.sign_out()
    ada.give_password()
    ada.look(ada.page, "verify-app")
    ada.fill(code="12345")
    ada.press("Sign in")
    ada.see("six digits")
    ada.look(ada.page, "verify-app-wrong")
    ada.type_code()
    ada.is_at("/")
    for section in ("", "email/", "password/", "delete/"):
        ada.open(f"/settings/{section}")
        ada.look(ada.page, f"settings-{section or 'profile'}".rstrip("/"))
    ada.open(f"/accounts/{slug}/")
    ada.look(ada.page, "account-member")
    ada.follow(f"Leave {account}")
    ada.look(ada.page, "account-leave")

    # J3: Ben sets up a phone, and proves the mailbox by a code.
    ben.give_password()
    ben.open("/two-factor/setup/")
    ben.choose("text")
    ben.prove_mailbox()
    ben.open("/two-factor/setup/")
    ben.set_up_phone(PHONE)
    ben.sign_out()
    ben.give_password()
    ben.look(ben.page, "verify-text")

    # J5: somebody new is invited.
    owner.open(f"/accounts/{slug}/")
    owner.fill(email=f"new@{slug}.example")
    owner.press("Send the invitation")
    owner.look(owner.page, "account-owner-invited")
    new = someone(f"new@{slug}.example")
    new.open(link_in(product.mail(new.email, subject="invit"), "/invitations/"))
    new.look(new.page, "invitation-new")
    new.fill(name="Nora New", password=new.password)
    new.press("Join")
    new.look(new.page, "setup-joining")
    new.set_up_app()
    new.is_at(f"/accounts/{slug}/")
    new.open(link_in(product.mail(new.email, subject="invit"), "/invitations/"))
    new.look(new.page, "invitation-used")

    # J6: Ada has lost the phone.
    ada.open("/")
    ada.sign_out()
    ada.give_password()
    ada.follow("Enter recovery code")
    ada.look(ada.page, "recovery")
    ada.fill(code=ada.codes[0])
    ada.press("Sign in")
    ada.is_at("/two-factor/replace/")
    ada.look(ada.page, "device-replace")
    ada.follow("Later")
    ada.sign_out()
    ada.give_password()
    ada.follow("Enter recovery code")
    ada.fill(code=ada.codes[0])
    ada.press("Sign in")
    ada.see("was used already")
    ada.look(ada.page, "recovery-refused")

    # J7: and now everything.
    ada.follow("I can't use any of these")
    ada.look(ada.page, "help")
    ada.fill(message="Phone and codes are gone.")
    ada.press("Ask for a pass")
    ada.look(ada.page, "help-asked")
    owner.open(f"/accounts/{slug}/")
    owner.page.get_by_role("link", name="Ask for a pass for").first.click()
    owner.look(owner.page, "member-pass")
    support = someone("support@gatehouse.example")
    desk.first_sign_in(support)
    support.open("/admin/")
    support.look(support.page, "admin-desk-support")
    desk.grant_pass(support, ada.email, reason="Called back on the known number")
    ada.give_password()
    ada.look(ada.page, "home-on-a-pass")
    ada.open("/pass/end/")
    ada.look(ada.page, "pass-end")
    desk.revoke_pass(support, ada.email)
    ada.open("/")
    ada.look(ada.page, "login-pass-revoked")
    support.open("/admin/accounts/auditevent/")
    support.look(support.page, "admin-audit")
    support.page.get_by_text("Narrow down").click()
    support.fill(q=ada.email)
    support.press("Show")
    support.see("Pass granted")
    support.look(support.page, "admin-audit-narrowed")
    with support.page.expect_download() as taken:
        support.press("CSV file")
    assert "Pass granted" in Path(taken.value.path()).read_text()
    support.page.get_by_role("link", name="Pass granted").first.click()
    support.look(support.page, "admin-audit-row")
    support.open("/admin/accounts/notice/")
    support.look(support.page, "admin-notices")

    # J4: Chloe has done nothing.
    let_time_run_out(data, account=account)
    chloe.open("/settings/")
    chloe.look(chloe.page, "login-deadline")
    chloe.give_password()
    chloe.prove_mailbox()
    chloe.look(chloe.page, "setup-forced")
    chloe.choose("app")
    chloe.give_code("123456", "Confirm")
    chloe.see("This code is not right")
    chloe.look(chloe.page, "setup-app-wrong")
    chloe.open(f"/accounts/{slug}/leave/")
    chloe.look(chloe.page, "account-leave-held")
    chloe.open("/nowhere/")
    chloe.look(chloe.page, "not-found")
    chloe.open("/outbox/")
    chloe.look(chloe.page, "outbox")
