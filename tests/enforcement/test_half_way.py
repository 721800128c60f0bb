"""Sign-ins half-way in: each request asks again what comes next, from the database."""

from dataclasses import replace
from typing import Any

import pyotp
import pytest
from django.test import Client
from pytest_django import Settings

from accounts import passwords, people, sessions, signin
from accounts.models import Account, EndReason, Membership, User
from enforcement import passes, policies
from enforcement.models import Closing, Pass
from tests.enforcement.kit import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    PAGE,
    browser,
    code_of,
    enrolled_person,
    fetch,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.meanwhile import before_the_lock
from tests.twofactor.people import Enrolled, enrol_app
from twofactor import challenge
from twofactor.models import SentCode, TOTPDevice

pytestmark = pytest.mark.django_db

CODE_PAGE, SET_UP_PAGE = "/login/verify/", "/two-factor/setup/"


def leads_to(client: Client) -> str:
    """Return where a page for signed-in people sends this browser; empty when it opens."""
    answer = client.get("/settings/", headers=PAGE)
    return str(answer.headers.get("Location", ""))


def give_code(client: Client, enrolled: Enrolled, clock: Clock) -> Any:
    code = pyotp.TOTP(enrolled.secret).at(clock.now)
    return client.post(CODE_PAGE, {"code": code})


@pytest.fixture
def enrolled(northwind: Account, clock: Clock) -> Enrolled:
    found = enrolled_person()
    Membership.objects.create(account=northwind, user=found.user, joined_at=clock.now)
    return found


@pytest.fixture
def overdue(northwind: Account, ada: User, clock: Clock) -> User:
    """Ada, a day after the requirement began."""
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    return ada


# The first step.


def test_a_right_password_leads_on_within_the_same_post(
    enrolled: Enrolled, northwind: Account, clock: Clock
) -> None:
    fields = {"email": enrolled.user.email, "password": PASSWORD, "next": "/settings/?x=1"}
    client = browser()
    assert client.post("/login/", fields)["Location"] == CODE_PAGE
    assert give_code(client, enrolled, clock)["Location"] == "/settings/?x=1"


def test_nothing_asked_leads_straight_in(ada: User, clock: Clock) -> None:
    fields = {"email": ada.email, "password": PASSWORD, "next": "/settings/"}
    client = browser()
    assert client.post("/login/", fields)["Location"] == "/settings/"
    assert is_in(client)


def test_set_up_asks_for_the_mailed_code_first(overdue: User, settings: Settings) -> None:
    fields = {"email": overdue.email, "password": PASSWORD}
    client = browser()
    assert client.post("/login/", fields)["Location"] == "/two-factor/setup/mailbox/"
    assert SentCode.objects.filter(user=overdue).count() == 1
    settings.TWO_FACTOR_MAILBOX_PROOF = False
    assert browser().post("/login/", fields)["Location"] == SET_UP_PAGE


@pytest.mark.proves("S32")
def test_the_session_of_a_half_finished_sign_in_says_no_more_than_it_must(
    enrolled: Enrolled, clock: Clock
) -> None:
    client = sign_in(enrolled.user)
    assert set(client.session.keys()) == {"pending"}
    note = client.session["pending"]
    assert set(note) == {
        "user_id",
        "attempt",
        "step",
        "entered_at",
        "next",
        "method",
        "stamp",
        "mailbox_proved",
        "invitation",
        "sso",
        "vouched",
    }
    assert note["vouched"] is None
    assert PASSWORD not in str(note)
    assert enrolled.user.email not in str(note)


# How long it lives.


@pytest.mark.proves("S32")
@pytest.mark.parametrize(("minutes", "page"), [(10, CODE_PAGE), (30, SET_UP_PAGE)])
def test_a_half_finished_sign_in_lives_so_many_minutes(
    minutes: int, page: str, enrolled: Enrolled, overdue: User, clock: Clock
) -> None:
    client = sign_in(enrolled.user if page == CODE_PAGE else overdue)
    began_at = clock.now
    clock.set(began_at + minutes * MINUTE - MS)
    assert leads_to(client) == page
    assert client.get(page).status_code == 200
    clock.set(began_at + minutes * MINUTE)
    assert leads_to(client).startswith("/login/?next=")
    assert client.get(page)["Location"] == "/login/"


def test_looking_at_its_page_makes_it_live_no_longer(enrolled: Enrolled, clock: Clock) -> None:
    client = sign_in(enrolled.user)
    for _ in range(9):
        clock.forward(minutes=1)
        assert client.get(CODE_PAGE).status_code == 200
    clock.forward(minutes=1)
    assert give_code(client, enrolled, clock)["Location"].startswith("/login/")
    assert not is_in(client)


# Each step asks again.


def test_the_next_request_lets_in_whom_nothing_holds_up_any_more(
    overdue: User, northwind: Account, clock: Clock
) -> None:
    client = sign_in(overdue, next_url="/settings/?x=1")
    assert leads_to(client) == SET_UP_PAGE
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert client.get(SET_UP_PAGE)["Location"] == "/settings/?x=1"
    assert is_in(client)


