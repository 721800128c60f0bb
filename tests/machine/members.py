"""Who joins and leaves which account, and with what address."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts import invitations, memberships
from accounts.models import Account, User
from enforcement import joining, leaving
from tests.journeys.driver import Browser
from tests.journeys.post import link_in, mails_to, run_jobs
from tests.machine.cast import Someone
from tests.machine.stage import PAUSES, WHERE, WHICH, WHO, Stage

EMAIL, CONFIRM, RESET = "/settings/email/", "/settings/email/confirm/", "/password/reset/"
GOING = ("leaves", "leaves by the page", "is removed")
NEW_PASSWORD = "a horse of another colour"


class Members(Stage):
    @rule(after=PAUSES, who=WHO, where=WHERE, how=st.sampled_from(GOING))
    def go(self, after: str, who: int, where: int, how: str) -> None:
        self.pause(after)
        person, account = self.someone(who), self.account(where)
        found = person.membership(account)
        if found is None:
            return
        with suppress(memberships.LastOwner, memberships.NotAllowed):
            if how == "leaves":
                leaving.leave(membership=found, now=self.clock.now)
                self.act("left")
            elif how == "is removed":
                owner = self.owner_of(account)
                leaving.remove(membership=found, actor=owner, now=self.clock.now)
                self.act("member_removed")
            else:
                self._leave_by_page(person, account)

    def _leave_by_page(self, person: Someone, account: Account) -> None:
        """Leave as far as the page offers it: in, or held up with the mailbox proved."""
        browser = self.come_back(person, 1)
        self.prove_mailbox(browser)
        path = f"/accounts/{account.slug}/leave/"
        browser.open(path)
        if any((form.action or browser.page.path) == path for form in browser.page.forms):
            browser.submit(path)
            self.happened["left by the page"] += person.membership(account) is None

    @rule(after=PAUSES, who=WHO, where=WHERE, is_invited=st.booleans())
    def come(self, after: str, who: int, where: int, is_invited: bool) -> None:
        self.pause(after)
        person, account = self.someone(who), self.account(where)
        if person.membership(account) is None:
            (self._join_by_invitation if is_invited else self._be_added)(person, account)

    def _join_by_invitation(self, person: Someone, account: Account) -> None:
        """Accept by the mail's link, in the first browser, as far as that leads at once."""
        with suppress(invitations.NotInvitable):
            invitations.invite(
                account=account,
                email=person.email,
                role="member",
                actor=self.owner_of(account),
                now=self.clock.now,
            )
            self.act("invited")
            run_jobs()
            path = link_in(mails_to(person.email, "invites you")[-1], "/invitations/")
            person.browsers[0].open(path)

    def _be_added(self, person: Someone, account: Account) -> None:
        joining.add_by_hand(
            user=person.user,
            account=account,
            role="member",
            actor=self.owner_of(account),
            now=self.clock.now,
        )
        self.act("joined")

    # Addresses

    @rule(after=PAUSES, who=WHO, which=WHICH, where=st.none() | WHERE)
    def use_another_address(self, after: str, who: int, which: int, where: int | None) -> None:
        """Everywhere, or for one membership."""
        self.pause(after)
        self.may_end = True
        person, new = self.someone(who), f"address{next(self.numbers)}@work.example"
        if where is None:
            self._change_everywhere(person, which, new)
        elif person.membership(self.account(where)) is not None:
            self._move(person, which, new, account=self.account(where))

    def _change_everywhere(self, person: Someone, which: int, new: str) -> None:
        browser = self.come_back(person, which)
        if self._ask_for(person, browser, new, scope="all"):
            for each in person.browsers:
                each.email = new
            self.act("email_changed")

    def _move(self, person: Someone, which: int, new: str, *, account: Account) -> None:
        """Move one membership to an address that is new here, and choose its password."""
        before = person.membership(account)
        browser = self.come_back(person, which)
        if before is None or not self._ask_for(person, browser, new, scope=account.slug):
            return
        self.act("membership_moved")
        self.people.append(self._at(new))
        after = self.people[-1].membership(account)
        assert after is not None
        assert (after.role, after.joined_at) == (before.role, before.joined_at)

    def _ask_for(self, person: Someone, browser: Browser, new: str, *, scope: str) -> bool:
        """Ask for another address, confirm by each mail; return whether it could be asked for."""
        browser.open(EMAIL)
        person.prove_again(browser)
        if browser.page.path != EMAIL:
            return False
        names = browser.page.form(EMAIL, {"email"}).names
        if scope != "all" and "scope" not in names:
            return False
        old = person.email
        browser.submit(EMAIL, email=new, **({"scope": scope} if "scope" in names else {}))
        run_jobs()
        for mailbox in (new, old):
            self._confirm(browser, mailbox)
        return True

    def _confirm(self, browser: Browser, mailbox: str) -> None:
        """Open the latest link, unless it was opened: who gave a code needs but one mailbox."""
        mails = [one for one in mails_to(mailbox) if CONFIRM in str(one.body)]
        if not mails:
            return
        path = link_in(mails[-1], CONFIRM)
        browser.open(path)
        if browser.page.status == 200:
            browser.submit(path)

    def _at(self, address: str) -> Someone:
        """The person behind a sign-in made just now, whose mail lets choose a password."""
        run_jobs()
        (mail,) = [one for one in mails_to(address) if RESET in str(one.body)]
        made = Someone.of(User.objects.get(email=address), password=NEW_PASSWORD)
        browser = made.browsers[0]
        browser.open(link_in(mail, rf"{RESET}\w"))
        browser.submit(browser.page.path, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        return made
