"""Support's desk at two widths, in the light and in the dark: each page of a person, and the lists.

SHOTS=folder leaves a picture of each, as for ``test_pages``.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import desk
from tests.browser.walk import Person

pytestmark = pytest.mark.browser
ACTIONS = {
    "pass": "Grant the pass",
    "reset": "Reset it",
    "sign/out": "Sign out everywhere",
    "address": "Change the address",
    "deactivate": "Deactivate",
    "approve": "Approve it",
    "decline": "Decline it",
}


def make_staff(data: Path, *, emails: list[str]) -> None:
    """Make superusers of people whom no other test signs in."""
    with sqlite3.connect(data / "gatehouse.sqlite3", timeout=30) as database:
        for email in emails:
            database.execute(
                "UPDATE accounts_user SET is_staff = 1, is_superuser = 1 WHERE email = ?", [email]
            )
    database.close()


def let_something_wait(data: Path, *, email: str, asked_by: str) -> None:
    """Put down what one of support would ask for, had the operator of this product wanted two."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with sqlite3.connect(data / "gatehouse.sqlite3", timeout=30) as database:
        database.execute(
            "INSERT INTO enforcement_approval (user_id, what, asked_by_id, reason, ticket,"
            " asked_at, until, closed_as) SELECT u.id, 'pass', s.id, 'Called back on the known"
            " number.', 'T-1024', ?, ?, '' FROM accounts_user u, accounts_user s"
            " WHERE u.email = ? AND s.email = ?",
            [str(now), str(now + timedelta(hours=1)), email, asked_by],
        )
    database.close()


def test_every_page_of_the_desk_is_sound(
    stage: Callable[..., list[str]],
    person: Callable[..., Person],
    look: Callable[[Page, str], None],
    data: Path,
) -> None:
    owner, ada, root, other = (person(email) for email in stage("ada", "rita", "otto"))
    make_staff(data, emails=[root.email, other.email])
    ada.open("/login/")
    ada.fill(email=ada.email, password="not the password")
    ada.press("Continue")
    ada.give_password()
    slug = owner.email.partition("@")[2].removesuffix(".example")
    owner.give_password()
    owner.open(f"/accounts/{slug}/")
    owner.page.get_by_role("link", name=f"Ask for a pass for {ada.email}").click()
    owner.fill(message="I spoke to her, she sits beside me.")
    owner.press("Ask support for a pass")
    desk.first_sign_in(other)
    let_something_wait(data, email=ada.email, asked_by=other.email)
    desk.first_sign_in(root)
    root.open("/admin/")
    root.see("Waiting for a second of support", "vouched for by")
    look(root.page, "desk")
    root.page.get_by_label("Name, email address or account").fill(slug)
    root.press("Find")
    root.see(ada.email, "Desk", "People")
    look(root.page, "people")
    root.page.locator(f"#result_list a:has-text('{ada.email}')").click()
    root.see("Must set up two-factor authentication by", "Wrong password", "Signed in now")
    look(root.page, "person")
    at = root.page.url.partition("change/")[0]
    for action, button in ACTIONS.items():
        root.page.goto(f"{at}{action}/")
        desk.prove_if_asked(root)
        expect(root.page.get_by_role("button", name=button, exact=True)).to_be_visible()
        look(root.page, f"person-{action.replace('/', '-')}")
    root.open("/admin/accounts/account/")
    look(root.page, "accounts")
