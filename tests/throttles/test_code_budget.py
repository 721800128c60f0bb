"""The budget of wrong codes: per person, over all doors, and what neither resets nor lifts it."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from django.core.cache import cache
from django.test import Client

from accounts import passwords
from accounts.models import AuditEvent, Notice, Session, User
from enforcement import joining, passes, policies
from tests.enforcement.kit import enrolled_person
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from tests.journeys.pages import Page
from tests.throttles.kit import HOME, RECOVERY, VERIFY, at, begin, get_in, give, is_in
from tests.twofactor.people import (
    Enrolled,
    attempt_of,
    enrol_app,
    enrol_phone,
    redeem,
    text,
    texted,
    wrong,
)
from twofactor import budget
from twofactor.models import CodeFailure, TOTPDevice
from twofactor.redeem import CodeRejected, Kind, Reason, TooMany

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another long password"


@pytest.fixture
def victim(db: None, clock: Clock) -> Enrolled:
    return enrolled_person(email="victim@northwind.example", is_staff=False)


def fail_codes(client: Client, victim: Enrolled, times: int, clock: Clock) -> list[int]:
    code = wrong(victim.code_at(clock.now))
    return [client.post(VERIFY, {"code": code}).status_code for _ in range(times)]


def last_step(victim: Enrolled) -> int:
    device: TOTPDevice = TOTPDevice.objects.get(user=victim.user)
    return device.last_step


@pytest.mark.proves("S07")
def test_the_sixth_eleventh_and_twenty_first_try_are_refused_unevaluated(
    victim: Enrolled, clock: Clock
) -> None:
    step, addresses = last_step(victim), count(1)
    waits = []
    for pause in (5, 55, 5, 0):
        half_way = begin(victim, f"198.51.100.{next(addresses)}")
        assert fail_codes(half_way, victim, 5, clock) == [200] * 5
        refused = half_way.post(VERIFY, {"code": victim.code_at(clock.now)})
        assert refused.status_code == 429
        waits.append(int(refused["Retry-After"]))
        assert not is_in(half_way)
        clock.forward(minutes=pause)
    hour, day = 3600, 24 * 3600
    assert waits == [300, hour - 300, 300, day - hour - 300]
    assert last_step(victim) == step
    assert CodeFailure.objects.count() == TOTPDevice.objects.get(user=victim.user).failures == 20
    page = Page(refused)
    assert "Please wait 23 hours" in page.text
    assert page.link("choose a new password") == "/password/reset/"


@pytest.mark.proves("S07", "S12")
def test_after_twenty_failures_the_password_opens_nothing_until_it_is_replaced(
    victim: Enrolled, clock: Clock
) -> None:
    for _ in range(4):
        half_way = begin(victim)
        fail_codes(half_way, victim, 5, clock)
        clock.forward(minutes=60)
    for days in (0, 2, 30):
        clock.forward(days=days)
        refused = give(at(HOME), victim.user)
        assert refused.status_code == 403
        assert "choose a new password" in Page(refused).text.lower()
        assert give(at(HOME), victim.user, "wrong").status_code == 200  # tells a stranger nothing
    stopped = AuditEvent.objects.filter(event="sign_in_failed", after__reason="stopped")
    assert list(stopped.values_list("subject_id", flat=True)) == [victim.user.pk] * 3
    assert Notice.objects.filter(user=victim.user, kind="password_stopped").count() == 1
    events = AuditEvent.objects.filter(event="password_stopped", subject_id=victim.user.pk)
    assert events.count() == 1
    client = at(HOME)
    assert client.post("/password/reset/", {"email": victim.user.email}).status_code == 302
    assert Notice.objects.filter(user=victim.user, kind="password_reset").exists()
    reset(victim.user, clock)
    assert give(client, victim.user, NEW_PASSWORD)["Location"] == VERIFY
    client.post(VERIFY, {"code": victim.code_at(clock.now)})
    assert is_in(client)


def reset(user: User, clock: Clock) -> None:
    passwords.reset_password(
        user=User.objects.get(pk=user.pk), password=NEW_PASSWORD, now=clock.now
    )


@pytest.mark.proves("S07", "S11")
def test_a_reset_lifts_the_limit_of_the_day_at_once(victim: Enrolled, clock: Clock) -> None:
    for _ in range(4):
        fail_codes(begin(victim), victim, 5, clock)
        clock.forward(minutes=60)
    reset(victim.user, clock)
    client = at(HOME)
    give(client, victim.user, NEW_PASSWORD)
    client.post(VERIFY, {"code": victim.code_at(clock.now)})
    assert is_in(client)


@pytest.mark.proves("S07")
def test_a_new_day_of_failures_counts_from_the_reset(victim: Enrolled, clock: Clock) -> None:
    for _ in range(4):
        fail_codes(begin(victim), victim, 5, clock)
        clock.forward(minutes=60)
    reset(victim.user, clock)
    client = at(HOME)
    give(client, victim.user, NEW_PASSWORD)
    assert fail_codes(client, victim, 4, clock) == [200] * 4
    client.post(VERIFY, {"code": victim.code_at(clock.now)})
    assert is_in(client)
    assert User.objects.get(pk=victim.user.pk).password_stopped_at is None


@pytest.mark.proves("S12")
def test_a_change_of_the_password_lifts_the_stop_too(victim: Enrolled, clock: Clock) -> None:
    here = get_in(victim, at(HOME), victim.code_at(clock.now))
    clock.forward(minutes=5)
    for _ in range(4):
        fail_codes(begin(victim, "198.51.100.1"), victim, 5, clock)
        clock.forward(minutes=60)
    assert is_in(here)  # no live session is ended by it
    person = User.objects.get(pk=victim.user.pk)
    passwords.change_password(user=person, password=NEW_PASSWORD, now=clock.now)
    assert give(at(HOME), victim.user, NEW_PASSWORD)["Location"] == VERIFY


def fail_fifty(victim: Enrolled, clock: Clock) -> None:
    """Fifty wrong codes, as fast as the budget lets them."""
    user = victim.user
    for number in range(10):
        for _ in range(5):
            given = attempt_of(user, wrong(victim.code_at(clock.now)))
            with pytest.raises(CodeRejected):
                redeem(given, now=clock.now)
        if number % 4 == 3:
            reset(user, clock)
            clock.forward(hours=24)
        clock.forward(minutes=60)


@pytest.mark.proves("S07", "S11")
def test_after_fifty_failures_the_app_is_blocked_and_each_other_way_is_open(
    victim: Enrolled, clock: Clock
) -> None:
    fail_fifty(victim, clock)
    assert TOTPDevice.objects.get(user=victim.user).is_blocked
    with pytest.raises(CodeRejected) as refused:
        redeem(attempt_of(victim.user, victim.code_at(clock.now)), now=clock.now)
    assert refused.value.reason is Reason.BLOCKED
    client = at(HOME)
    give(client, victim.user, NEW_PASSWORD)
    assert client.get(VERIFY)["Location"] == RECOVERY
    page = client.get(RECOVERY).content.decode()
    assert "your authenticator app takes no more" in page
    assert 'href="/login/help/"' in page
    client.post(RECOVERY, {"code": victim.codes[0]})
    assert is_in(client)


@pytest.mark.proves("S07")
def test_with_a_blocked_app_a_pass_opens_the_door(victim: Enrolled, clock: Clock) -> None:
    fail_fifty(victim, clock)
    user = User.objects.get(pk=victim.user.pk)
    passes.grant_pass(user=user, actor=None, reason="Lost", now=clock.now)
    client = at(HOME)
    give(client, user, NEW_PASSWORD)
    assert is_in(client)


@pytest.mark.proves("S07")
def test_replacing_the_blocked_app_opens_the_door_to_codes(victim: Enrolled, clock: Clock) -> None:
    fail_fifty(victim, clock)
    again = enrol_app(User.objects.get(pk=victim.user.pk), now=clock.now)
    assert redeem(attempt_of(again.user, again.code_at(clock.now)), now=clock.now) is Kind.APP


# Nothing but time resets it.


def another_browser(client: Client, victim: Enrolled, clock: Clock) -> Client:
    return begin(victim)


def another_address(client: Client, victim: Enrolled, clock: Clock) -> Client:
    return begin(victim, "203.0.113.77")


def a_new_text(client: Client, victim: Enrolled, clock: Clock) -> Client:
    assert client.post("/login/verify/text/").status_code == 302
    return client


def two_texts(client: Client, victim: Enrolled, clock: Clock) -> Client:
    client.post("/login/verify/text/")
    clock.forward(seconds=30)
    assert client.post("/login/verify/text/").status_code == 302
    return client


def signing_in_anew(client: Client, victim: Enrolled, clock: Clock) -> Client:
    client.post("/login/cancel/")
    assert give(client, victim.user)["Location"] == VERIFY
    return client


def success_elsewhere(client: Client, victim: Enrolled, clock: Clock) -> Client:
    get_in(victim, at("203.0.113.78"), victim.code_at(clock.now))
    return client


def a_cleared_cache(client: Client, victim: Enrolled, clock: Clock) -> Client:
    cache.clear()
    return client


def no_cookies(client: Client, victim: Enrolled, clock: Clock) -> Client:
    client.cookies.clear()
    assert give(client, victim.user)["Location"] == VERIFY
    return client


PATHS = (
    another_browser,
    another_address,
    a_new_text,
    two_texts,
    signing_in_anew,
    success_elsewhere,
    a_cleared_cache,
    no_cookies,
)


@pytest.mark.proves("S10")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_after_four_failures_nothing_makes_room_for_more_than_one(
    path: Callable[[Client, Enrolled, Clock], Client], clock: Clock
) -> None:
    both = enrol_phone(enrolled_person().user, now=clock.now)
    victim = enrol_app(both.user, now=clock.now + timedelta(hours=1))
    clock.forward(hours=1)
    client = begin(victim)
    fail_codes(client, victim, 4, clock)
    client = path(client, victim, clock)
    assert client.post(VERIFY, {"code": "1", "method": "text"}).status_code == 200
    refused = client.post(VERIFY, {"code": victim.code_at(clock.now), "method": "app"})
    assert refused.status_code == 429
    assert client.post(RECOVERY, {"code": victim.codes[0]}).status_code == 429


@pytest.mark.proves("S10")
def test_changing_the_method_makes_no_room(clock: Clock) -> None:
    victim = enrolled_person()
    client = begin(victim)
    for number in range(5):
        path = (VERIFY, RECOVERY)[number % 2]
        assert client.post(path, {"code": "1"}).status_code == 200
    assert client.post(RECOVERY, {"code": victim.codes[0]}).status_code == 429


def at_sign_in(victim: Enrolled) -> Callable[[str], int]:
    client = begin(victim, "203.0.113.1")
    return lambda code: client.post(VERIFY, {"code": code}).status_code


def at_recovery(victim: Enrolled) -> Callable[[str], int]:
    client = begin(victim, "203.0.113.2")
    return lambda code: client.post(RECOVERY, {"code": code}).status_code


def at_the_admin(victim: Enrolled) -> Callable[[str], int]:
    """The admin's own door leads to ours."""
    client = at("203.0.113.3")
    door = client.get("/admin/login/", follow=True).request["PATH_INFO"]
    client.post(door, {"email": victim.user.email, "password": PASSWORD, "next": "/admin/"})
    return lambda code: client.post(VERIFY, {"code": code}).status_code


