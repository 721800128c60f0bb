"""Whatever ends sessions ends all fifty of them with the next request, in both engines."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as product
from django.test import Client
from pytest_django import Settings

from accounts import letters, passwords, sessions
from accounts.models import Account, Membership, Notice, User
from enforcement import passes, support
from tests.enforcement.kit import BACKGROUND, browser, is_in, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import Enrolled, enrol_app, enrol_phone, make_enrolled, stamp_of
from twofactor import enrolment
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

ENGINES = ["accounts.session_db", "accounts.session_cached_db"]
COOKIE = "gatehouse_session"


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest, settings: Settings) -> str:
    settings.SESSION_ENGINE = request.param
    return str(request.param)


@pytest.fixture
def eve(clock: Clock) -> Enrolled:
    enrolled = make_enrolled(make_user("eve@northwind.example"), now=clock.now)
    make_account("northwind", members=(enrolled.user,))
    return enrolled


@pytest.fixture
def sam(clock: Clock) -> User:
    return make_enrolled(make_user(is_staff=True), now=clock.now).user


def fifty(client: Client) -> list[Client]:
    """Return fifty browsers whose sessions are as the one of ``client`` is."""
    kept, found = dict(client.session), []
    for _ in range(50):
        store = sessions.store("")
        store.update(kept)
        store.create()
        store.update(kept)
        store.save()
        other = browser()
        other.cookies[COOKIE] = str(store.session_key)
        found.append(other)
    return found


def lives(client: Client) -> bool:
    """Whether the gate lets this session pass; asked of a view that draws no page."""
    answer = client.get("/login/verify/", headers=BACKGROUND)
    assert answer.status_code in {302, 401}
    return bool(answer.status_code == 302)


def factor_added(eve: Enrolled, sam: User, clock: Clock) -> None:
    enrol_phone(eve.user, now=clock.now)


def factor_replaced(eve: Enrolled, sam: User, clock: Clock) -> None:
    enrol_app(eve.user, now=clock.now)


def factor_removed(eve: Enrolled, sam: User, clock: Clock) -> None:
    TOTPDevice.objects.filter(user=eve.user).delete()


def codes_made(eve: Enrolled, sam: User, clock: Clock) -> None:
    enrolment.new_codes(eve.user, stamp_read=stamp_of(eve.user), now=clock.now)


def password_changed(eve: Enrolled, sam: User, clock: Clock) -> None:
    passwords.change_password(user=eve.user, password="another long one", now=clock.now)


def password_reset(eve: Enrolled, sam: User, clock: Clock) -> None:
    passwords.reset_password(user=eve.user, password="another long one", now=clock.now)


def deactivated(eve: Enrolled, sam: User, clock: Clock) -> None:
    support.deactivate(user=eve.user, actor=sam, now=clock.now)


def signed_out_everywhere(eve: Enrolled, sam: User, clock: Clock) -> None:
    clock.forward(minutes=1)
    sign_in_with_code(eve).post("/settings/sessions/end-all/")


def reset_by_support(eve: Enrolled, sam: User, clock: Clock) -> None:
    support.reset(user=eve.user, actor=sam, reason="asked", now=clock.now)


def pass_revoked_by_support(eve: Enrolled, sam: User, clock: Clock) -> None:
    passes.grant_pass(user=eve.user, actor=sam, reason="lost", now=clock.now)
    passes.revoke_pass(user=eve.user, actor=sam, now=clock.now)


def objected(eve: Enrolled, sam: User, clock: Clock) -> None:
    notice = Notice.objects.get(kind="set_up_done", user=eve.user)
    browser().post(f"/not-me/{letters.not_me_token(notice)}/")


TRIGGERS = [
    factor_added,
    factor_replaced,
    factor_removed,
    codes_made,
    password_changed,
    password_reset,
    deactivated,
    signed_out_everywhere,
    reset_by_support,
    pass_revoked_by_support,
    objected,
]


@pytest.mark.proves("S33")
@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda each: each.__name__)
def test_all_fifty_are_refused_by_the_next_request(
    trigger: Callable[[Enrolled, User, Clock], None], eve: Enrolled, sam: User, clock: Clock
) -> None:
    others = fifty(sign_in_with_code(eve))
    assert all(lives(other) for other in others)
    trigger(eve, sam, clock)
    assert [lives(other) for other in others] == [False] * 50


@pytest.mark.proves("S33", "B82")
def test_set_up_in_one_browser_ends_the_fifty_of_the_password_alone(clock: Clock) -> None:
    ada = make_user()
    others = fifty(sign_in(ada))
    enrol_app(ada, now=clock.now)
    assert not any(lives(other) for other in others)


@pytest.mark.proves("S33")
def test_the_cookie_of_a_browser_that_signed_out_opens_nothing(eve: Enrolled) -> None:
    client = sign_in_with_code(eve)
    kept = client.cookies[COOKIE].value
    client.post("/logout/")
    replayed = browser()
    replayed.cookies[COOKIE] = kept
    assert not is_in(replayed)


@pytest.mark.proves("S16")
def test_a_device_removed_in_one_browser_unverifies_the_other(eve: Enrolled, clock: Clock) -> None:
    enrol_phone(eve.user, now=clock.now)
    one = sign_in_with_code(eve)
    (other,) = fifty(one)[:1]
    answer = one.post("/two-factor/remove/text/")
    assert answer.status_code == 302, answer.content.decode()
    assert is_in(one)
    assert not is_in(other)


@pytest.mark.proves("S31")
def test_no_id_is_shorter_than_128_bits_or_comes_twice(clock: Clock) -> None:
    keys = set()
    for _ in range(200):
        store = sessions.store("")
        store.create()
        keys.add(str(store.session_key))
    assert len(keys) == 200
    # 32 of 36 symbols, each drawn by itself, are 165 bits.
    assert {len(key) for key in keys} == {32}
    assert len(set("".join(keys))) == 36


@pytest.mark.proves("S31")
def test_a_planted_id_is_not_taken_over(clock: Clock) -> None:
    client = browser()
    client.cookies[COOKIE] = planted = "a" * 32
    sign_in(make_user(), client=client)
    assert client.cookies[COOKIE].value != planted
    other = browser()
    other.cookies[COOKIE] = planted
    assert not is_in(other)


@pytest.mark.proves("S39", "S41", "B100", "B101")
def test_a_pass_ends_for_all_fifty_at_its_end(eve: Enrolled, sam: User, clock: Clock) -> None:
    account = Account.objects.get()
    assert Membership.objects.filter(account=account, user=eve.user).exists()
    passes.grant_pass(user=eve.user, actor=sam, reason="lost", now=clock.now)
    three: list[Any] = [sign_in(eve.user) for _ in range(3)]
    others = [*three, *fifty(three[0])]
    clock.forward(seconds=product.TWO_FACTOR_PASS.total_seconds() - 0.001)
    assert all(lives(other) for other in others)
    clock.forward(seconds=0.001)
    assert not any(lives(other) for other in others)
