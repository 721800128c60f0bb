"""Who is there when a journey begins."""

from dataclasses import dataclass

from accounts.models import Account, Membership, User
from enforcement import joining, policies
from enforcement.models import Policy
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app


@dataclass(frozen=True, kw_only=True)
class Northwind:
    """An enterprise account, an hour old when the journey begins."""

    account: Account
    owner: User
    admin: User
    ada: User
    ben: User
    clock: Clock

    def require(self) -> Policy:
        """Switch the requirement on, now."""
        return policies.switch_on(account=self.account, actor=self.owner, now=self.clock.now)

    def release(self) -> None:
        """Switch the requirement off, now."""
        policies.switch_off(account=self.account, actor=self.owner, now=self.clock.now)

    def add(self, person: User) -> Membership:
        """Make somebody a member by hand, now."""
        return joining.add_by_hand(
            user=person, account=self.account, role="member", actor=self.owner, now=self.clock.now
        )

    def membership(self, person: User) -> Membership:
        return Membership.objects.get(account=self.account, user=person)


@dataclass(frozen=True, kw_only=True)
class Phone:
    """What an enrolled person holds."""

    secret: str
    codes: list[str]


def enrol(person: User, *, clock: Clock) -> Phone:
    """Give ``person`` an app and backup codes, set up five minutes ago."""
    found = enrol_app(person, now=clock.now)
    person.refresh_from_db()
    return Phone(secret=found.secret, codes=found.codes)
