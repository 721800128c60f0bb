"""What tests of people, accounts and sessions share; the clock stands still where asked for."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts import providers
from accounts.models import Account, Provider, User
from tests.accounts.entered import ENTERED, REASON
from tests.enforcement.conftest import ada, clean_outside, clock, northwind, now, owner
from tests.enforcement.kit import enrolled_person, sign_in_with_code
from tests.factories import make_user
from tests.journeys.clock import Clock

__all__ = ["ada", "clean_outside", "clock", "northwind", "now", "owner"]


@pytest.fixture
def sam() -> User:
    return make_user("sam@gatehouse.example", name="Sam Support", is_staff=True)


@pytest.fixture
def acting(sam: User, now: datetime, northwind: Account) -> dict[str, Any]:
    return {"actor": sam, "reason": REASON, "now": now}


@pytest.fixture
def provider(northwind: Account, acting: dict[str, Any]) -> Provider:
    return providers.add(account=northwind, **ENTERED, **acting)


@pytest.fixture
def verified(clock: Clock) -> Client:
    """A browser whose person gave a code just now."""
    return sign_in_with_code(enrolled_person(email="ada@home.example", name="Ada"))


@pytest.fixture
def person(verified: Client) -> User:
    return User.objects.get(email="ada@home.example")
