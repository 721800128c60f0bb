"""A tour of every page: the story of the product as its people live it, a look at each page.

The tests look with axe, `make pictures` with a camera.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import desk
from tests.browser.product import Product, link_in
from tests.browser.walk import Person
from tests.services.processes import environment, python, running

# One number for each telling of the story: a number's texts are read from the first on.
PHONES = (f"+1{area}5550143" for area in (202, 303, 404, 505, 606, 707, 808))
TOO_MANY, MOST_TRIES = 429, 500
ACTIONS = {
    "pass": "Grant the pass",
    "reset": "Reset it",
    "sign/out": "Sign out everywhere",
    "address": "Change the address",
    "deactivate": "Deactivate",
    "approve": "Approve it",
    "decline": "Decline it",
}


def set_stage(data: Path, **wanted: object) -> None:
    """Make an account with people, in the database of the product that keeps its data there."""
    env = environment(DJANGO_SETTINGS_MODULE="settings.local", VAR_DIR=str(data))
    command = python("-m", "tests.browser.stage", json.dumps(wanted))
    with running(command, folder=data, env=env) as process:
        assert process.popen.wait(120) == 0, process.output()


@dataclass(frozen=True, kw_only=True)
class Tour:
    """``someone`` gives a person of that address a browser whose pages are looked at."""

    product: Product
    data: Path
    account: str
    slug: str
    someone: Callable[[str], Person]

    def email(self, name: str) -> str:
        return f"{name}@{self.slug}.example"

    def cast(self, *names: str) -> list[Person]:
        return [self.someone(self.email(name)) for name in names]

    def change(self, statement: str, *values: str) -> None:
        """Change what lies in the past or takes another operator, in the product's database."""
        with sqlite3.connect(self.data / "gatehouse.sqlite3", timeout=30) as database:
            database.execute(statement, values)
        database.close()


def look_when_told_to_wait(tour: Tour, path: str, name: str) -> None:
    """Open what counts as a try until the address has to wait; it may go on at once afterwards.

    How many tries that takes, depends on how many people came in from there.
    """
    stranger = tour.someone(tour.email("nobody"))
    answers = (stranger.context.request.get(tour.product.url + path) for _ in range(MOST_TRIES))
    assert any(answer.status == TOO_MANY for answer in answers)
    stranger.open(path)
    stranger.look(stranger.page, name)
    tour.change("DELETE FROM accounts_addressfailure")


def whole_story(tour: Tour) -> None:
    """Walk all of it; ends with the deadline, which cannot be undone."""
    owner, ada, ben, chloe = tour.cast("owner", "ada", "ben", "chloe")
    entrance(tour)
    switch_on(tour, owner, chloe)
    set_up_an_app(tour, ada)
    settings(tour, ada)
    set_up_a_phone(tour, ben)
    invite(tour, owner)
    lose_the_phone(ada)
    lose_everything(tour, ada, owner)
    be_late(tour, chloe)


def entrance(tour: Tour) -> None:
    """The pages of who is not signed in."""
    stranger = tour.someone(tour.email("nobody"))
    stranger.open("/login/")
    stranger.fill(email=stranger.email, password="not the password")
    stranger.press("Continue")
    stranger.look(stranger.page, "login-wrong")
    stranger.open("/password/reset/")
    stranger.look(stranger.page, "password-reset")
    stranger.fill(email=stranger.email)
    stranger.press("Mail me the link")
    stranger.look(stranger.page, "password-reset-done")
    for name, path in {
        "password-reset-link-used": "/password/reset/MQ/set-password/",
        "setup-link-invalid": "/two-factor/setup/link/1-1-0/",
        "invitation-unknown": "/invitations/0/",
        "not-me-invalid": "/not-me/0/",
        "email-confirm-invalid": "/settings/email/confirm/0/",
    }.items():
        stranger.open(path)
        stranger.look(stranger.page, name)


def faults(tour: Tour) -> None:
    """The pages that nobody should have to see, and each part of all pages."""
    stranger = tour.someone(tour.email("nobody"))
    for name in ("400", "403", "403_csrf", "500", "503"):
        stranger.open(f"/styleguide/fault/{name}/")
        stranger.look(stranger.page, f"fault-{name}".replace("_", "-"))
    stranger.open("/nowhere/")
    stranger.look(stranger.page, "fault-404")
    stranger.open("/styleguide/")
    stranger.look(stranger.page, "styleguide")


