"""Every counter is a row: nothing is forgotten with Redis, nothing let through without it."""

from contextlib import ExitStack

import pytest
from django.test import Client, override_settings

from accounts.models import AddressFailure
from tests.enforcement.kit import enrolled_person
from tests.factories import make_user
from tests.journeys.clock import Clock
from tests.services.redis import RedisServer, redis_folder, running_redis_in
from tests.throttles.kit import HOME, RECOVERY, VERIFY, at, begin, give, guess_passwords
from tests.twofactor.people import enrol_phone, make_enrolled
from twofactor.models import CodeFailure

pytestmark = [pytest.mark.redis, pytest.mark.django_db, pytest.mark.proves("S08", "S26", "S66")]

NOBODY = "redis://127.0.0.1:1/0"  # nothing listens there


def cached_in(url: str) -> override_settings:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return override_settings(SESSION_ENGINE="accounts.session_cached_db", CACHES={"default": cache})


def spent(clock: Clock) -> tuple[Client, Client]:
    """Spend the budget of one person's codes, and of one address; return their browsers."""
    both = enrol_phone(enrolled_person().user, now=clock.now)
    half_way, guesser = begin(both, "203.0.113.1"), at(HOME)
    half_way.post("/login/verify/text/")
    for _ in range(5):
        half_way.post(VERIFY, {"code": "1"})
    guess_passwords(guesser, make_user(), 10)
    return half_way, guesser


def check_refused(half_way: Client, guesser: Client) -> None:
    assert half_way.post(RECOVERY, {"code": "x"}).status_code == 429
    assert half_way.post("/login/verify/text/").status_code == 429
    assert give(guesser, make_user()).status_code == 429
    assert CodeFailure.objects.count() == 5
    assert AddressFailure.objects.filter(address=HOME).count() == 10


def test_a_flushed_redis_forgets_no_failure(redis_server: RedisServer, clock: Clock) -> None:
    with cached_in(redis_server.url):
        browsers = spent(clock)
        redis_server.client().flushall()
        check_refused(*browsers)


@pytest.mark.proves("S03", "S26")
@pytest.mark.parametrize("how", ["flushed", "restarted"])
def test_neither_a_used_code_nor_a_wait_is_forgotten_with_redis(how: str, clock: Clock) -> None:
    with redis_folder() as folder, ExitStack() as stack:
        redis = stack.enter_context(running_redis_in(folder))
        both = enrol_phone(enrolled_person().user, now=clock.now)
        app = make_enrolled(make_user(), now=clock.now)
        stack.enter_context(cached_in(redis.url))
        code = app.code_at(clock.now)
        assert begin(app).post(VERIFY, {"code": code}).status_code == 302
        assert begin(both).post("/login/verify/text/").status_code == 302
        if how == "flushed":
            redis.client().flushall()
        else:
            redis.process.kill()
            stack.enter_context(running_redis_in(folder))
        again = begin(app).post(VERIFY, {"code": code})
        assert "used already" in again.content.decode()
        assert begin(both).post("/login/verify/text/").status_code == 429


def test_without_redis_failures_are_counted_as_before(clock: Clock) -> None:
    with cached_in(NOBODY):
        check_refused(*spent(clock))
