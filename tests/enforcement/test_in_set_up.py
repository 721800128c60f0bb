"""In set-up when the deadline passes, and in set-up on the way into an account."""

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.test import Client

from accounts import invitations, sessions
from accounts.models import Account, EndReason, Membership, Role, User
from enforcement import logouts, policies
from tests.enforcement.kit import (
    DAY,
    MINUTE,
    PAGE,
    browser,
    code_of,
    enrolled_person,
    fetch,
    is_in,
    sign_in,
)
from tests.enforcement.test_admin_people import text_of
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from tests.meanwhile import before_the_lock
from tests.twofactor.people import Enrolled, enrol_app
from twofactor import mailbox, sent_codes
from twofactor.models import SentCode

pytestmark = pytest.mark.django_db

CODE_PAGE, SET_UP_PAGE = "/login/verify/", "/two-factor/setup/"


def leads_to(client: Client) -> str:
    """Return where a page for signed-in people sends this browser; empty when it opens."""
    answer = client.get("/settings/", headers=PAGE)
    return str(answer.headers.get("Location", ""))


def give_code(client: Client, enrolled: Enrolled, clock: Clock) -> Any:
    code = pyotp.TOTP(enrolled.secret).at(clock.now)
    return client.post(CODE_PAGE, {"code": code})


# In set-up when the deadline passes.


@pytest.fixture
def setting_up(northwind: Account, ada: User, clock: Clock) -> tuple[Client, str]:
    """Ada, signed in within the window, before the QR code; a second before the deadline."""
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - timedelta(minutes=3))
    client = sign_in(ada)
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    page = client.get("/two-factor/setup/app/")
    clock.forward(minutes=2, seconds=59)
    return client, page.context["secret"]


@pytest.mark.parametrize("is_swept", [False, True])
def test_who_stands_in_set_up_at_the_deadline_goes_on_with_the_same_secret(
    is_swept: bool, setting_up: tuple[Client, str], ada: User, clock: Clock
) -> None:
    client, secret = setting_up
    clock.forward(seconds=1)
    if is_swept:
        logouts.end_overdue_sessions(now=clock.now)
    page = client.get("/two-factor/setup/app/")
    assert page.status_code == 200
    assert page.context["secret"] == secret
    assert page.wsgi_request.user.is_anonymous
    assert leads_to(client) == SET_UP_PAGE
    answer = client.post("/two-factor/setup/app/", {"code": pyotp.TOTP(secret).at(clock.now)})
    assert len(answer.context["codes"]) == 10
    assert is_in(client)


def test_the_confirming_post_itself_may_be_the_first_past_the_deadline(
    setting_up: tuple[Client, str], ada: User, clock: Clock
) -> None:
    client, secret = setting_up
    clock.forward(seconds=1)
    answer = client.post("/two-factor/setup/app/", {"code": pyotp.TOTP(secret).at(clock.now)})
    assert len(answer.context["codes"]) == 10
    assert is_in(client)


def test_all_else_is_closed_to_who_stands_in_set_up_at_the_deadline(
    setting_up: tuple[Client, str], ada: User, clock: Clock
) -> None:
    client, _ = setting_up
    key = client.session.session_key
    clock.forward(seconds=1)
    assert code_of(fetch(client)) == "signed_out_deadline"
    client.get("/two-factor/setup/app/")
    assert client.session.session_key != key
    assert "_auth_user_id" not in client.session
    assert code_of(fetch(client)) == "sign_in_required"
    assert client.post("/settings/", {"name": "x"})["Location"] == SET_UP_PAGE
    ada.refresh_from_db()
    assert ada.name == "Ada Lovelace"


def test_who_never_proved_the_mailbox_has_to_after_the_deadline_as_well(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - MINUTE)
    client = sign_in(ada)
    client.post("/two-factor/setup/", {"method": "app"})
    clock.forward(minutes=1)
    assert client.get("/two-factor/setup/app/")["Location"] == SET_UP_PAGE
    sent = SentCode.objects.get(user=ada)
    client.post("/two-factor/setup/mailbox/?method=app", {"code": sent_codes.code_of(sent)})
    assert client.get("/two-factor/setup/app/").status_code == 200


def test_a_set_up_half_an_hour_old_is_worth_nothing_at_the_deadline(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - 30 * MINUTE)
    client = sign_in(ada)
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    assert client.get("/two-factor/setup/app/").status_code == 200
    clock.forward(minutes=30)
    assert client.get("/two-factor/setup/app/")["Location"].startswith("/login/")


@pytest.mark.proves("B10")
def test_a_background_call_makes_no_new_secret(
    setting_up: tuple[Client, str], clock: Clock
) -> None:
    client, secret = setting_up
    for _ in range(3):
        assert fetch(client).status_code == 200
    clock.forward(seconds=1)
    assert code_of(fetch(client)) == "signed_out_deadline"
    assert client.get("/two-factor/setup/app/").context["secret"] == secret


def test_where_set_up_was_to_lead_is_kept_past_the_deadline(
    setting_up: tuple[Client, str], clock: Clock
) -> None:
    client, secret = setting_up
    client.get("/two-factor/setup/?next=/settings/email/")
    clock.forward(seconds=1)
    answer = client.post("/two-factor/setup/app/", {"code": pyotp.TOTP(secret).at(clock.now)})
    assert is_in(client)
    assert answer.context["next_url"] == "/settings/email/"


# Set up elsewhere meanwhile: the sign-in starts over, and leads where it was going.


