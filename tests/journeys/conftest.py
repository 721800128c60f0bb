"""What journeys share: a clock that stands still, an account with people in it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import Membership, Role
from enforcement.models import Pass, Policy
from tests.factories import make_account, make_user
from tests.journeys import servers
from tests.journeys.clock import Clock, stopped_clock
from tests.journeys.driver import Browser
from tests.journeys.passes import grant
from tests.journeys.post import run_jobs
from tests.journeys.world import Northwind, Phone, enrol


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a journey in the usual way, or where it is marked so in every way on either database."""
    is_marked = any(mark.name == "every_server" for mark in metafunc.definition.iter_markers())
    if "server" in metafunc.fixturenames:
        metafunc.parametrize("server", servers.ways(in_all=is_marked), indirect=True)


@pytest.fixture(autouse=True)
def server(request: pytest.FixtureRequest, settings: Any) -> Iterator[str]:
    """How the product is served."""
    with servers.served(request.param, settings):
        yield request.param


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped_clock() as clock:
        yield clock


@pytest.fixture(autouse=True)
def clean_outside(tmp_path: Path, settings: Any) -> Iterator[None]:
    """Texts go into a folder of the test's own; no provider has failed yet."""
    settings.OUTBOX_DIR = tmp_path
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def nothing_fails_silently(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Jobs catch what goes wrong and log it; here that fails the test."""
    yield
    errors = [one for one in caplog.get_records("call") if one.levelno >= logging.ERROR]
    assert not errors, [one.getMessage() for one in errors]


@pytest.fixture
def northwind(db: None, clock: Clock) -> Northwind:
    owner = make_user("owner@northwind.example", name="Olga Owner")
    ada = make_user("ada@northwind.example", name="Ada Lovelace")
    ben = make_user("ben@northwind.example", name="Ben Bitdiddle")
    admin = make_user("admin@northwind.example", name="Alex Admin")
    account = make_account("northwind", owner=owner, members=(ada, ben))
    Membership.objects.create(account=account, user=admin, role=Role.ADMIN)
    clock.forward(hours=1)
    return Northwind(account=account, owner=owner, admin=admin, ada=ada, ben=ben, clock=clock)


@pytest.fixture
def support(northwind: Northwind, clock: Clock) -> Browser:
    """A browser of support staff, signed in with a code just now."""
    person = make_user("support@gatehouse.example", name="Sam Support", is_staff=True)
    browser = Browser(person, secret=enrol(person, clock=clock).secret)
    browser.sign_in()
    return browser


@pytest.fixture
def policy(northwind: Northwind) -> Policy:
    return northwind.require()


@pytest.fixture
def phone(northwind: Northwind, policy: Policy, clock: Clock) -> Phone:
    """What Ada set up in time, and lost since; it is two days later."""
    phone = enrol(northwind.ada, clock=clock)
    clock.forward(days=2)
    run_jobs()
    return phone


@pytest.fixture
def granted(northwind: Northwind, support: Browser) -> Pass:
    return grant(support, northwind.ada)
