"""Browsers at the gate: people signed in by the product's own forms, and what they are answered."""

from datetime import datetime, timedelta
from typing import Any

import pyotp
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Provider, User
from bench import people
from tests.factories import PASSWORD, make_identity, make_provider, make_user
from tests.journeys.clock import DAY, MS, START
from tests.twofactor.people import Enrolled, make_enrolled

__all__ = ["DAY", "HOUR", "MINUTE", "MS", "START"]

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate"}
BACKGROUND = {"accept": "application/json", "sec-fetch-mode": "cors"}
EMPTY = {"sec-fetch-mode": "cors"}


def browser() -> Client:
    """A browser that opens pages; a single call can say otherwise with its own headers."""
    return Client(headers=PAGE)


def sign_in(person: User, *, client: Client | None = None, next_url: str = "") -> Client:
    """Give the password; return the browser, in if nothing more is asked."""
    client = client or browser()
    fields = {"email": person.email, "password": PASSWORD, "next": next_url}
    answer = client.post("/login/", fields)
    assert answer.status_code == 302, answer.content.decode()
    return client


def sign_in_through(person: User, *providers: Provider) -> Client:
    """A browser in which ``person`` came in through ``providers``, as the last step leaves it."""
    key = people.sign_in(person, verified=False, now=timezone.now(), through=providers)
    User.objects.filter(pk=person.pk).update(last_provider=providers[-1])
    client = browser()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client


def sign_in_with_code(enrolled: Enrolled) -> Client:
    """Give password and code; return a browser whose session is verified."""
    client = sign_in(enrolled.user)
    code = pyotp.TOTP(enrolled.secret).at(timezone.now())
    answer = client.post("/login/verify/", {"code": code})
    assert answer.status_code == 302, answer.content.decode()
    assert is_in(client)
    return client


def enrolled_person(**fields: Any) -> Enrolled:
    """A person with an app, set up five minutes ago."""
    return make_enrolled(make_user(**fields), now=timezone.now())


def is_in(client: Client) -> bool:
    """Whether a view for signed-in people opens; one that takes a form alone, and reads nothing."""
    return client.get("/settings/sessions/end-all/", headers=PAGE).status_code == 405


def fetch(client: Client, path: str = "/settings/", **how: Any) -> Any:
    """Ask in the background, as a script does."""
    return client.get(path, headers=BACKGROUND, **how)


def code_of(answer: Any) -> str:
    """Return why a background request was refused."""
    assert answer.status_code == 401, answer.status_code
    return str(answer.json()["code"])


def provider_of(account: Account, person: User, *, now: datetime) -> Provider:
    """Make the account's provider, which knows the person."""
    found = make_provider(account, now=now)
    make_identity(found, person, now=now)
    return found


def end_provider(provider: Provider, *, at: object, **how: object) -> None:
    """Have it switched off since that instant, or ended as said."""
    Provider.objects.filter(pk=provider.pk).update(**(how or {"off_at": at}))
