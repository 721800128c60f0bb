"""What owners and support do."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.models import Account, User
from enforcement import passes, policies, support
from tests.machine.stage import PAUSES, WHERE, WHO, Stage
from twofactor import devices


class Desk(Stage):
    @rule(after=PAUSES, where=WHERE, on=st.booleans())
    def switch(self, after: str, where: int, on: bool) -> None:
        self.pause(after)
        (self.switch_on if on else self.switch_off)(self.account(where))

    @rule(after=PAUSES, who=WHO, act=st.sampled_from(("grant", "revoke", "reset")))
    def help_out(self, after: str, who: int, act: str) -> None:
        self.pause(after)
        {"grant": self.grant, "revoke": self.revoke, "reset": self.reset}[act](
            self.someone(who).user
        )

    def switch_on(self, account: Account) -> None:
        was_on = policies.current(account) is not None
        policies.switch_on(account=account, actor=self.owner_of(account), now=self.clock.now)
        if not was_on:
            self.act("policy_on")

    def switch_off(self, account: Account) -> None:
        if policies.current(account) is not None:
            policies.switch_off(account=account, actor=self.owner_of(account), now=self.clock.now)
            self.act("policy_off")

    def grant(self, user: User) -> None:
        with suppress(passes.NotGrantable):
            passes.grant_pass(user=user, actor=self.cast.support, reason="Lost", now=self.clock.now)
            self.act("pass_granted")

    def revoke(self, user: User) -> None:
        if passes.open_pass(user) is not None:
            passes.revoke_pass(user=user, actor=self.cast.support, now=self.clock.now)

    def reset(self, user: User) -> None:
        person = User.objects.get(pk=user.pk)
        is_void = person.pass_until is not None and person.pass_until <= self.clock.now
        has_any = devices.has_device(person) and not is_void  # else there is nothing to reset
        with suppress(support.NotAllowed, passes.NotGrantable):
            support.reset(user=user, actor=self.cast.support, reason="Lost", now=self.clock.now)
            if has_any:
                self.act("two_factor_reset")
