"""A person with a browser who goes where a picture is to be taken."""

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.sync_api import Page

from tests.browser.product import DEMO_PASSWORD, Product


def code_of(secret: str, *, now: datetime) -> str:
    """Return what an authenticator app shows: RFC 6238."""
    counter = int(now.timestamp() // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


@dataclass(kw_only=True)
class Taker:
    product: Product
    page: Page
    email: str

    def open(self, path: str) -> None:
        self.page.goto(self.product.url + path)

    def sign_in(self, secret: str = "") -> None:
        """Give the password and, with the ``secret`` of an app, a code."""
        self.open("/login/")
        self.page.locator("[name=email]").fill(self.email)
        self.page.locator("[name=password]").fill(DEMO_PASSWORD)
        self.page.get_by_role("button", name="Continue", exact=True).click()
        if secret:
            self._give_code(secret)
        self.page.wait_for_url(f"{self.product.url}/")

    def _give_code(self, secret: str) -> None:
        # The sixth digit sends it.
        self.page.locator("[name=code]").fill(code_of(secret, now=datetime.now(UTC)))

    def account(self, name: str, query: str = "") -> None:
        """Open an account's page in the admin, through the desk."""
        self.open("/admin/")
        self.page.get_by_role("link", name=name, exact=True).first.click()
        if query:
            self.page.goto(self.page.url + query)

    def preview(self, name: str) -> None:
        self.account(name)
        self.page.get_by_role("link", name="Preview and switch on…", exact=True).click()

    def find(self, words: str) -> None:
        """Look for people, from the desk."""
        self.open("/admin/")
        self.page.get_by_label("Name, email address or account").fill(words)
        self.page.get_by_role("button", name="Find", exact=True).click()

    def someone(self, email: str) -> None:
        """Open the page of a person."""
        self.find(email)
        self.page.locator(f"#result_list a:has-text('{email}')").click()

    def do(self, email: str, action: str) -> None:
        """Open the page of what can be done to a person; nothing is done."""
        self.someone(email)
        self.page.get_by_role("link", name=action, exact=True).click()