def test_a_pass_granted_meanwhile_lets_in(enrolled: Enrolled, clock: Clock) -> None:
    client = sign_in(enrolled.user)
    passes.grant_pass(user=enrolled.user, actor=None, reason="Lost phone", now=clock.now)
    assert client.get(CODE_PAGE)["Location"] == "/"
    assert is_in(client)
    assert client.get("/settings/").context["banner"].kind == "pass"


def test_a_deadline_that_passes_at_the_code_page_changes_nothing(
    enrolled: Enrolled, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - MS)
    client = sign_in(enrolled.user)
    clock.forward(minutes=1)
    give_code(client, enrolled, clock)
    assert is_in(client)


def test_a_new_requirement_meets_who_is_in_set_up_of_another(
    overdue: User, northwind: Account, clock: Clock
) -> None:
    client = sign_in(overdue)
    Membership.objects.filter(user=overdue).delete()
    assert is_in(client) or leads_to(client) == ""
    assert is_in(client)


@pytest.mark.proves("S32", "S33")
@pytest.mark.parametrize("reason", [EndReason.PASSWORD, EndReason.RESET, EndReason.FACTOR_CHANGED])
def test_what_ends_sessions_ends_a_half_finished_sign_in(
    reason: EndReason, enrolled: Enrolled, clock: Clock
) -> None:
    client = sign_in(enrolled.user)
    sessions.renew_stamp(User.objects.filter(pk=enrolled.user.pk), reason=reason)
    assert leads_to(client) == "/login/"
    assert give_code(client, enrolled, clock)["Location"].startswith("/login/")
    assert not is_in(client)


def test_the_background_is_told_so_in_json(enrolled: Enrolled, clock: Clock) -> None:
    client = sign_in(enrolled.user)
    assert code_of(fetch(client)) == "sign_in_required"
    sessions.renew_stamp(User.objects.filter(pk=enrolled.user.pk), reason=EndReason.RESET)
    assert code_of(fetch(client)) == "sign_in_required"


@pytest.mark.proves("S33")
def test_a_deactivated_person_does_not_get_further(enrolled: Enrolled, clock: Clock) -> None:
    client = sign_in(enrolled.user)
    User.objects.filter(pk=enrolled.user.pk).update(is_active=False)
    told = client.get("/login/continue/", follow=True).content.decode()
    assert "This sign-in is no longer good" in told
    assert "another browser" not in told
    assert leads_to(client).startswith("/login/")
    give_code(client, enrolled, clock)
    assert not is_in(client)


def test_who_was_deleted_meanwhile_does_not_get_further(enrolled: Enrolled, clock: Clock) -> None:
    client = sign_in(enrolled.user)
    people.delete(user=enrolled.user, now=clock.now)
    told = client.get("/login/continue/", follow=True).content.decode()
    assert "This sign-in is no longer good" in told


