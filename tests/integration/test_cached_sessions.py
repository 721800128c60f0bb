"""Sessions cached in Redis: what ends them is the stamp, whatever lies in the cache."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import sessions
from accounts.models import EndReason, Session, User
from enforcement import tasks
from tests.factories import make_user
from tests.integration.people import is_in, set_up, sign_in
from tests.integration.workers import long_standing_account, required_since
from tests.services.redis import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.django_db]
PREFIX = "gatehouse.session."


@pytest.fixture(autouse=True)
def cached(redis_server: RedisServer, settings: Settings) -> None:
    settings.SESSION_ENGINE = "accounts.session_cached_db"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_server.url,
        }
    }


@pytest.fixture
def person() -> User:
    return make_user()


def signed_in(user: User) -> Client:
    browser = Client()
    sign_in(browser, user)
    assert is_in(browser)
    return browser


def key_of(browser: Client) -> str:
    return browser.cookies["gatehouse_session"].value


def is_cached(key: str) -> bool:
    return cache.get(PREFIX + key) is not None


def end(user: User) -> None:
    sessions.renew_stamp(User.objects.filter(pk=user.pk), reason=EndReason.EVERYWHERE)


def test_a_renewed_stamp_ends_a_session_that_stays_cached(person: User) -> None:
    browser = signed_in(person)
    end(person)
    assert is_cached(key_of(browser))
    assert not is_in(browser)


def test_a_session_that_was_ended_stays_so_when_its_row_is_deleted(person: User) -> None:
    browser = signed_in(person)
    end(person)
    Session.objects.all().delete()
    assert is_cached(key_of(browser))
    assert not is_in(browser)
    cache.clear()
    assert not is_in(browser)


def test_a_session_that_was_ended_stays_so_when_it_is_read_back_from_its_row(person: User) -> None:
    browser = signed_in(person)
    end(person)
    cache.clear()
    assert not is_in(browser)


def test_a_session_signed_out_alone_leaves_row_and_cache(person: User) -> None:
    browser, other = signed_in(person), signed_in(person)
    key = key_of(browser)
    sessions.end_one(Session.objects.get(session_key=key))
    assert not is_cached(key)
    assert not is_in(browser)
    assert is_in(other)


def test_a_slow_request_does_not_bring_back_a_session_that_was_signed_out(person: User) -> None:
    browser = signed_in(person)
    key = key_of(browser)
    slow = sessions.store(key)
    slow["page"] = "a form"
    sessions.end_one(Session.objects.get(session_key=key))
    with pytest.raises(Exception, match=r"^$"):  # UpdateError has no text
        slow.save()
    assert not is_cached(key)
    assert not is_in(browser)


def test_no_entry_outlives_its_row_for_long(person: User, redis_server: RedisServer) -> None:
    browser = signed_in(person)
    (name,) = redis_server.client().keys(f"*{key_of(browser)}")
    assert 0 < redis_server.client().ttl(name) <= 300


def test_the_deadline_holds_for_cached_sessions(person: User) -> None:
    account, owner = long_standing_account(person)
    browser = signed_in(person)
    required_since(account, owner, at=timezone.now() - timedelta(days=1))
    assert not is_in(browser)
    tasks.carry_out(now=timezone.now())
    assert not is_in(browser)


def test_set_up_in_one_browser_ends_the_other_cached_one(person: User) -> None:
    account, owner = long_standing_account(person)
    other, browser = signed_in(person), Client()
    required_since(account, owner, at=timezone.now())
    set_up(browser, person)
    assert is_in(browser)
    assert not is_in(other)