def switch_on(tour: Tour, owner: Person, chloe: Person) -> None:
    """J1: the owner switches it on, and watches."""
    owner.give_password()
    owner.look(owner.page, "home")
    owner.open("/two-factor/setup/")
    owner.look(owner.page, "setup-not-required")
    owner.open("/")
    owner.follow(tour.account)
    owner.look(owner.page, "account-owner")
    chloe.give_password()
    desk.switch_on(owner, tour.account)
    desk.look_at_the_account(owner)
    owner.open(f"/accounts/{tour.slug}/")
    owner.look(owner.page, "account-owner-required")
    owner.open("/outbox/")
    owner.look(owner.page, "outbox")


def set_up_an_app(tour: Tour, ada: Person) -> None:
    """J2: Ada sets up an app, and signs in with it."""
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


def settings(tour: Tour, ada: Person) -> None:
    for section in ("", "email/", "password/", "delete/"):
        ada.open(f"/settings/{section}")
        ada.look(ada.page, f"settings-{section or 'profile'}".rstrip("/"))
    for name, path in {
        "backup-codes-about": "/two-factor/backup-codes/",
        "device-remove": "/two-factor/remove/app/",
        "reauthenticate": "/reauthenticate/",
    }.items():
        ada.open(path)
        ada.look(ada.page, name)
    ada.open(f"/accounts/{tour.slug}/")
    ada.look(ada.page, "account-member")
    ada.follow(f"Leave {tour.account}")
    ada.look(ada.page, "account-leave")


def set_up_a_phone(tour: Tour, ben: Person) -> None:
    """J3: Ben sets up a phone, and proves the mailbox by a code."""
    ben.give_password()
    ben.open("/two-factor/setup/")
    ben.choose("text")
    ben.prove_mailbox()
    ben.fill(phone="12")
    ben.press("Text me a code")
    ben.see("no complete phone number")
    ben.look(ben.page, "setup-text-wrong")
    ben.open("/two-factor/setup/")
    ben.set_up_phone(next(PHONES))
    ben.sign_out()
    ben.give_password()
    ben.look(ben.page, "verify-text")


def invite(tour: Tour, owner: Person) -> None:
    """J5: somebody new is invited."""
    owner.open(f"/accounts/{tour.slug}/")
    owner.fill(email=tour.email("new"))
    owner.press("Send the invitation")
    owner.look(owner.page, "account-owner-invited")
    new = tour.someone(tour.email("new"))
    link = link_in(new.mail("invites you"), "/invitations/")
    owner.open(link)
    owner.look(owner.page, "invitation-other")
    new.open(link)
    new.look(new.page, "invitation-new")
    new.fill(name="Nora New", password="short")
    new.press("Join")
    new.look(new.page, "invitation-new-wrong")
    new.fill(name="Nora New", password=new.password)
    new.press("Join")
    new.look(new.page, "setup-joining")
    new.set_up_app()
    new.is_at(f"/accounts/{tour.slug}/")
    new.open(link)
    new.look(new.page, "invitation-used")


def lose_the_phone(ada: Person) -> None:
    """J6: a backup code lets in, once."""
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


def lose_everything(tour: Tour, ada: Person, owner: Person) -> None:
    """J7: a pass, granted and revoked, and what the audit keeps of it."""
    ada.follow("I can't use any of these")
    ada.look(ada.page, "help")
    ada.fill(message="Phone and codes are gone.")
    ada.press("Ask for a pass")
    ada.look(ada.page, "help-asked")
    owner.open(f"/accounts/{tour.slug}/")
    owner.find("Answer the request").first.click()
    owner.look(owner.page, "member-pass")
    support = tour.someone(tour.email("support"))
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
    read_the_audit(support, ada.email)


def read_the_audit(support: Person, email: str) -> None:
    support.open("/admin/accounts/auditevent/")
    support.look(support.page, "admin-audit")
    support.find("Narrow down").click()
    support.fill(q=email)
    support.press("Show")
    support.see("Pass granted")
    support.look(support.page, "admin-audit-narrowed")
    with support.page.expect_download() as taken:
        support.press("CSV file")
    assert support.speech.reads("Pass granted").search(Path(taken.value.path()).read_text())
    support.page.get_by_role("link", name=support.speech.reads("Pass granted")).first.click()
    support.look(support.page, "admin-audit-row")
    support.open("/admin/accounts/notice/")
    support.look(support.page, "admin-notices")


