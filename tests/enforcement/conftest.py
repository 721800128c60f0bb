"""A clock that stands still, and an account that may require two-factor authentication."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import Account, User
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock, stopped_clock


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
