"""What people do at the doors: sign in with whatever they hold, set up, replace."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.journeys.driver import (
    CONFIRM_TEXT,
    LOGIN,
    RECOVERY,
    SETUP,
    SETUP_APP,
    SETUP_TEXT,
    VERIFY,
    Browser,
)
from tests.machine.cast import Someone
from tests.machine.stage import PAUSES, WHICH, WHO, Stage
from tests.twofactor.people import wrong
from twofactor import devices

WAYS = ("password", "code", "go on", "wrong code", "backup code")
METHODS = ("app", "text")


class Doors(Stage):
    @rule(after=PAUSES, who=WHO, which=WHICH, way=st.sampled_from(WAYS))
    def knock(self, after: str, who: int, which: int, way: str) -> None:
        """Sign in, or go on with a sign-in, by what the person holds or guesses."""
        self.pause(after)
        ways = (
            self.give_password,
            self.sign_in,
            self.go_on,
            self.give_wrong_code,
            self.give_backup_code,
        )
        ways[WAYS.index(way)](self.someone(who), which)

    def give_password(self, person: Someone, which: int) -> None:
        """Begin to sign in, in an empty browser."""
        browser = person.forget(which)
        browser.open(LOGIN)
        browser.give_password()

    def sign_in(self, person: Someone, which: int) -> None:
        person.forget(which)
        self.come_back(person, which)

    def go_on(self, person: Someone, which: int) -> None:
        """Give the code to a sign-in begun earlier."""
        browser = person.browsers[which]
        browser.open("/")
        code = person.code_for(browser, VERIFY) if browser.page.path == VERIFY else ""
        if code:
            browser.submit(VERIFY, code=code)
            if browser.is_in:
                person.proved.add(which)

    def give_wrong_code(self, person: Someone, which: int) -> None:
        self.give_password(person, which)
        browser = person.browsers[which]
        if browser.page.path == VERIFY and browser.secret:
            browser.give_code(wrong(browser.code()))
            assert not browser.is_in

    def give_backup_code(self, person: Someone, which: int) -> None:
        self.give_password(person, which)
        browser = person.browsers[which]
        if browser.page.path == VERIFY and person.codes:
            browser.open(RECOVERY)
            browser.submit(RECOVERY, code=person.codes.pop())
            if browser.is_in:
                person.proved.add(which)
                self.happened["came in by a backup code"] += 1

    @rule(after=PAUSES, who=WHO, which=WHICH, method=st.sampled_from(METHODS))
    def set_up(self, after: str, who: int, which: int, method: str) -> None:
        """Set up, add or replace a device where the product lets this browser."""
        self.pause(after)
        person = self.someone(who)
        browser = self.come_back(person, which)
        had = devices.has_device(person.user)
        browser.open(SETUP)
        person.prove_again(browser)
        self.prove_mailbox(browser)
        if browser.page.path == SETUP and any("method" in f.names for f in browser.page.forms):
            browser.choose(method)
        if self._confirm_device(person, browser):
            person.holds(secret=browser.secret, codes=browser.backup_codes())
            person.proved = {which}
            self.happened[f"{'added or replaced' if had else 'set up'} by {method}"] += 1

    def _confirm_device(self, person: Someone, browser: Browser) -> bool:
        """Prove the new device, if set-up stands before that; return whether it was taken."""
        if browser.page.path == SETUP_APP:
            old, _new = browser.secret, browser.scan()
            browser.submit(SETUP_APP, code=browser.code())
            if not browser.page.by_class("backup-code"):
                browser.secret = old
        if browser.page.path == SETUP_TEXT:
            browser.submit(SETUP_TEXT, phone=person.number)
        if browser.page.path == CONFIRM_TEXT:
            browser.submit(CONFIRM_TEXT, code=person.texted())
        return bool(browser.page.by_class("backup-code"))