def signed_in(victim: Enrolled, address: str) -> Client:
    """A browser whose session was verified before."""
    client = at(address)
    give(client, victim.user)
    client.post(RECOVERY, {"code": victim.codes.pop()})
    assert is_in(client)
    return client


def at_reauthentication(victim: Enrolled) -> Callable[[str], int]:
    client = signed_in(victim, "203.0.113.4")
    return lambda code: (
        client.post("/reauthenticate/", {"password": PASSWORD, "code": code}).status_code
    )


def at_set_up_of_an_app(victim: Enrolled) -> Callable[[str], int]:
    client = signed_in(victim, "203.0.113.5")
    client.get("/two-factor/setup/app/")
    return lambda code: client.post("/two-factor/setup/app/", {"code": code}).status_code


DOORS = (at_sign_in, at_recovery, at_the_admin, at_reauthentication, at_set_up_of_an_app)


@pytest.mark.proves("S10")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("other", DOORS, ids=lambda door: door.__name__)
def test_all_doors_share_one_budget(
    door: Callable[[Enrolled], Callable[[str], int]],
    other: Callable[[Enrolled], Callable[[str], int]],
    clock: Clock,
) -> None:
    victim = enrolled_person()
    first, second = door(victim), other(victim)
    assert [first("1") for _ in range(3)] == [200] * 3
    assert [second("1") for _ in range(2)] == [200] * 2
    assert first("1") == second("1") == 429
    assert CodeFailure.objects.filter(user=victim.user).count() == 5


