"""Where every act happens: an account with people in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account, Membership, User
from tests.journeys.clock import Clock
from tests.twofactor.people import (
    Enrolled,
)

Deed = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class World:
    account: Account
    owner: User
    ada: User  # a member with a password alone
    eve: Enrolled  # a member with an app and codes
    sam: User  # support, enrolled
    root: User  # a superuser, enrolled
    clock: Clock
    settings: Any

    @property
    def now(self) -> datetime:
        return self.clock.now

    def membership(self, person: User) -> Membership:
        return Membership.objects.get(account=self.account, user=person)
