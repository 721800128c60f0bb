"""The gate under ASGI: the same answers as under WSGI."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone

from accounts import audit
from accounts.audit import Entry, Event
from accounts.exports import ROWS_PER_CHUNK
from accounts.models import User
from enforcement.models import Policy
from tests.factories import PASSWORD, make_account, make_user
from tests.integration.workers import long_standing_account, required_since
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]
PAGE = {"Accept": "text/html"}
BACKGROUND = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def out_of_the_browsers_loop() -> Iterator[None]:
    """Playwright keeps a loop running in a process that has driven a browser; step out of it."""
    kept = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(kept)


def signed_in(user: User, *, code: str = "") -> AsyncClient:
    browser = AsyncClient()

    async def sign_in() -> None:
        await browser.post("/login/", {"email": user.email, "password": PASSWORD})
        if code:
            await browser.post("/login/verify/", {"code": code})

    async_to_sync(sign_in)()
    return browser


def ask(browser: AsyncClient, path: str, *, accept: dict[str, str]) -> tuple[int, str, str]:
    """Return status, where it leads and the body."""

    async def get() -> tuple[int, str, str]:
        answer = await browser.get(path, headers=accept)
        return answer.status_code, answer.get("Location", ""), answer.content.decode()

    return async_to_sync(get)()


def test_nobody_is_sent_to_sign_in() -> None:
    assert ask(AsyncClient(), "/", accept=PAGE)[:2] == (302, "/login/?next=%2F")
    status, _, body = ask(AsyncClient(), "/", accept=BACKGROUND)
    assert (status, '"sign_in_required"' in body) == (401, True)


def test_a_verified_person_is_let_in() -> None:
    enrolled = enrol_app(now=timezone.now())
    browser = signed_in(enrolled.user, code=enrolled.code_at(timezone.now()))
    status, _, body = ask(browser, "/", accept=PAGE)
    assert (status, enrolled.user.email in body or "Sign out" in body) == (200, True)
    half_way = signed_in(enrolled.user)
    assert ask(half_way, "/", accept=PAGE)[:2] == (302, "/login/verify/")


def test_an_overdue_person_is_refused_as_a_page_and_as_json() -> None:
    member = make_user()
    account, owner = long_standing_account(member)
    browser = signed_in(member)
    required_since(account, owner, at=timezone.now())
    assert ask(browser, "/", accept=PAGE)[0] == 200
    Policy.objects.update(starts_at=timezone.now() - timedelta(days=1), deadline=timezone.now())
    status, _, body = ask(browser, "/", accept=BACKGROUND)
    assert (status, '"signed_out_deadline"' in body) == (401, True)
    status, url, _ = ask(browser, "/", accept=PAGE)
    assert (status, url) == (302, "/login/?next=%2F")
    assert "the time to set up" in ask(browser, "/login/", accept=PAGE)[2]


def test_an_export_of_the_audit_is_sent_as_it_is_read() -> None:
    owner = make_user()
    account = make_account(owner=owner)
    entry = Entry(event=Event.JOINED, account=account)
    audit.record_many([entry] * (3 * ROWS_PER_CHUNK), now=timezone.now())
    browser = signed_in(owner)

    async def take() -> list[int]:
        answer: Any = await browser.post("/admin/accounts/auditevent/export/csv/")
        return [chunk.count(b"joined") async for chunk in answer]

    lines = async_to_sync(take)()
    assert sum(lines) == 3 * ROWS_PER_CHUNK
    assert len(lines) > 2
