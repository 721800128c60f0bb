"""Every door of the product, tried by those it must not open to: default is closed.

The routes are walked, so that a view added tomorrow is tried, too.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve
from django.utils import timezone

from accounts.models import Account, Membership, User
from accounts.purposes import Purpose, purpose_of
from enforcement import passes, policies
from tests.enforcement.kit import (
    DAY,
    PAGE,
    browser,
    code_of,
    enrolled_person,
    is_in,
    sign_in,
)
from tests.factories import make_user
from tests.journeys.clock import Clock
from tests.routes import Route, routes
from twofactor import mailbox
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
UNGUARDED = {Purpose.OPEN, Purpose.MACHINE}
CLOSED = [route for route in routes() if purpose_of(route.view) not in UNGUARDED]
WRITES = ("INSERT", "UPDATE", "DELETE")

Who = Callable[[], Client]


def writes_of(queries: CaptureQueriesContext) -> list[str]:
    return [each["sql"] for each in queries.captured_queries if each["sql"].startswith(WRITES)]


@pytest.fixture
def overdue(northwind: Account, ada: User, clock: Clock) -> Client:
    """Ada's session, a second after the deadline that she let pass."""
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1, seconds=1)
    return client


@pytest.mark.proves("S35")
def test_a_closed_view_refuses_a_stranger_whatever_the_method() -> None:
    with CaptureQueriesContext(connection) as queries:
        for route, method in product(CLOSED, METHODS):
            answer = Client().generic(method, route.path)
            assert answer.status_code == 401, (route.name, method, answer.status_code)
            page = browser().generic(method, route.path)
            assert page.status_code == 302, (route.name, method)
            assert page["Location"].startswith("/login/?next="), (route.name, method)
    assert not queries.captured_queries


@pytest.mark.proves("S35", "B01", "B18")
def test_a_closed_view_refuses_who_is_overdue_whatever_the_method(overdue: Client) -> None:
    cookies = deepcopy(overdue.cookies)
    for route in CLOSED:
        with transaction.atomic():
            overdue.cookies = deepcopy(cookies)
            refuses_who_is_overdue(route, overdue)
            transaction.set_rollback(True)


