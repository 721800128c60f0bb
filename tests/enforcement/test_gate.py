"""The gate's table through the real middleware: each row as a page and as a background request."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import people, sessions
from accounts.models import Account, EndReason, Membership, User
from enforcement import passes, policies
from tests.enforcement.kit import (
    BACKGROUND,
    DAY,
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
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app
from twofactor import safety_net
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

SIGN_IN_FOR_SETTINGS = "/login/?next=%2Fsettings%2F"


def require(account: Account, now: datetime) -> None:
    policies.switch_on(account=account, actor=None, now=now)


def stopped_page(client: Client) -> Any:
    """Open a page; return the sign-in page that the gate sent it to."""
    answer = client.get("/settings/", headers=PAGE)
    assert (answer.status_code, answer["Location"]) == (302, SIGN_IN_FOR_SETTINGS)
    return client.get(answer["Location"], headers=PAGE)


# 1. Anonymous.


def test_a_stranger_is_sent_to_sign_in_by_a_page() -> None:
    page = stopped_page(browser())
    assert page.status_code == 200
    assert page.context["ended"] is None


def test_a_stranger_gets_json_in_the_background() -> None:
    answer = fetch(browser())
    assert code_of(answer) == "sign_in_required"
    assert answer.json()["url"] == "/login/?next=%2F"
    assert answer.json()["detail"]
    assert answer["Cache-Control"] == "no-store"


def test_a_stranger_may_see_what_is_open_and_costs_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert browser().get("/login/").status_code == 200
        assert browser().get("/settings/").status_code == 302
    assert not queries.captured_queries


@pytest.mark.parametrize(
    ("headers", "is_page"),
    [
        ({"sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-mode": "navigate", "accept": "application/json"}, True),
        ({"accept": "text/html,application/xhtml+xml;q=0.9"}, True),
        ({"sec-fetch-mode": "cors", "accept": "text/html"}, False),
        ({"sec-fetch-mode": "no-cors"}, False),
        ({"accept": "*/*"}, False),
        ({"accept": "application/json"}, False),
        ({}, False),
    ],
)
def test_the_browser_says_whether_a_person_waits_for_a_page(
    headers: dict[str, str], is_page: bool
) -> None:
    answer = Client().get("/settings/", headers=headers)
    assert answer.status_code == (302 if is_page else 401)


def test_a_page_keeps_where_it_was_going_and_a_form_goes_home() -> None:
    client = browser()
    got = client.get("/accounts/a/?x=1&y=%C3%A4")
    assert got["Location"] == "/login/?next=%2Faccounts%2Fa%2F%3Fx%3D1%26y%3D%25C3%25A4"
    assert client.post("/settings/?x=1")["Location"] == "/login/?next=%2F"
    assert client.head("/settings/")["Location"] == SIGN_IN_FOR_SETTINGS


@pytest.mark.parametrize(
    ("referer", "leads_to"),
    [
        ("http://testserver/accounts/a/?x=1#top", "%2Faccounts%2Fa%2F%3Fx%3D1"),
        ("http://testserver/", "%2F"),
        ("", "%2F"),
        ("http://evil.example/settings/", "%2F"),
        ("https://testserver/settings/", "%2F"),
        ("http://testserver//evil.example/", "%2F"),
        ("http://testserver@evil.example/", "%2F"),
        ("http://[broken/", "%2F"),
        ("javascript:alert(1)", "%2F"),
    ],
)
def test_a_script_is_sent_back_to_the_page_it_ran_in_never_to_its_own_address(
    referer: str, leads_to: str
) -> None:
    answer = browser().get("/settings/security/?page=2", headers={**BACKGROUND, "referer": referer})
    assert answer.json()["url"] == f"/login/?next={leads_to}"


# 2. Ended after it began.


@pytest.mark.parametrize("reason", list(EndReason))
def test_a_session_that_was_ended_is_signed_out_with_the_reason(
    reason: EndReason, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    assert is_in(client)
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=reason)
    expected = {
        EndReason.DEADLINE: "signed_out_deadline",
        EndReason.PASS_ENDED: "signed_out_pass_ended",
        EndReason.CODE_NEEDED: "code_required",
    }
    answer = fetch(client)
    assert code_of(answer) == expected.get(reason, "signed_out")
    assert str(reason.label) in answer.json()["detail"]
    page = stopped_page(client)
    assert page.context["ended"] is reason
    assert "You were signed out" in page.content.decode()


def test_a_session_that_was_not_ended_lives_on(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    sessions.renew_stamp(User.objects.exclude(pk=ada.pk), reason=EndReason.RESET)
    assert is_in(client)
    assert fetch(client).status_code == 200


# 3. A pass is running. 7. It ran out.


def test_a_pass_lets_in_to_its_last_millisecond_and_then_signs_out(
    northwind: Account, ada: User, clock: Clock
) -> None:
    require(northwind, clock.now)
    clock.forward(hours=1)
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    client = sign_in(ada)
    clock.set(granted.until - MS)
    assert client.get("/settings/").context["banner"].kind == "pass"
    assert fetch(client).status_code == 200
    clock.set(granted.until)
    assert code_of(fetch(client)) == "signed_out_pass_ended"
    assert stopped_page(client).context["ended"] is EndReason.PASS_ENDED


def test_a_pass_ends_the_session_of_whom_nothing_binds_too(clock: Clock) -> None:
    person = enrolled_person().user
    granted = passes.grant_pass(user=person, actor=None, reason="Lost phone", now=clock.now)
    client = sign_in(person)
    clock.set(granted.until - MS)
    assert is_in(client)
    clock.set(granted.until)
    assert not is_in(client)


@pytest.mark.proves("S41")
def test_every_session_of_a_pass_ends_with_it(northwind: Account, ada: User, clock: Clock) -> None:
    require(northwind, clock.now)
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    clients = [sign_in(ada) for _ in range(5)]
    clock.set(granted.until)
    assert [code_of(fetch(client)) for client in clients] == ["signed_out_pass_ended"] * 5


@pytest.mark.proves("B101", "S41")
def test_a_verified_session_lives_on_when_a_pass_is_granted_and_ends_with_it(
    northwind: Account, clock: Clock
) -> None:
    enrolled = enrolled_person()
    client = sign_in_with_code(enrolled)
    granted = passes.grant_pass(user=enrolled.user, actor=None, reason="Lost", now=clock.now)
    assert is_in(client)
    clock.set(granted.until)
    assert code_of(fetch(client)) == "signed_out_pass_ended"


# 4. Enrolled and verified.


def test_a_verified_session_outlives_the_deadline(northwind: Account, clock: Clock) -> None:
    enrolled = enrolled_person()
    Membership.objects.create(account=northwind, user=enrolled.user)
    client = sign_in_with_code(enrolled)
    require(northwind, clock.now)
    clock.forward(days=2)
    assert is_in(client)
    assert client.get("/settings/").context["banner"] is not None  # codes yet to be saved


# 8. Enrolled, not verified.


def give_device_behind_the_back(person: User, now: datetime) -> None:
    """Confirm a device as no part of the product does: nobody's stamp is renewed."""
    with safety_net.suspended():
        TOTPDevice.objects.create(
            user=person, name="app", confirmed=True, confirmed_at=now, created_at=now, secret=b"x"
        )