@pytest.mark.proves("S10")
def test_the_mailbox_code_and_the_code_of_set_up_share_it_too(clock: Clock) -> None:
    owner, late = make_user(), make_user()
    account = make_account(owner=owner)
    policies.switch_on(account=account, actor=owner, now=clock.now)
    clock.forward(seconds=1)
    joining.add_by_hand(user=late, account=account, role="member", actor=owner, now=clock.now)
    client = at(HOME)
    assert give(client, late)["Location"] == "/two-factor/setup/mailbox/"
    answers = [client.post("/two-factor/setup/mailbox/", {"code": "1"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1]["Retry-After"] == "300"
    with pytest.raises(TooMany):
        budget.failures_of(late, now=clock.now).check(now=clock.now)


@pytest.mark.proves("S10")
def test_the_code_that_confirms_a_number_shares_it_too(victim: Enrolled, clock: Clock) -> None:
    client, confirm = signed_in(victim, "203.0.113.6"), "/two-factor/setup/text/confirm/"
    client.post("/two-factor/setup/text/", {"phone": "+12025550123"})
    answers = [client.post(confirm, {"code": "1"}).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    assert begin(victim).post(VERIFY, {"code": victim.code_at(clock.now)}).status_code == 429


# A failure is charged to what it was tried on, and to no other device.


@pytest.mark.proves("S10", "B49")
def test_thirty_good_codes_leave_the_backup_codes_good(victim: Enrolled, clock: Clock) -> None:
    for _ in range(30):
        get_in(victim, at(HOME), victim.code_at(clock.now)).post("/logout/")
        clock.forward(seconds=30)
    client = begin(victim)
    client.post(RECOVERY, {"code": victim.codes[0]})
    assert is_in(client)


@pytest.mark.proves("S10", "B49")
def test_after_five_bad_codes_a_good_backup_code_waits_as_the_page_says(
    victim: Enrolled, clock: Clock
) -> None:
    client = begin(victim)
    fail_codes(client, victim, 5, clock)
    refused = client.post(RECOVERY, {"code": victim.codes[0]})
    assert (refused.status_code, refused["Retry-After"]) == (429, "300")
    assert "Please wait 5 minutes" in Page(refused).text
    clock.forward(minutes=5)
    client = begin(victim)
    client.post(RECOVERY, {"code": victim.codes[0]})
    assert is_in(client)


@pytest.mark.proves("S10", "B49")
def test_wrong_texts_and_backup_codes_are_not_charged_to_the_app(clock: Clock) -> None:
    both = enrol_phone(enrolled_person().user, now=clock.now)
    victim = enrol_app(both.user, now=clock.now + timedelta(hours=1))
    now = clock.now + timedelta(hours=1)
    sent = text(both, now=now)
    for given in (texted(both, sent, "000000"), attempt_of(victim.user, "x", kind=Kind.BACKUP)):
        with pytest.raises(CodeRejected):
            redeem(given, now=now)
    assert TOTPDevice.objects.get(user=victim.user).failures == 0
    assert Session.objects.count() == 0
