"""Ending sessions: by the stamp, one by one, everywhere; in both engines."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import BadRequest
from pytest_django import Settings

from accounts import sessions
from accounts.models import EndReason, Session, User
from tests.enforcement.kit import enrolled_person, is_in, sign_in
from tests.factories import make_user
from tests.journeys.clock import DAY, MS, Clock

pytestmark = pytest.mark.django_db

ENGINES = ["accounts.session_db", "accounts.session_cached_db"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, settings: Settings) -> str:
    settings.SESSION_ENGINE = request.param
    return str(request.param)


def stamps() -> dict[int, str]:
    return dict(User.objects.values_list("pk", "stamp"))


def test_every_sign_out_at_a_deadline_ends_sessions_however_many_came_before(clock: Clock) -> None:
    person, seen = make_user(), set()
    people = User.objects.filter(pk=person.pk)
    for _ in range(40):
        client = sign_in(User.objects.get(pk=person.pk))
        read = User.objects.get(pk=person.pk).stamp
        seen.add(read)
        assert sessions.sign_out_overdue(people) == 1
        assert not is_in(client)
        now_is = User.objects.get(pk=person.pk).stamp
        # The way on in set-up ends where the stamp had to begin anew, and nowhere else.
        is_full = read.startswith(sessions.MARK * sessions.MOST_MARKS)
        assert sessions.was_only_signed_out(read, now_is=now_is) is not is_full
    assert len(seen) == 40


def test_renewing_stamps_meets_exactly_the_people_asked_for(now: datetime) -> None:
    met, left = [make_user() for _ in range(3)], make_user()
    before = stamps()
    people = User.objects.filter(pk__in=[each.pk for each in met])
    assert sessions.renew_stamp(people, reason=EndReason.RESET) == 3
    after = stamps()
    assert {pk for pk in before if before[pk] != after[pk]} == {each.pk for each in met}
    assert User.objects.get(pk=met[0].pk).ended_reason == EndReason.RESET
    assert User.objects.get(pk=left.pk).ended_reason == ""


def test_a_stamp_is_renewed_once_for_what_was_read(ada: User) -> None:
    read = ada.stamp
    assert sessions.renew_stamp_if(ada, stamp_read=read, reason=EndReason.SET_UP)
    assert ada.stamp == stamps()[ada.pk] != read
    assert not sessions.renew_stamp_if(ada, stamp_read=read, reason=EndReason.RESET)
    assert ada.stamp == stamps()[ada.pk]
    assert User.objects.get(pk=ada.pk).ended_reason == EndReason.SET_UP


@pytest.mark.proves("S33")
def test_a_renewed_stamp_ends_every_session(engine: str, ada: User, clock: Clock) -> None:
    clients = [sign_in(ada) for _ in range(5)]
    assert all(is_in(client) for client in clients)
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=EndReason.RESET)
    assert not any(is_in(client) for client in clients)


@pytest.mark.proves("S33")
def test_ending_everything_ends_every_session(engine: str, ada: User, clock: Clock) -> None:
    clients = [sign_in(ada) for _ in range(5)]
    ada.refresh_from_db()
    salt = ada.session_salt
    sessions.end_everything(ada)
    assert ada.session_salt != salt
    assert not any(is_in(client) for client in clients)
    assert is_in(sign_in(ada))


@pytest.mark.proves("S33")
def test_one_session_is_ended_alone(engine: str, ada: User, clock: Clock) -> None:
    here, there = sign_in(ada), sign_in(ada)
    assert is_in(there)
    sessions.end_one(Session.objects.get(session_key=there.session.session_key))
    assert not is_in(there)
    assert is_in(here)


@pytest.mark.proves("B80")
def test_a_slow_request_brings_no_ended_session_back(engine: str, ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    key = str(client.session.session_key)
    slow: SessionBase = sessions.store(key)
    slow["x"] = 1  # read, and about to be written
    client.post("/logout/")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - either of Django's two
        slow.save()
    assert not isinstance(caught.value, AssertionError)
    assert not Session.objects.filter(session_key=key).exists()
    client.cookies["gatehouse_session"] = key
    assert not is_in(client)


def test_django_tells_of_a_session_that_ended_under_a_request() -> None:
    assert issubclass(SessionInterrupted, BadRequest)


# The list of a person's sessions.


def test_the_list_holds_what_the_stamp_vouches_for_the_latest_first(
    ada: User, owner: User, clock: Clock
) -> None:
    sign_in(owner)
    first = sign_in(ada)
    clock.forward(hours=1)
    second = sign_in(ada)
    ada.refresh_from_db()
    found = sessions.live_sessions(ada, now=clock.now)
    keys = [each.session_key for each in found]
    assert keys == [second.session.session_key, first.session.session_key]
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=EndReason.RESET)
    ada.refresh_from_db()
    assert not sessions.live_sessions(ada, now=clock.now)


def test_a_half_finished_sign_in_is_in_no_list(clock: Clock) -> None:
    person = enrolled_person().user
    sign_in(person)
    assert not sessions.live_sessions(person, now=clock.now)
    assert Session.objects.get().user_id is None


def test_a_handle_names_a_session_and_gives_no_key_away(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    sign_in(ada)
    one, two = Session.objects.all()
    assert sessions.handle_of(one) == sessions.handle_of(one) != sessions.handle_of(two)
    assert one.session_key not in sessions.handle_of(one)
    page = client.get("/settings/security/").content.decode()
    for session in (one, two):
        is_here = session.session_key == client.session.session_key
        assert (sessions.handle_of(session) in page) is not is_here
        assert session.session_key not in page


def test_only_dead_rows_are_forgotten(ada: User, clock: Clock, settings: Any) -> None:
    client = sign_in(ada)
    ends_at = Session.objects.get().expire_date
    assert ends_at == clock.now + 30 * DAY
    assert sessions.forget_dead(now=ends_at - MS) == 0
    assert sessions.forget_dead(now=ends_at) == 1
    assert not is_in(client)


def test_the_cookie_is_for_this_site_and_no_script(ada: User, clock: Clock) -> None:
    cookie = sign_in(ada).cookies["gatehouse_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert len(cookie.value) == 32
