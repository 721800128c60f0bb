"""People, owners and support who act at random, through pages and use cases alike.

Hypothesis draws who does what and when. What must hold after each act is said from the rows of
accounts, passes and devices and from what each browser proved, never by the product's decision.
"""

from django.core import mail
from django.db.models import Count
from hypothesis.stateful import initialize, invariant, rule

from accounts.models import Account, Membership, Notice
from enforcement.models import Pass
from tests.journeys.post import run_jobs
from tests.machine import facts
from tests.machine.cast import Someone
from tests.machine.desk import Desk
from tests.machine.doors import Doors
from tests.machine.members import Members
from tests.machine.stage import PAUSES
from tests.machine.through import Through


class Machine(Desk, Members, Doors, Through):
    """Begins with Ada in and Ben half-way in, so that an end ahead or a code is soon in reach."""

    @initialize()
    def begin(self) -> None:
        start, ada = self.start, self.someone(1)
        if start != "nothing yet":
            self.switch_on(self.account(0))
        if "pass" in start:
            self.grant(ada.user)
        if "provider" in start:
            self._come_by_both_doors(ada)
        else:
            self.come_back(ada, 0)
        self.give_password(self.someone(2), 0)
        if "nearly" in start:
            self.pause("just before the next end")

    def _come_by_both_doors(self, ada: Someone) -> None:
        """Through the provider and by password, where the provider is required; a day goes by."""
        self.look_after_provider("at once", where=0, act="require")
        self.come_through("at once", who=1, which=0, where=0)
        self.come_back(ada, 1)
        for which in (0, 1):
            self.look_at_account("at once", who=1, which=which, where=0)
        self.pause("the day after")
        assert ada.is_in(0), "a session that came through a live provider is bound"
        assert not ada.is_in(1), "a session by password is exempt"

    @rule(after=PAUSES)
    def jobs(self, after: str) -> None:
        self.pause(after)
        run_jobs()

    # What must hold

    @invariant()
    def nobody_gets_a_page_who_may_not(self) -> None:
        """And nobody loses a session that came through a live provider, and was in before."""
        were_in, self.were_in = self.were_in, set()
        for person in self.people:
            for which in range(len(person.browsers)):
                where = f"{person.email} in browser {which}"
                if person.is_in(which):
                    why = facts.why_not(person, which, now=self.clock.now)
                    assert not why, f"{where} is let in: {why}"
                    self.were_in.add((person.pk, which))
                elif (person.pk, which) in were_in and not self.may_end:
                    why = facts.why_not(person, which, now=self.clock.now)
                    assert why or not facts.vouching_for(person, which), f"{where} is out"
        self.may_end = False

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