def let_time_run_out(tour: Tour) -> None:
    """Move the period of the account a day into the past; the deadline has come by then."""
    for column in ("starts_at", "deadline"):
        tour.change(
            f"UPDATE enforcement_policy SET {column} = datetime({column}, '-1 day') WHERE"  # noqa: S608
            " account_id = (SELECT id FROM accounts_account WHERE slug = ?)",
            tour.slug,
        )
    tour.change("UPDATE accounts_membership SET joined_at = datetime(joined_at, '-9 day')")


def be_late(tour: Tour, chloe: Person) -> None:
    """J4: Chloe has done nothing, and then tries too often."""
    let_time_run_out(tour)
    chloe.open("/settings/")
    chloe.look(chloe.page, "login-deadline")
    chloe.give_password()
    chloe.prove_mailbox()
    chloe.look(chloe.page, "setup-forced")
    chloe.choose("app")
    chloe.give_code("123456", "Confirm")
    chloe.see("This code is not right")
    chloe.look(chloe.page, "setup-app-wrong")
    chloe.open(f"/accounts/{tour.slug}/leave/")
    chloe.look(chloe.page, "account-leave-held")
    chloe.open("/two-factor/setup/app/")
    for _ in range(5):
        chloe.fill(code="1")
        chloe.press("Confirm")
    chloe.look(chloe.page, "throttled")


def make_staff(tour: Tour, *emails: str) -> None:
    """Make superusers of people whom no other test signs in."""
    for email in emails:
        tour.change(
            "UPDATE accounts_user SET is_staff = 1, is_superuser = 1 WHERE email = ?", email
        )


def let_something_wait(tour: Tour, *, email: str, asked_by: str) -> None:
    """Put down what one of support would ask for, had the operator of this product wanted two."""
    now = datetime.now(UTC).replace(tzinfo=None)
    tour.change(
        "INSERT INTO enforcement_approval (user_id, what, asked_by_id, reason, ticket,"
        " address, asked_at, until, closed_as) SELECT u.id, 'pass', s.id, 'Called back on the known"
        " number.', 'T-1024', '', ?, ?, '' FROM accounts_user u, accounts_user s"
        " WHERE u.email = ? AND s.email = ?",
        str(now),
        str(now + timedelta(hours=1)),
        email,
        asked_by,
    )


def support_desk(tour: Tour) -> Person:
    """Support's desk: each page of a person, and the lists."""
    owner, ada, root, other = tour.cast("owner", "ada", "rita", "otto")
    make_staff(tour, root.email, other.email)
    ada.open("/login/")
    ada.fill(email=ada.email, password="not the password")
    ada.press("Continue")
    ada.give_password()
    owner.give_password()
    owner.open(f"/accounts/{tour.slug}/")
    owner.page.locator(f"tr:has-text('{ada.email}')").get_by_role(
        "link", name=owner.speech.reads("Ask for a pass")
    ).click()
    owner.fill(message="I spoke to her, she sits beside me.")
    owner.press("Ask support for a pass")
    desk.first_sign_in(other)
    let_something_wait(tour, email=ada.email, asked_by=other.email)
    desk.first_sign_in(root)
    root.open("/admin/")
    root.see("Waiting for a second of support", "vouched for by")
    root.look(root.page, "desk")
    root.page.get_by_label(root.speech.reads("Name, email address or account")).fill(tour.slug)
    root.press("Find")
    root.see(ada.email, "Desk", "People")
    root.look(root.page, "people")
    root.page.locator(f"#result_list tr:has-text('{ada.email}') a").first.click()
    root.see("Must set up two-factor authentication by", "Wrong password", "Signed in now")
    root.look(root.page, "person")
    at = root.page.url.partition("change/")[0]
    for action, button in ACTIONS.items():
        root.page.goto(f"{at}{action}/")
        desk.prove_if_asked(root)
        expect(root.page.get_by_role("button", name=root.speech.says(button))).to_be_visible()
        root.look(root.page, f"person-{action.replace('/', '-')}")
    root.open("/admin/accounts/user/add/")
    desk.prove_if_asked(root)
    root.look(root.page, "person-add")
    return root