def refuses_who_is_overdue(route: Route, overdue: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        for method in METHODS:
            answer = overdue.generic(method, route.path, headers={"sec-fetch-mode": "cors"})
            assert answer.status_code == 401, (route.name, method, answer.status_code)
            if method != "HEAD":
                assert code_of(answer) == "signed_out_deadline", (route.name, method)
    assert not writes_of(queries), route.name
    page = overdue.post(route.path)
    assert (page.status_code, page["Location"]) == (302, "/login/?next=%2F"), route.name


@pytest.mark.proves("B17")
@pytest.mark.parametrize("host", settings.ALLOWED_HOSTS)
def test_a_form_that_is_sent_after_the_deadline_is_neither_saved_nor_sent_again(
    host: str, overdue: Client, ada: User, clock: Clock
) -> None:
    """On each name that the site is served by."""
    form = {"name": "Changed", "language": "en", "time_zone": "UTC"}
    answer = overdue.post("/settings/", form, follow=True, headers={"host": host})
    assert answer.redirect_chain == [("/login/?next=%2F", 302)]
    assert "You were signed out" in answer.content.decode()
    assert answer.content.decode().count("What you just sent was not saved.") == 1
    assert "was not saved" not in overdue.get("/settings/", follow=True).content.decode()
    sign_in(ada, client=overdue)
    ada.refresh_from_db()
    assert ada.name == "Ada Lovelace"


def test_the_same_form_a_second_before_is_saved(
    northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(hours=23, minutes=59, seconds=59)
    client.post("/settings/", {"name": "Changed", "language": "en", "time_zone": "UTC"})
    ada.refresh_from_db()
    assert ada.name == "Changed"


# Addresses that take a POST alone.

LEADS_TO = {
    "account_invite": "/accounts/northwind/",
    "invitation_revoke": "/accounts/northwind/",
    "member_role": "/accounts/northwind/",
    "member_remove": "/accounts/northwind/",
    "session_end": "/settings/security/",
    "setup_text_send": "/two-factor/setup/text/confirm/",
    "reauthenticate_text": "/reauthenticate/",
}
# Nothing is shown there, and whatever leads on would have been a mistake.
EMPTY_HANDED = {"language", "login_cancel", "logout", "sessions_end_all", "twilio_status"}


def test_who_opens_the_address_of_a_form_is_led_to_its_page(
    northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    for route in routes():
        page = client.get(route.path)
        if route.name in LEADS_TO:
            assert (page.status_code, page["Location"]) == (302, LEADS_TO[route.name]), route.name
            quiet = client.get(route.path, headers={"sec-fetch-mode": "cors"})
            assert (quiet.status_code, quiet["Allow"], quiet.content) == (405, "POST", b"")
        elif not route.name.startswith("admin:"):
            assert (page.status_code == 405) == (route.name in EMPTY_HANDED), route.name


def test_after_the_password_an_error_s_address_leads_to_its_page(
    northwind: Account, owner: User
) -> None:
    """Where a refused invitation is shown, a session may end, and its address is opened again."""
    client = sign_in(owner, next_url="/accounts/northwind/invite/")
    page = client.get("/accounts/northwind/invite/", follow=True)
    assert page.redirect_chain == [("/accounts/northwind/", 302)]
    assert page.status_code == 200


def test_a_page_that_takes_no_such_request_has_a_way_on(owner: User, northwind: Account) -> None:
    client = sign_in(owner)
    for page in (client.post("/"), client.get("/settings/sessions/end-all/")):
        assert page.status_code == 405
        assert 'href="/"' in page.content.decode()
    assert not client.post("/", headers={"sec-fetch-mode": "cors"}).content


# Half-way in.


@pytest.fixture
def half_way(clock: Clock) -> Client:
    """An enrolled person who gave the password and no code yet."""
    client = sign_in(enrolled_person().user)
    assert client.get("/settings/")["Location"] == "/login/verify/"
    return client


@pytest.fixture
def in_set_up(overdue: Client, ada: User) -> Client:
    """A person past the deadline who gave the password and must set up."""
    client = sign_in(ada)
    assert client.get("/settings/")["Location"] == "/two-factor/setup/"
    return client


OPEN_HALF_WAY = {
    "half_way": {Purpose.CHALLENGE, Purpose.ENTRANCE, Purpose.CANCEL},
    "in_set_up": {Purpose.ENROLMENT, Purpose.ENTRANCE, Purpose.CANCEL},
}


@pytest.mark.proves("S32")
@pytest.mark.parametrize("who", OPEN_HALF_WAY)
def test_half_way_in_only_what_fits_the_step_opens(
    who: str, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    page = {"half_way": "/login/verify/", "in_set_up": "/two-factor/setup/"}[who]
    for route in CLOSED:
        if purpose_of(route.view) in OPEN_HALF_WAY[who]:
            continue
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            answer = client.generic(method, route.path, headers=PAGE)
            assert (answer.status_code, answer["Location"]) == (302, page), (route.name, method)
            quiet = client.generic(method, route.path, headers={"sec-fetch-mode": "cors"})
            assert code_of(quiet) == "sign_in_required", (route.name, method)
            assert quiet.wsgi_request.user.is_anonymous


@pytest.mark.proves("B03")
def test_an_enrolled_person_half_way_in_reaches_no_set_up(half_way: Client) -> None:
    before = TOTPDevice.objects.count()
    for route in CLOSED:
        if purpose_of(route.view) is Purpose.ENROLMENT:
            for answer in (client_call(half_way, route.path) for client_call in (get, post)):
                assert answer["Location"] == "/login/verify/"
    assert TOTPDevice.objects.count() == before


def get(client: Client, path: str) -> Any:
    return client.get(path)


def post(client: Client, path: str) -> Any:
    return client.post(path, {"method": "app", "code": "123456"})


def test_who_must_set_up_reaches_no_code_page(in_set_up: Client) -> None:
    for path in ("/login/verify/", "/login/recovery/", "/login/verify/text/"):
        assert in_set_up.post(path, {"code": "123456"})["Location"] == "/two-factor/setup/"


def test_leaving_opens_in_set_up_once_the_mailbox_is_proved(
    in_set_up: Client, northwind: Account, ada: User
) -> None:
    path = "/accounts/northwind/leave/"
    assert in_set_up.get(path)["Location"] == "/two-factor/setup/"
    assert in_set_up.post(path)["Location"] == "/two-factor/setup/"
    assert Membership.objects.filter(user=ada).exists()
    in_set_up.get(mailbox.make_link(ada, now=timezone.now()).removeprefix("http://testserver"))
    assert in_set_up.get(path).status_code == 200
    answer = in_set_up.post(path, follow=True)
    assert answer.status_code == 200
    assert not Membership.objects.filter(user=ada).exists()
    assert is_in(in_set_up)  # nothing holds this person up any more


@pytest.mark.proves("B01")
@pytest.mark.parametrize("who", OPEN_HALF_WAY)
def test_a_half_finished_sign_in_is_worth_nothing_to_the_admin(
    who: str, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    User.objects.update(is_staff=True, is_superuser=True)
    for path in ("/admin/", "/admin/login/", "/admin/accounts/user/"):
        assert client.get(path).status_code == 302
        assert not client.get(path)["Location"].startswith("/admin/")


# Odd paths, odd cookies, odd headers.

ODD_PATHS = [
    "/settings/login/",
    "/settings/x/login/",
    "/loginevil",
    "/login/../settings/",
    "/login/%2e%2e/settings/",
    "//login/",
    "/LOGIN/",
    "/login",
    "/settings/?next=/login/",
    "/settings/?/login/",
    "/settings/;/login/",
    "/settings//",
    "/health/live/../../settings/",
    "/metrics/",
    "/health/liveevil",
    "/settings",
    "/Settings/",
    "/static/../settings/",
    "/invitations/continue/",
]


def is_page(path: str) -> bool:
    try:
        return bool(resolve(path.partition("?")[0]))
    except Resolver404:
        return False


@pytest.mark.proves("B05")
@pytest.mark.parametrize("path", ODD_PATHS)
def test_no_spelling_of_a_path_opens_a_closed_view(path: str, overdue: Client) -> None:
    answer = overdue.get(path, follow=False)
    # What is a page is refused by the gate, and not just empty for want of a person.
    assert answer.status_code in ({302} if is_page(path) else {301, 302, 404})
    assert answer.wsgi_request.user.is_anonymous
    if answer.status_code == 302:
        assert answer["Location"].startswith("/login/?next=")
    if answer.status_code == 301:  # a missing slash is put there, and then the gate is asked
        assert answer["Location"] == f"{path}/"


ODD_KEYS = [
    "",
    "a" * 31,
    "a" * 33,
    "A" * 32,
    "a" * 31 + "\x00",
    "\x00" * 32,
    "%00" * 11,
    "../../etc/passwd",
    "' OR 1=1 --" + "a" * 21,
    "ä" * 32,
    "a" * 5000,
    "0" * 32,
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
@pytest.mark.both_databases
def test_an_odd_session_cookie_is_no_session(key: str) -> None:
    client = browser()
    client.cookies["gatehouse_session"] = key
    answer = client.get("/settings/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=%2Fsettings%2F")
    client.cookies["gatehouse_session"] = key
    assert client.get("/login/").status_code == 200


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "💥" * 100, "' --", "\r\nX-Evil: 1"])
@pytest.mark.both_databases
def test_odd_input_at_the_password_is_a_plain_refusal(text: str, clock: Clock) -> None:
    client = browser()
    for fields in (
        {"email": text, "password": text, "next": text},
        {"email": f"{text}@x.de", "password": "x", "next": ""},
        {"email": "a@x.de", "password": text, "next": ""},
        {"email": "a@x.de", "password": "x", "next": text},
    ):
        assert client.post("/login/", fields).status_code == 200
    assert client.get("/login/", {"next": text}).status_code == 200


def test_a_session_whose_content_is_odd_is_nobody_s(ada: User, clock: Clock) -> None:
    for key in ("_auth_user_backend", "_auth_user_hash", "_auth_user_id", "stamp", "born_at"):
        client = sign_in(ada)
        session = client.session
        del session[key]
        session.save()
        assert not is_in(client), key


def test_a_session_that_names_another_person_is_refused(
    ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in(ada)
    session = client.session
    session["_auth_user_id"] = str(owner.pk)
    session.save()
    assert not is_in(client)


def test_a_foreign_backend_in_a_session_opens_nothing(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    session = client.session
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    assert not is_in(client)


# A second look at who may pass.


def test_a_pass_does_not_open_the_admin_to_staff(clock: Clock) -> None:
    staff, root = make_user(is_staff=True), enrolled_person(is_superuser=True).user
    passes.grant_pass(user=staff, actor=root, reason="Lost phone", now=clock.now)
    client = sign_in(staff)
    assert is_in(client)
    assert client.get("/admin/").status_code == 403


def test_machines_are_served_whatever_is_required(northwind: Account, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now - 2 * DAY)
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert Client().get(path).status_code == 200
    assert resolve("/webhooks/twilio/status/")
    assert Client().post("/webhooks/twilio/status/").status_code == 403
