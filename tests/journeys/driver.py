"""Drives the product as a person with one browser does: opens pages, follows links, fills forms.

A form is sent only as the page in front of the person holds it, hidden fields and CSRF token
included, and CSRF is checked: what no page offers, nobody does here by accident.
"""

import json
from typing import Any

import pyotp
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from accounts.models import User
from tests.factories import PASSWORD
from tests.journeys import servers
from tests.journeys.pages import Page
from tests.journeys.post import code_in, mails_to, run_jobs

LOGIN, VERIFY, RECOVERY = "/login/", "/login/verify/", "/login/recovery/"
SETUP, SETUP_APP, SETUP_MAILBOX = (
    "/two-factor/setup/",
    "/two-factor/setup/app/",
    "/two-factor/setup/mailbox/",
)
SETUP_TEXT, CONFIRM_TEXT, TEXT_AGAIN = (
    "/two-factor/setup/text/",
    "/two-factor/setup/text/confirm/",
    "/two-factor/setup/text/send/",
)
BACKUP_CODES = "/two-factor/backup-codes/"
REAUTHENTICATE = "/reauthenticate/"


class Browser:
    """One browser of one person. ``page`` is what it shows; ``secret`` is in the phone."""

    def __init__(
        self,
        person: User | str,
        *,
        secret: str = "",
        password: str = PASSWORD,
        address: str = "127.0.0.1",
    ) -> None:
        self.email = person if isinstance(person, str) else person.email
        self.password, self.secret = password, secret
        self.client = servers.new_client(
            address=address,
            enforce_csrf_checks=True,
            raise_request_exception=True,
            headers={"accept": "text/html,application/xhtml+xml", "user-agent": "Journey/1.0"},
        )
        self.page: Page

    # Any page

    def open(self, path: str) -> Page:
        """Go to a page, wherever that leads."""
        return self._show(self.client.get(path, follow=True))

    def submit(self, action: str, **fields: str) -> Page:
        """Fill in the form for ``action`` on the page shown, and send it."""
        form = self.page.form(action, set(fields))
        target = form.action or self.page.response.request["PATH_INFO"]
        if not form.action and self.page.response.request["QUERY_STRING"]:
            target = f"{target}?{self.page.response.request['QUERY_STRING']}"
        return self._show(self.client.post(target, {**form.fields, **fields}, follow=True))

    def forge(self, action: str, **fields: str) -> Page:
        """Send a form that no page offers, with the CSRF token of the page shown."""
        tokens = [form.fields.get("csrfmiddlewaretoken", "") for form in self.page.forms]
        fields["csrfmiddlewaretoken"] = next(filter(None, tokens))
        return self._show(self.client.post(action, fields, follow=True))

    def follow(self, words: str) -> Page:
        """Click the link that says so."""
        return self.open(self.page.link(words))

    def _show(self, response: Any) -> Page:
        self.page = Page(response)
        return self.page

    def first_answer(self, path: str) -> Any:
        """Ask for a page, following nothing."""
        return self.client.get(path)

    def call(self, path: str) -> tuple[int, dict[str, str]]:
        """Ask in the background, as a script of the page does; return status and JSON."""
        response = self.client.get(path, headers={"accept": "application/json"})
        is_json = response.headers["Content-Type"].startswith("application/json")
        return response.status_code, json.loads(response.content) if is_json else {}

    @property
    def session(self) -> SessionBase:
        session: SessionBase = self.client.session
        return session

    @property
    def is_in(self) -> bool:
        """Whether home opens to this browser."""
        return bool(self.first_answer("/").status_code == 200)

    # Signing in and out

    def give_password(self) -> Page:
        """Do the first step of signing in, from the page shown if that is it."""
        if getattr(self, "page", None) is None or self.page.path != LOGIN:
            self.open(LOGIN)
        return self.submit(LOGIN, email=self.email, password=self.password)

    def give_code(self, code: str = "") -> Page:
        """Do the second step, with the code that the phone shows now unless told another."""
        return self.submit(VERIFY, code=code or self.code())

    def sign_in(self) -> Page:
        """Sign in to the end, with a code where the phone has one."""
        self.give_password()
        return self.give_code() if self.page.path == VERIFY else self.page

    def sign_out(self) -> Page:
        self.open("/")
        return self.submit("/logout/")

    def code(self) -> str:
        """What the authenticator app shows now."""
        return pyotp.TOTP(self.secret).at(timezone.now())

    def prove_again(self) -> Page:
        """Where a page asks who is there, say it again: password, and code if it wants one."""
        if self.page.path != REAUTHENTICATE:
            return self.page
        fields = {"password": self.password}
        if "code" in self.page.form(REAUTHENTICATE, {"password"}).names:
            fields["code"] = self.code()
        return self.submit(REAUTHENTICATE, **fields)

    # Set-up

    def read_mailed_code(self) -> str:
        """Look into the mailbox for the latest code."""
        run_jobs()
        return code_in(mails_to(self.email, "Your code for setting up")[-1])

    def prove_mailbox(self) -> Page:
        """Type the mailed code where the page asks for it."""
        if self.page.path == SETUP_MAILBOX:
            self.submit(SETUP_MAILBOX, code=self.read_mailed_code())
        return self.page

    def choose(self, method: str) -> Page:
        """Choose ``app`` or ``text`` on the page that offers both."""
        self.submit(SETUP, method=method)
        return self.prove_mailbox()

    def scan(self) -> str:
        """Put the key on the page shown into the phone."""
        self.secret = self.page.attribute("totp-secret", "data-secret")
        return self.secret

    def set_up_app_until_the_code(self) -> str:
        """Come to stand before the key, from wherever set-up stands, and scan it."""
        self.prove_mailbox()
        if self.page.path == SETUP:
            self.choose("app")
        return self.scan()

    def set_up_app(self) -> list[str]:
        """Set up an app, from wherever set-up stands, and return the ten codes."""
        self.set_up_app_until_the_code()
        self.submit(SETUP_APP, code=self.code())
        return self.backup_codes()

    def backup_codes(self) -> list[str]:
        """Read the codes off the page shown."""
        codes = self.page.by_class("backup-code")
        assert len(codes) == 10, self.page
        return codes