@pytest.mark.proves("S33")
def test_a_stamp_renewed_while_it_signs_in_means_starting_over(
    ada: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another browser sets up between the look at the person and the session."""
    real = challenge.complete

    def complete(*args: Any, **kwargs: Any) -> User:
        sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=EndReason.SET_UP)
        return real(*args, **kwargs)

    monkeypatch.setattr(challenge, "complete", complete)
    client = browser()
    answer = client.post("/login/", {"email": ada.email, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    monkeypatch.undo()
    assert not is_in(client)


# Nothing in the browser decides.


@pytest.mark.proves("B15")
@pytest.mark.parametrize(
    "detour",
    [
        lambda client: client.get("/login/"),
        lambda client: client.get("/"),
        lambda client: client.get("/login/continue/"),
        lambda client: client.post("/login/continue/"),
        lambda client: client.post("/login/cancel/"),
        lambda client: client.post("/logout/"),
        lambda client: client.get("/password/reset/"),
        lambda client: client.get("/login/help/"),
        lambda client: client.post("/login/", {"email": "nobody@x.de", "password": "wrong"}),
    ],
    ids=["login", "home", "continue", "continue post", "cancel", "logout", "reset", "help", "typo"],
)
@pytest.mark.parametrize("who", ["enrolled", "overdue"])
def test_no_detour_leads_in(
    detour: Any, who: str, enrolled: Enrolled, overdue: User, clock: Clock
) -> None:
    people = {
        "enrolled": (enrolled.user, CODE_PAGE),
        "overdue": (overdue, "/two-factor/setup/mailbox/"),
    }
    person, page = people[who]
    client = sign_in(person)
    detour(client)
    assert not is_in(client)
    again = {"email": person.email, "password": PASSWORD}
    assert client.post("/login/", again)["Location"] == page


def test_who_cancels_when_nothing_holds_them_up_any_more_is_not_let_in(
    northwind: Account, overdue: User, clock: Clock
) -> None:
    client = sign_in(overdue)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert client.post("/login/cancel/")["Location"] == "/login/"
    assert "pending" not in client.session
    assert not is_in(client)


@pytest.mark.parametrize("name", ["step", "attempt", "entered_at", "stamp", "user_id"])
def test_a_note_that_lacks_a_part_is_no_sign_in(
    name: str, enrolled: Enrolled, clock: Clock
) -> None:
    client = sign_in(enrolled.user)
    session = client.session
    note = dict(session["pending"])
    del note[name]
    session["pending"] = note
    session.save()
    assert leads_to(client).startswith("/login/?next=")


@pytest.mark.proves("S32", "B15")
def test_signing_in_as_another_forgets_the_first(
    enrolled: Enrolled, ada: User, clock: Clock
) -> None:
    client = sign_in(enrolled.user)
    sign_in(ada, client=client)
    assert is_in(client)
    assert client.get("/settings/").wsgi_request.user == ada
    assert "pending" not in client.session


# A pass that ran out is settled by the sign-in itself.


@pytest.mark.proves("B100", "B101")
@pytest.mark.parametrize("is_required", [True, False])
def test_a_pass_that_ran_out_is_settled_before_anything_else(
    is_required: bool, enrolled: Enrolled, northwind: Account, clock: Clock
) -> None:
    if is_required:
        clock.forward(hours=13)
        policies.switch_on(account=northwind, actor=None, now=clock.now)
        clock.set(clock.now - 12 * HOUR)
    granted = passes.grant_pass(user=enrolled.user, actor=None, reason="Lost", now=clock.now)
    clock.set(granted.until)  # half a day before the deadline, if there is one
    client = sign_in(enrolled.user)
    assert is_in(client) is not is_required
    settled = Pass.objects.get()
    assert (settled.closed_at, settled.closed_as) == (clock.now, Closing.RAN_OUT)
    assert not TOTPDevice.objects.filter(user=enrolled.user).exists()
    if is_required:
        assert leads_to(client) == SET_UP_PAGE


def test_a_pass_that_ends_between_password_and_code_page_is_settled_on_the_way(
    enrolled: Enrolled, clock: Clock
) -> None:
    client = sign_in(enrolled.user)
    granted = passes.grant_pass(user=enrolled.user, actor=None, reason="Lost", now=clock.now)
    User.objects.filter(pk=enrolled.user.pk).update(pass_until=clock.now + MINUTE)
    Pass.objects.filter(pk=granted.pk).update(until=clock.now + MINUTE)
    clock.forward(minutes=1)
    assert client.get(CODE_PAGE)["Location"] == "/"  # nothing binds, and the devices are void
    assert is_in(client)


@pytest.mark.proves("S33")
def test_a_password_replaced_while_a_pass_is_settled_signs_nobody_in(
    enrolled: Enrolled, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted = passes.grant_pass(user=enrolled.user, actor=None, reason="Lost", now=clock.now)
    clock.set(granted.until)

    def reset() -> None:
        person = User.objects.get(pk=enrolled.user.pk)
        passwords.reset_password(user=person, password="a horse of another colour", now=clock.now)

    before_the_lock(monkeypatch, reset)
    assert not is_in(sign_in(enrolled.user))
    assert Pass.objects.get().closed_at is None  # the sign-in that starts over settles it


def test_a_note_lives_no_longer_than_its_step(enrolled: Enrolled, clock: Clock) -> None:
    pending = signin.prepare(enrolled.user, next_url="/", method="password", now=clock.now)
    assert not pending.is_over(now=clock.now + 10 * MINUTE - MS)
    assert pending.is_over(now=clock.now + 10 * MINUTE)
    in_set_up = replace(pending, step=signin.PendingStep.ENROL)
    assert not in_set_up.is_over(now=clock.now + 30 * MINUTE - MS)
    assert in_set_up.is_over(now=clock.now + 30 * MINUTE)


def test_two_people_in_two_tabs_of_one_browser_never_mix(enrolled: Enrolled, clock: Clock) -> None:
    other = enrolled_person()
    client = sign_in(enrolled.user)
    sign_in(other.user, client=client)  # the second tab
    assert give_code(client, enrolled, clock).status_code == 200  # refused, on the code page
    assert not is_in(client)
    give_code(client, other, clock)
    assert client.get("/settings/").wsgi_request.user == other.user


def test_a_verified_person_has_nothing_left_to_verify(clock: Clock) -> None:
    client = sign_in_with_code(enrolled_person())
    assert client.get(CODE_PAGE)["Location"] == "/"


def test_a_device_of_another_browser_is_asked_for_at_once(
    northwind: Account, ada: User, clock: Clock
) -> None:
    """Set up here, half-way in there: there the sign-in starts over and asks for the code."""
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    client = sign_in(ada)
    enrol_app(ada, now=clock.now)
    assert leads_to(client) == "/login/"
    sign_in(ada, client=client)
    assert leads_to(client) == CODE_PAGE