@pytest.mark.parametrize("is_required", [False, True])
def test_a_session_that_gave_no_code_of_an_enrolled_person_is_signed_out(
    is_required: bool, northwind: Account, ada: User, clock: Clock
) -> None:
    if is_required:
        require(northwind, clock.now)
    client = sign_in(ada)
    assert is_in(client)
    give_device_behind_the_back(ada, clock.now)
    assert code_of(fetch(client)) == "code_required"
    assert stopped_page(client).context["ended"] is EndReason.CODE_NEEDED


@pytest.mark.proves("B09")
def test_a_device_that_is_gone_leads_to_one_usable_page(clock: Clock) -> None:
    enrolled = enrolled_person()
    client = sign_in_with_code(enrolled)
    TOTPDevice.objects.filter(user=enrolled.user).delete()
    page = client.get("/settings/", follow=True)
    assert page.redirect_chain == [(SIGN_IN_FOR_SETTINGS, 302)]
    assert page.context["ended"] is EndReason.FACTOR_CHANGED
    assert is_in(sign_in(enrolled.user, client=client))


# 9, 10, 11. The deadline.


@pytest.mark.proves("B18", "S36")
def test_an_open_session_meets_the_deadline_to_the_millisecond(
    northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    assert not client.get("/settings/").context["banner"]
    require(northwind, clock.now)
    deadline = clock.now + DAY
    banner = client.get("/settings/").context["banner"]
    assert (banner.kind, banner.until, banner.seconds_left) == ("window", deadline, 86400)
    assert banner.accounts == ("Northwind",)
    for before in (timedelta(seconds=1), MS):
        clock.set(deadline - before)
        assert is_in(client)
        assert fetch(client).status_code == 200
        assert client.get("/settings/").context["banner"].until == deadline
    for after in (timedelta(), timedelta(seconds=1)):
        clock.set(deadline + after)
        assert code_of(fetch(client)) == "signed_out_deadline"
        assert stopped_page(client).context["ended"] is EndReason.DEADLINE


def test_two_members_of_two_accounts_see_the_earliest_deadline(
    northwind: Account, ada: User, clock: Clock
) -> None:
    other = make_account(members=(ada,))
    client = sign_in(ada)
    require(other, clock.now)
    clock.forward(hours=1)
    require(northwind, clock.now)
    banner = client.get("/settings/").context["banner"]
    assert banner.seconds_left == 23 * 3600
    assert banner.accounts == (other.name, "Northwind")


@pytest.mark.proves("B20")
def test_a_requirement_that_ends_lets_the_very_next_request_pass(
    northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in(ada)
    require(northwind, clock.now)
    clock.forward(days=1)
    assert not is_in(client)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert is_in(client)
    require(northwind, clock.now)
    assert is_in(client)
    assert client.get("/settings/").context["banner"].seconds_left == 86400
    clock.forward(days=1)
    assert stopped_page(client).context["ended"] is EndReason.DEADLINE


@pytest.mark.proves("B96")
@pytest.mark.parametrize("how", ["leaves", "is removed", "account deleted", "off and on"])
def test_who_is_freed_is_let_pass_by_the_next_request(
    how: str, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in(ada)
    require(northwind, clock.now)
    clock.forward(days=1)
    assert not is_in(client)
    if how == "account deleted":
        northwind.delete()
    elif how == "off and on":
        policies.switch_off(account=northwind, actor=None, now=clock.now)
        require(northwind, clock.now)
    else:
        Membership.objects.filter(user=ada).delete()
    assert is_in(client)


def test_an_owner_is_bound_like_anyone_else(northwind: Account, owner: User, clock: Clock) -> None:
    client = sign_in(owner)
    require(northwind, clock.now)
    clock.forward(days=1)
    assert code_of(fetch(client)) == "signed_out_deadline"


def test_staff_have_no_window(clock: Clock) -> None:
    client = sign_in(make_user(is_staff=True))
    assert not is_in(client)
    assert client.get("/settings/")["Location"] == "/two-factor/setup/"


def test_who_becomes_staff_is_signed_out_by_the_next_request(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    people.set_staff(user=ada, is_staff=True, is_superuser=False, actor=None, now=clock.now)
    assert code_of(fetch(client)) == "signed_out_deadline"


# The person behind the session.


def test_a_deactivated_person_is_a_stranger_with_the_next_request(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    people.deactivate(user=ada, actor=None, now=clock.now)
    assert code_of(fetch(client)) == "sign_in_required"
    assert stopped_page(client).status_code == 200


def test_a_deleted_person_is_a_stranger_with_the_next_request(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    people.delete(user=ada, now=clock.now)
    assert code_of(fetch(client)) == "sign_in_required"
    assert stopped_page(client).status_code == 200


def test_other_people_are_met_by_nothing_of_this(
    northwind: Account, ada: User, clock: Clock
) -> None:
    stranger = sign_in(make_user())
    require(northwind, clock.now)
    clock.forward(days=1, minutes=1)
    assert is_in(stranger)
    assert not stranger.get("/settings/").context["banner"]


@pytest.mark.proves("B82")
def test_set_up_in_one_browser_ends_the_session_of_the_other(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    clock.set(clock.now + 10 * MINUTE)
    enrol_app(ada, now=clock.now)
    assert code_of(fetch(client)) == "signed_out"
    assert stopped_page(client).context["ended"] is EndReason.SET_UP
