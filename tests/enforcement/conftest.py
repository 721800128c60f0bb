"""A clock that stands still, and an account that may require two-factor authentication."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings

from accounts.models import Account, Membership, Provider, User
from enforcement import policies
from enforcement.models import Policy
from tests.enforcement.kit import enrolled_person, provider_of
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock, stopped_clock
from tests.twofactor.people import Enrolled


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped_clock() as clock:
        yield clock


@pytest.fixture
def now(clock: Clock) -> datetime:
    return clock.now


@pytest.fixture(autouse=True)
def clean_outside(tmp_path: Path, settings: Any) -> Iterator[None]:
    """Texts go into a folder of the test's own; no provider has failed yet."""
    settings.OUTBOX_DIR = tmp_path
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def owner(db: None, clock: Clock) -> User:
    return make_user("owner@northwind.example", name="Olga Owner")


@pytest.fixture
def ada(db: None, clock: Clock) -> User:
    return make_user("ada@northwind.example", name="Ada Lovelace")


@pytest.fixture
def northwind(owner: User, ada: User, clock: Clock) -> Account:
    """An enterprise account with an owner and a member, an hour old."""
    account = make_account("northwind", owner=owner, members=(ada,))
    clock.forward(hours=1)
    return account


@pytest.fixture
def policy(northwind: Account, owner: User, clock: Clock) -> Policy:
    return policies.switch_on(account=northwind, actor=owner, now=clock.now)


@pytest.fixture
def provider(northwind: Account, ada: User, clock: Clock) -> Provider:
    """Northwind's, which knows Ada."""
    return provider_of(northwind, ada, now=clock.now)


@pytest.fixture
def other(ada: User, clock: Clock) -> Account:
    """A second account of Ada's, which requires nothing yet."""
    account = make_account("southwind")
    Membership.objects.create(account=account, user=ada, joined_at=clock.now)
    return account


@pytest.fixture
def dora(northwind: Account, clock: Clock) -> Enrolled:
    """A member with an app, in an account that requires it."""
    enrolled = enrolled_person(email="dora@northwind.example", name="Dora")
    Membership.objects.create(account=northwind, user=enrolled.user, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    return enrolled


@pytest.fixture
def sam(clock: Clock) -> Enrolled:
    return enrolled_person(email="sam@gatehouse.example", is_staff=True)


@pytest.fixture
def colleague(clock: Clock) -> Enrolled:
    return enrolled_person(email="colleague@gatehouse.example", is_staff=True)


@pytest.fixture
def two(settings: Settings) -> None:
    settings.TWO_FACTOR_PASS_APPROVAL = True
