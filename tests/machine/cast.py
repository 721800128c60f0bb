"""Who is there when a history begins, stored once for all histories of a test.

Each history is rolled back to it. Whatever changes in a history besides rows lies in ``Someone``.
"""

from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Account, Identity, Membership, Provider, User
from tests.factories import PASSWORD, make_account, make_provider, make_user
from tests.journeys.driver import REAUTHENTICATE, VERIFY, Browser
from tests.twofactor.people import enrol_app
from twofactor import devices, sent_codes
from twofactor.models import SentCode

TEXT_FOR_VERIFY, TEXT_FOR_PROOF = "/login/verify/text/", "/reauthenticate/text/"
ANSWERS_ONLY_POSTS = "/settings/sessions/end-all/"
DOMAINS = ["northwind.example", "home.example", "work.example"]


@dataclass(frozen=True, kw_only=True)
class Cast:
    """An owner, Ada who owns an account herself, and Ben, who has set up an app; and support.

    Northwind and Eastwind can require it, Garden can't. All three people are in Northwind, Ada
    and Ben in the others as well. Northwind and Eastwind have providers, which know all three.
    """

    people: tuple[User, ...]
    support: User
    northwind: Account
    eastwind: Account
    garden: Account
    secret: str
    codes: tuple[str, ...]


def stored(*, now: datetime) -> Cast:
    names = ("owner@northwind.example", "ada@home.example", "ben@northwind.example")
    owner, ada, ben = (make_user(name, name=name.split("@")[0].title()) for name in names)
    helper = make_user("support@gatehouse.example", name="Sam", is_staff=True)
    enrolled = enrol_app(ben, now=now)
    northwind = make_account("northwind", owner=owner, members=(ada, ben), email_domains=DOMAINS)
    eastwind = make_account("eastwind", owner=ada, members=(ben,), email_domains=DOMAINS)
    for account in (northwind, eastwind):
        known_to(make_provider(account, now=now), now=now)
    return Cast(
        people=(owner, ada, ben),
        support=enrol_app(helper, now=now).user,
        northwind=northwind,
        eastwind=eastwind,
        garden=make_account("garden", owner=make_user("gus@garden.example"), members=(ada, ben)),
        secret=enrolled.secret,
        codes=tuple(enrolled.codes),
    )


def known_to(provider: Provider, *, now: datetime) -> None:
    """Let ``provider`` know everybody there is."""
    Identity.objects.bulk_create(
        Identity(provider=provider, user=user, subject=f"{user.pk}", created_at=now, last_at=now)
        for user in User.objects.filter(is_staff=False)
    )


@dataclass
class Someone:
    """A person with two browsers, a phone and a sheet of backup codes."""

    pk: int
    number: str
    browsers: list[Browser]
    codes: list[str] = field(default_factory=list)
    proved: set[int] = field(default_factory=set)  # the browsers in which a code was given
    passed: dict[int, set[int]] = field(default_factory=lambda: {0: set(), 1: set()})  # providers

    @classmethod
    def of(cls, user: User, *, password: str = PASSWORD) -> "Someone":
        browsers = [Browser(user, password=password) for _ in range(2)]
        return cls(pk=user.pk, number=f"(202) 555-01{user.pk % 100:02}", browsers=browsers)

    @property
    def user(self) -> User:
        return User.objects.get(pk=self.pk)

    @property
    def email(self) -> str:
        return self.browsers[0].email

    def membership(self, account: Account) -> Membership | None:
        return Membership.objects.filter(account=account, user=self.pk).first()

    def holds(self, *, secret: str, codes: list[str]) -> None:
        """Have the phone and the sheet by every browser."""
        self.codes = codes
        for browser in self.browsers:
            browser.secret = secret

    # In one of the browsers

    def is_in(self, which: int) -> bool:
        """Whether the gate lets this browser through to a view that then says: by POST only."""
        client = self.browsers[which].client
        return bool(client.cookies) and client.get(ANSWERS_ONLY_POSTS).status_code == 405

    def forget(self, which: int) -> Browser:
        """Begin with an empty browser."""
        browser = self.browsers[which]
        browser.client.cookies.clear()
        self.proved.discard(which)
        self.passed[which].clear()
        return browser

    def code_for(self, browser: Browser, action: str) -> str:
        """What the app shows, or else what comes by text; empty if none comes."""
        if devices.app_of(self.user) is not None and browser.secret:
            return browser.code()
        return self._texted_for(browser, action)

    def _texted_for(self, browser: Browser, action: str) -> str:
        texts = TEXT_FOR_VERIFY if action == VERIFY else TEXT_FOR_PROOF
        if all(form.action != texts for form in browser.page.forms):
            return ""
        browser.submit(texts)
        return self.texted() if browser.page.path == action else ""

    def texted(self) -> str:
        """The latest text to this person, while it is good."""
        sent = SentCode.objects.filter(user=self.pk, device__isnull=False).order_by("-pk").first()
        return sent_codes.code_of(sent) if sent is not None else ""

    def prove_again(self, browser: Browser) -> None:
        """Where a page asks who is there: password, and a code if it wants one."""
        if browser.page.path != REAUTHENTICATE:
            return
        fields = {"password": browser.password}
        if "code" in browser.page.form(REAUTHENTICATE, {"password"}).names:
            fields["code"] = self.code_for(browser, REAUTHENTICATE)
        if browser.page.path == REAUTHENTICATE:
            browser.submit(REAUTHENTICATE, **fields)
