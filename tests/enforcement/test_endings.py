"""Why a session ended: told in every tab for ten minutes. And how long a session may live."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import passwords, sessions
from accounts.models import Account, EndReason, Session, User
from enforcement import logouts, policies, support
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    browser,
    code_of,
    enrolled_person,
    fetch,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

DEADLINE = EndReason.DEADLINE


def told(client: Client) -> Any:
    """Open a page in one more tab, follow to sign-in, and return what it says."""
    page = client.get("/settings/", follow=True)
    assert page.redirect_chain[-1][0].startswith("/login/")
    return page.context["ended"]


@pytest.fixture
def overdue(northwind: Account, ada: User, clock: Clock) -> Client:
    """A browser whose session met the deadline this millisecond."""
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    return client


def test_every_tab_tells_the_reason_for_ten_minutes(overdue: Client, clock: Clock) -> None:
    assert told(overdue) is DEADLINE
    assert told(overdue) is DEADLINE
    clock.set(clock.now + 10 * MINUTE - MS)
    assert told(overdue) is DEADLINE
    clock.set(clock.now + MS)
    assert told(overdue) is None
    assert told(overdue) is None


def test_the_ten_minutes_begin_when_a_page_first_tells_it(overdue: Client, clock: Clock) -> None:
    clock.forward(hours=5)
    for _ in range(3):
        assert code_of(fetch(overdue)) == "signed_out_deadline"
        clock.forward(minutes=10)
    assert told(overdue) is DEADLINE


def test_after_the_ten_minutes_the_background_is_told_to_sign_in(
    overdue: Client, clock: Clock
) -> None:
    assert told(overdue) is DEADLINE
    clock.forward(minutes=10)
    assert told(overdue) is None
    assert code_of(fetch(overdue)) == "sign_in_required"


def test_an_open_page_tells_it_and_shows_nothing_of_the_person(overdue: Client, ada: User) -> None:
    page = overdue.get("/password/reset/")
    assert page.status_code == 200
    assert page.wsgi_request.user.is_anonymous
    assert page.context["ended"] is DEADLINE
    assert not page.context["banner"]
    assert ada.email not in page.content.decode()


def test_the_reason_survives_the_sweep(overdue: Client, clock: Clock) -> None:
    assert told(overdue) is DEADLINE
    logouts.end_overdue_sessions(now=clock.now)
    assert told(overdue) is DEADLINE


def test_a_session_first_met_after_the_sweep_has_the_same_reason(
    overdue: Client, clock: Clock
) -> None:
    logouts.end_overdue_sessions(now=clock.now)
    assert told(overdue) is DEADLINE
    assert code_of(fetch(overdue)) == "signed_out_deadline"


def test_a_changed_password_is_the_reason_in_other_browsers(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    passwords.change_password(user=ada, password="another long password", now=clock.now)
    assert told(client) is EndReason.PASSWORD


def test_a_reset_password_is_the_reason_everywhere(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    passwords.reset_password(user=ada, password="another long password", now=clock.now)
    assert told(client) is EndReason.PASSWORD
    assert code_of(fetch(client)) == "signed_out"


def test_signing_out_everywhere_is_the_reason_on_the_other_devices(ada: User, clock: Clock) -> None:
    here, there = sign_in(ada), sign_in(ada)
    assert here.post("/settings/sessions/end-all/")["Location"] == "/login/"
    assert told(there) is EndReason.EVERYWHERE
    assert told(here) is None


def test_whom_support_signs_out_reads_that_support_did_it(ada: User, clock: Clock) -> None:
    client, staff = sign_in(ada), enrolled_person(is_staff=True).user
    support.sign_out(user=ada, actor=staff, now=clock.now)
    assert told(client) is EndReason.BY_SUPPORT
    assert "our support did this" in client.get("/login/").content.decode()


def test_the_next_sign_in_forgets_the_reason(northwind: Account, ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=EndReason.RESET)
    assert told(client) is EndReason.RESET
    sign_in(ada, client=client)
    assert is_in(client)
    assert "ended_at" not in client.session


def test_a_session_that_is_let_pass_again_may_be_refused_with_a_reason_again(
    overdue: Client, northwind: Account, clock: Clock
) -> None:
    assert told(overdue) is DEADLINE
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert is_in(overdue)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    assert told(overdue) is DEADLINE


def test_a_refused_session_writes_nothing_for_the_background(overdue: Client, clock: Clock) -> None:
    before = Session.objects.values().get()
    fetch(overdue)
    overdue.post("/settings/", {"name": "x"}, headers={"sec-fetch-mode": "cors"})
    assert Session.objects.values().get() == before


# How long a session may live.


@pytest.fixture
def member(ada: User, clock: Clock) -> Client:
    return sign_in(ada)


@pytest.fixture
def staff(db: None, clock: Clock) -> Client:
    return sign_in_with_code(enrolled_person(is_staff=True))


IDLE = {"member": 7 * DAY, "staff": 30 * MINUTE}
ABSOLUTE = {"member": 30 * DAY, "staff": 12 * HOUR}


@pytest.mark.parametrize("who", IDLE)
def test_an_idle_session_ends_at_its_limit(
    who: str, clock: Clock, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    began_at = clock.now
    clock.set(began_at + IDLE[who] - MS)
    assert fetch(client).status_code == 200
    clock.set(began_at + IDLE[who])
    assert code_of(fetch(client)) == "signed_out"
    assert told(client) is EndReason.IDLE


@pytest.mark.parametrize("who", IDLE)
def test_a_page_keeps_the_session_alive(
    who: str, clock: Clock, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    clock.set(clock.now + IDLE[who] - MS)
    assert is_in(client)
    clock.set(clock.now + IDLE[who] - MS)
    assert is_in(client)
    clock.set(clock.now + IDLE[who])
    assert not is_in(client)


@pytest.mark.parametrize("who", IDLE)
def test_polling_does_not_keep_it_alive(
    who: str, clock: Clock, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    began_at = clock.now
    for part in range(1, 10):
        clock.set(began_at + IDLE[who] * part / 10)
        assert fetch(client).status_code == 200
    clock.set(began_at + IDLE[who])
    assert code_of(fetch(client)) == "signed_out"


@pytest.mark.parametrize("who", ABSOLUTE)
def test_no_session_grows_older_than_its_limit(
    who: str, clock: Clock, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    born_at = clock.now
    step = IDLE[who] * 9 / 10
    while clock.now + step < born_at + ABSOLUTE[who] - MS:
        clock.set(clock.now + step)
        assert is_in(client)
    clock.set(born_at + ABSOLUTE[who] - MS)
    assert is_in(client)
    clock.set(born_at + ABSOLUTE[who])
    assert not is_in(client)
    assert told(client) is EndReason.EXPIRED


def test_the_cookie_s_own_expiry_decides_nothing(member: Client, clock: Clock) -> None:
    for cookie in member.cookies.values():
        cookie["max-age"] = cookie["expires"] = ""
    clock.set(clock.now + 7 * DAY)
    assert not is_in(member)


def test_activity_is_written_down_now_and_then_alone(member: Client, clock: Clock) -> None:
    def seen_at() -> datetime | None:
        return Session.objects.get().seen_at

    began_at = seen_at()
    clock.forward(hours=8)  # less than a twentieth of seven days
    assert is_in(member)
    assert seen_at() == began_at
    clock.forward(hours=1)
    assert is_in(member)
    assert seen_at() == clock.now


def test_the_limits_are_settings(member: Client, clock: Clock, settings: Settings) -> None:
    settings.SESSION_IDLE = timedelta(minutes=1)
    clock.set(clock.now + MINUTE - MS)
    assert fetch(member).status_code == 200
    clock.set(clock.now + MS)
    assert code_of(fetch(member)) == "signed_out"


# Older server keys.


def test_a_session_of_before_a_new_server_key_lives_on(
    member: Client, clock: Clock, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "a" * 50
    assert is_in(member)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_in(member)  # it was renewed under the new key


def test_a_session_of_a_key_that_is_gone_is_over(member: Client, settings: Settings) -> None:
    settings.SECRET_KEY = "another-key-" + "a" * 50
    assert not is_in(member)


def test_a_new_server_key_lets_nobody_past_a_deadline(overdue: Client, settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "a" * 50
    assert code_of(fetch(overdue)) == "signed_out_deadline"


def test_a_new_server_key_wakes_no_idle_session(
    member: Client, clock: Clock, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "a" * 50
    clock.set(clock.now + 7 * DAY)
    assert code_of(fetch(member)) == "signed_out"


# Tabs and browsers of one person.


def test_signing_out_ends_this_browser_alone(ada: User, clock: Clock) -> None:
    here, there = sign_in(ada), sign_in(ada)
    cookie = here.cookies["gatehouse_session"].value
    assert here.post("/logout/")["Location"] == "/login/"
    assert told(here) is None
    assert is_in(there)
    replay = browser()
    replay.cookies["gatehouse_session"] = cookie
    assert not is_in(replay)


@pytest.mark.proves("S33")
def test_one_browser_can_be_ended_from_another(ada: User, clock: Clock) -> None:
    here, there = sign_in(ada), sign_in(ada)
    (other,) = Session.objects.exclude(session_key=here.session.session_key)
    answer = here.post(f"/settings/sessions/{sessions.handle_of(other)}/end/")
    assert answer["Location"] == "/settings/security/"
    assert is_in(here)
    assert not is_in(there)


def test_nobody_ends_the_session_of_somebody_else(ada: User, owner: User, clock: Clock) -> None:
    here, theirs = sign_in(ada), sign_in(owner)
    other = Session.objects.get(user=owner)
    here.post(f"/settings/sessions/{sessions.handle_of(other)}/end/")
    assert is_in(theirs)
