"""Browsers seen before: each has a budget of wrong passwords and codes of its own.

Whoever signed in to the end is given a signed cookie that names the browser and, by pseudonym, the
last few people. It decides where failures are counted, and nothing else: no step of a sign-in is
shorter for it. Strangers who spend the budget of an address so lock nobody out who came before.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import keys, throttle
from accounts.client import address_of
from accounts.emails import canonical_email
from accounts.models import User
from accounts.throttle import Bucket

LIFE = timedelta(days=365)
MOST_PEOPLE = 5
LONGEST = 400  # characters; what we sign has 280 at most
SIGNED, PERSON = "browser", "browser-person"  # labels of keys


@dataclass(frozen=True, slots=True)
class Browser:
    """What a cookie of ours says."""

    name: str
    people: tuple[str, ...]


def bucket_for(request: HttpRequest, email: str, *, now: datetime) -> Bucket:
    """Return where a failure of ``email`` counts: at this browser, if it is known, or address."""
    browser = _read(request, now=now)
    if browser is not None:
        known_as = set(_pseudonyms(email)) & set(browser.people)
        if known_as:
            return Bucket(f"browser {browser.name} {min(known_as)}")
    return throttle.of_address(address_of(request))


def remember(request: HttpRequest, user: User) -> None:
    """Note that ``user`` has just got in here; the response carries it to the browser."""
    request.got_in = user  # type: ignore[attr-defined]


def write(request: HttpRequest, response: HttpResponseBase, *, now: datetime) -> None:
    """Give the browser its cookie, now that somebody got in with this request."""
    user: User = request.got_in  # type: ignore[attr-defined]
    response.set_cookie(
        settings.BROWSER_COOKIE_NAME,
        _signed(_with(_read(request, now=now), user), now=now),
        max_age=LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _with(browser: Browser | None, user: User) -> Browser:
    names = _pseudonyms(user.email)
    others = tuple(each for each in browser.people if each not in names) if browser else ()
    name = browser.name if browser else secrets.token_hex(8)
    return Browser(name, (names[0], *others)[:MOST_PEOPLE])


def _pseudonyms(email: str) -> list[str]:
    """Return what stands for ``email``, under each of the keys: what an older cookie may hold."""
    return [made.hex()[:24] for made in keys.macs(PERSON, canonical_email(email))]


def _signed(browser: Browser, *, now: datetime) -> str:
    parts = (browser.name, str(int(now.timestamp())), *browser.people)
    return ".".join((*parts, keys.mac(SIGNED, *parts).hex()))


def _read(request: HttpRequest, *, now: datetime) -> Browser | None:
    """Return what the cookie says; None for none, an old one, or one that we did not sign."""
    given = request.COOKIES.get(settings.BROWSER_COOKIE_NAME, "")
    if not given or len(given) > LONGEST or not given.isascii():
        return None
    *parts, signature = given.split(".")
    if not keys.is_hex_mac(signature, SIGNED, *parts):
        return None
    name, written, *people = parts
    is_young = now < datetime.fromtimestamp(int(written), UTC) + LIFE
    return Browser(name, tuple(people)) if is_young else None
