"""People, owners and support who act at random, through pages and use cases alike.

Hypothesis draws who does what and when. What must hold after each act is said from the rows of
accounts, passes and devices and from what each browser proved, never by the product's decision.
"""

from django.core import mail
from django.db.models import Count
from hypothesis.stateful import initialize, invariant, rule

from accounts.models import Account, Membership, Notice
from enforcement.models import Pass, Policy
from tests.journeys.post import run_jobs
from tests.machine.cast import Someone
from tests.machine.desk import Desk
from tests.machine.doors import Doors
from tests.machine.members import Members
from tests.machine.stage import PAUSES
from twofactor.models import SMSDevice, TOTPDevice


class Machine(Desk, Members, Doors):
    """Begins with Ada in and Ben half-way in, so that an end ahead or a code is soon in reach."""

    @initialize()
    def begin(self) -> None:
        start = self.start
        if start != "nothing yet":
            self.switch_on(self.account(0))
        if "pass" in start:
            self.grant(self.someone(1).user)
        self.come_back(self.someone(1), 0)
        self.give_password(self.someone(2), 0)
        if "nearly" in start:
            self.pause("just before the next end")

    @rule(after=PAUSES)
    def jobs(self, after: str) -> None:
        self.pause(after)
        run_jobs()

    # What must hold

    @invariant()
    def nobody_gets_a_page_who_may_not(self) -> None:
        for person in self.people:
            for which in range(len(person.browsers)):
                if person.is_in(which):
                    why = self._why_not(person, which)
                    assert not why, f"{person.email} in browser {which} is let in: {why}"

    def _why_not(self, person: Someone, which: int) -> str:
        now = self.clock.now
        leave = Pass.objects.filter(user=person.pk, closed_at=None).first()
        if leave is not None:
            return "" if now < leave.until else "the pass ran out"
        apps = TOTPDevice.objects.filter(user=person.pk, confirmed=True)
        if apps.exists() or SMSDevice.objects.filter(user=person.pk, confirmed=True).exists():
            return "" if which in person.proved else "enrolled, and no code was given"
        for one in Membership.objects.filter(user=person.pk):
            policy = Policy.objects.filter(account=one.account_id, ended_at=None).first()
            if policy and (policy.deadline <= now or one.joined_at > policy.starts_at):
                return "overdue"
        return ""

    @invariant()
    def each_account_has_an_owner(self) -> None:
        owned = Membership.objects.owners().values("account")
        assert not Account.objects.exclude(pk__in=owned).exists()

    @invariant()
    def nothing_is_there_twice(self) -> None:
        open_passes = Pass.objects.filter(closed_at=None).values("user")
        assert not open_passes.annotate(n=Count("pk")).filter(n__gt=1).exists()
        owed = Notice.objects.values("recipient", "kind", "occasion")
        assert not owed.annotate(n=Count("pk")).filter(n__gt=1).exists()
        assert len(mail.outbox) <= Notice.objects.filter(state=Notice.State.SENT).count()