@pytest.fixture
def late(northwind: Account, ada: User, clock: Clock) -> User:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    return ada


def begin_again(client: Client, enrolled: Enrolled, clock: Clock) -> Any:
    """Fill in the sign-in page to which the next request leads, and give the code."""
    form = client.get(client.get("/two-factor/setup/")["Location"]).context["form"]
    fields = {"email": enrolled.user.email, "password": PASSWORD, "next": form["next"].value()}
    client.post("/login/", fields)
    return give_code(client, enrolled, clock)


@pytest.mark.proves("B16")
def test_who_has_to_start_over_comes_where_they_were_going(late: User, clock: Clock) -> None:
    client = sign_in(late, next_url="/settings/?x=1&y=2")
    answer = begin_again(client, enrol_app(late, now=clock.now), clock)
    assert answer["Location"] == "/settings/?x=1&y=2"


def test_who_has_to_start_over_comes_to_the_invitation_they_were_accepting(
    late: User, clock: Clock
) -> None:
    client, path = browser(), invited(late, clock)
    client.get(path)
    sign_in(late, client=client)
    answer = begin_again(client, enrol_app(late, now=clock.now), clock)
    assert client.get(answer["Location"]).context["state"] == "ready"


@pytest.mark.proves("B16")
def test_a_code_that_comes_too_late_leads_on_as_well(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled = enrolled_person()
    client = sign_in(enrolled.user, next_url="/settings/?x=1")
    hers = User.objects.filter(pk=enrolled.user.pk)
    before_the_lock(monkeypatch, lambda: sessions.renew_stamp(hers, reason=EndReason.RESET))
    answer = give_code(client, enrolled, clock)
    assert answer["Location"] == "/login/?next=%2Fsettings%2F%3Fx%3D1"


@pytest.mark.proves("B16")
@pytest.mark.parametrize(("minutes", "path"), [(10, "/login/verify/"), (30, "/two-factor/setup/")])
def test_a_sign_in_whose_time_is_over_leads_on_as_well(
    minutes: int, path: str, late: User, clock: Clock
) -> None:
    person = enrolled_person().user if minutes == 10 else late
    client = sign_in(person, next_url="/settings/?x=1")
    clock.forward(minutes=minutes)
    for ask in (client.get, client.post):
        answer = ask(path)
        assert answer["Location"] == "/login/?next=%2Fsettings%2F%3Fx%3D1"
        told = text_of(client.get(answer["Location"]))
        assert told.count("This sign-in was open for too long. Please start again.") == 1
    assert client.get("/settings/email/")["Location"] == "/login/?next=%2Fsettings%2Femail%2F"


# An acceptance under way.


def invited(guest: User, clock: Clock) -> str:
    """Invite them into another account that requires; return the path of the link."""
    boss = make_user()
    account = make_account("south", owner=boss)
    policies.switch_on(account=account, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=account, email=guest.email, role=Role.MEMBER, actor=boss, now=clock.now
    )
    return invitations.link_of(invitation.pk).removeprefix("http://testserver")


def test_an_acceptance_goes_on_past_another_accounts_deadline(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - 3 * MINUTE)
    client, path = sign_in(ada), invited(ada, clock)
    client.get(path)
    client.get(client.post(path)["Location"])
    secret = client.get("/two-factor/setup/app/").context["secret"]
    clock.forward(minutes=3)
    held = client.get("/two-factor/setup/").context["held_by"]
    assert [hold.name for hold in held] == ["Northwind", "South"]
    answer = client.post("/two-factor/setup/app/", {"code": pyotp.TOTP(secret).at(clock.now)})
    assert answer.context["next_url"] == "/invitations/continue/"
    assert Membership.objects.filter(user=ada, account__slug="south").exists()


def test_an_invitation_of_somebody_else_in_this_browser_holds_nobody_up(
    northwind: Account, owner: User, clock: Clock
) -> None:
    guest, other = make_user(), make_user()
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    path = invitations.link_of(invitation.pk).removeprefix("http://testserver")
    assert client.get(path).status_code == 200
    sign_in(other, client=client)
    assert is_in(client)
    assert not Membership.objects.filter(user__in=[guest, other]).exists()


def test_a_sign_in_through_an_invitation_leads_to_set_up_and_a_plain_one_in(
    northwind: Account, owner: User, clock: Clock
) -> None:
    guest = make_user()
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(invitation.pk).removeprefix("http://testserver"))
    sign_in(guest, client=client)
    assert leads_to(client) == SET_UP_PAGE
    assert is_in(sign_in(guest))


def test_an_enrolled_guest_joins_by_signing_in(
    northwind: Account, owner: User, clock: Clock
) -> None:
    guest = enrolled_person()
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=northwind, email=guest.user.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(invitation.pk).removeprefix("http://testserver"))
    sign_in(guest.user, client=client)
    give_code(client, guest, clock)
    assert is_in(client)
    assert Membership.objects.filter(user=guest.user, account=northwind).exists()


def test_an_open_session_is_not_ended_by_an_invitation(
    northwind: Account, owner: User, clock: Clock
) -> None:
    guest = make_user()
    client = sign_in(guest)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    path = invitations.link_of(invitation.pk).removeprefix("http://testserver")
    assert client.get(path).context["state"] == "ready"
    assert client.post(path)["Location"].startswith(SET_UP_PAGE)
    assert is_in(client)
    assert not Membership.objects.filter(user=guest, account=northwind).exists()
