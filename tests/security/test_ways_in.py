"""Ways in and around: late requests, links that lead on, other people's invitations, two tabs."""

import threading
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from pytest_django import Settings

from accounts import invitations, passwords, sessions
from accounts.models import Account, Membership, Role, Session, User
from enforcement import policies
from settings.urls import urlpatterns as product_urls
from tests.enforcement.desk import requirement_page
from tests.enforcement.kit import (
    BACKGROUND,
    PAGE,
    browser,
    code_of,
    enrolled_person,
    fetch,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import PASSWORD, make_account, make_user
from tests.integration.threads import at_once
from tests.journeys.clock import DAY, MS, Clock
from twofactor import mailbox
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

GOOD = "/settings/?x=1&y=2"


@pytest.fixture
def owner(db: None, clock: Clock) -> User:
    return make_user("owner@northwind.example", name="Olga Owner")


@pytest.fixture
def ada(db: None, clock: Clock) -> User:
    return make_user("ada@northwind.example", name="Ada Lovelace")


@pytest.fixture
def northwind(owner: User, ada: User, clock: Clock) -> Account:
    account = make_account("northwind", owner=owner, members=(ada,))
    clock.forward(hours=1)
    return account


def overdue(account: Account, clock: Clock) -> None:
    policies.switch_on(account=account, actor=None, now=clock.now)
    clock.forward(days=1)


written: list[str] = []


def new_view(request: HttpRequest) -> HttpResponse:
    written.append(request.method or "")
    return HttpResponse("a secret of somebody's")


@pytest.mark.proves("S35")
def test_a_view_that_nobody_marked_is_closed_to_who_is_overdue(
    northwind: Account, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.ROOT_URLCONF = type(
        "urls", (), {"urlpatterns": [path("new/", new_view), *product_urls]}
    )
    client = sign_in(ada)
    assert client.get("/new/").status_code == 200
    written.clear()
    overdue(northwind, clock)
    for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT"):
        refused = client.generic(method, "/new/", headers=BACKGROUND)
        assert refused.status_code == 401
        assert client.generic(method, "/new/", headers=PAGE).status_code == 302
    assert set(fetch(client, "/new/").json()) == {"code", "detail", "url"}
    assert not written


@pytest.mark.proves("S36", "B36")
def test_no_late_request_passes_while_no_job_runs(
    northwind: Account, ada: User, clock: Clock
) -> None:
    people = [make_user() for _ in range(10)]
    Membership.objects.bulk_create(
        Membership(account=northwind, user=each, joined_at=clock.now) for each in people
    )
    clients = [sign_in(each) for each in people]
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.set(clock.now + DAY - MS)
    assert all(client.get("/login/verify/").status_code == 302 for client in clients)
    clock.set(clock.now + MS)
    for _ in range(10):
        for client in clients:
            assert code_of(fetch(client)) == "signed_out_deadline"
        clock.forward(minutes=36)


HOSTS = ["evil.example", "testserver.evil.example", "testserver@evil.example", "ⓔvil.example"]
STARTS = ["//", "///", "/\\", "\\\\", "https:", "https:/", "https://", "https:///", "http:\\\\"]
STARTS += ["\t//", "/\t/", " //", "//\n", "/\r/", "ftp://"]
PAYLOADS = [f"{start}{host}" for start in STARTS for host in HOSTS]
SCHEMES = ["javascript", "JavaScript", "java\tscript", "data", "vbscript", "file", "blob"]
TAILS = [":alert(1)", "://evil.example", ":%0aalert(1)", "&#58;alert(1)", ":\\\\evil"]
PAYLOADS += [f"{scheme}{tail}" for scheme in SCHEMES for tail in TAILS]
PAYLOADS += ["//[::1]", "//[evil", "http://\x7fevil", "//%65vil.example", "//evil。example"]


def stays(location: str) -> bool:
    return location.startswith("/") and not location.startswith(("//", "/\\"))


@pytest.mark.proves("B16", "S55")
def test_a_hundred_payloads_lead_nowhere_after_the_code(clock: Clock) -> None:
    assert len(set(PAYLOADS)) >= 100
    enrolled = enrolled_person()
    client = sign_in(enrolled.user)
    for payload in PAYLOADS:
        answer = client.post(
            "/login/", {"email": enrolled.user.email, "password": PASSWORD, "next": payload}
        )
        assert answer.status_code in {200, 302}, payload  # a NUL byte is refused by the form
        if answer.status_code == 302:
            assert answer["Location"] == "/login/verify/"
            assert client.session["pending"]["next"] == "/", payload
    inside = sign_in_with_code(enrolled)
    for payload in PAYLOADS:
        for answer in (
            inside.get("/login/", {"next": payload}),
            inside.post("/two-factor/backup-codes/", {"saved": "on", "next": payload}),
            inside.post("/login/", {"next": payload}),
        ):
            assert stays(answer.headers.get("Location", "/")), payload
    for payload in PAYLOADS[::10]:
        answer = sign_in(make_user()).post("/logout/", {"next": payload})
        assert answer["Location"] == "/login/", payload


@pytest.mark.proves("B16")
def test_a_good_next_survives_password_mailbox_set_up_and_codes(
    northwind: Account, ada: User, clock: Clock
) -> None:
    overdue(northwind, clock)
    client = browser()
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    sign_in(ada, client=client, next_url=GOOD)
    page = client.get("/two-factor/setup/app/")
    code = pyotp.TOTP(page.context["secret"]).at(timezone.now())
    shown = client.post("/two-factor/setup/app/", {"code": code})
    assert len(shown.context["codes"]) == 10
    assert 'value="/settings/?x=1&amp;y=2"' in shown.content.decode()
    answer = client.post("/two-factor/backup-codes/", {"saved": "on", "next": GOOD})
    assert answer["Location"] == GOOD


@pytest.mark.proves("B08")
def test_two_things_to_do_are_done_one_after_the_other(
    northwind: Account, ada: User, clock: Clock
) -> None:
    overdue(northwind, clock)
    User.objects.filter(pk=ada.pk).update(password_stopped_at=clock.now)
    fields = {"email": ada.email, "password": PASSWORD}
    assert browser().post("/login/", fields).status_code == 403  # says to choose a new one
    ada.refresh_from_db()
    passwords.reset_password(user=ada, password=PASSWORD, now=clock.now)
    client = browser()
    answer = client.post("/login/", {**fields, "next": "/"}, follow=True)
    assert answer.status_code == 200
    assert len(answer.redirect_chain) <= 3
    assert answer.request["PATH_INFO"] == "/two-factor/setup/mailbox/"


@pytest.mark.proves("B22")
def test_the_only_owner_who_locked_everybody_out_gets_back_to_the_switch(
    northwind: Account, owner: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    clock.forward(days=2)
    client = browser()
    client.get(mailbox.make_link(owner, now=clock.now).removeprefix("http://testserver"))
    sign_in(owner, client=client)
    assert client.get("/login/help/").status_code == 200
    page = client.get("/two-factor/setup/app/")
    code = pyotp.TOTP(page.context["secret"]).at(timezone.now())
    client.post("/two-factor/setup/app/", {"code": code})
    switch = requirement_page(northwind)
    assert client.get(switch).status_code == 200
    assert Membership.objects.filter(account=northwind).count() == 2


@pytest.mark.proves("B15")
def test_a_note_of_a_set_up_that_lacks_a_part_is_begun_anew(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = sign_in(ada)
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    assert client.get("/two-factor/setup/app/").status_code == 200
    kept = dict(client.session["setup"])
    for part in kept:
        session = client.session
        session["setup"] = {name: value for name, value in kept.items() if name != part}
        session.save()
        answer = client.get("/two-factor/setup/app/", follow=True)
        assert answer.status_code == 200, part
        assert TOTPDevice.objects.confirmed().count() == 0


# Invitations of others.


@pytest.mark.proves("S46", "B95")
@pytest.mark.parametrize(
    "email",
    ["ada@northwind.example", "guest+x@elsewhere.example", "guest@elsewhere.example.evil.example"],
)
def test_whoever_is_signed_in_as_another_joins_by_no_link_and_no_field(
    email: str, northwind: Account, owner: User, clock: Clock
) -> None:
    elsewhere = make_account("elsewhere", owner=make_user("boss@elsewhere.example"))
    person = User.objects.filter(email=email).first() or make_user(email)
    found = invitations.invite(
        account=northwind,
        email="guest@elsewhere.example",
        role=Role.MEMBER,
        actor=owner,
        now=clock.now,
    )
    before = set(Membership.objects.values_list("account", "user", "role"))
    client = sign_in(person)
    link = invitations.link_of(found.pk).removeprefix("http://testserver")
    tampered = {"role": "owner", "account": elsewhere.pk, "email": email, "name": "x"}
    for answer in (client.get(link), client.post(link, tampered)):
        assert answer.status_code == 200
    client.post("/invitations/continue/", tampered)
    assert set(Membership.objects.values_list("account", "user", "role")) == before


@pytest.mark.proves("S46", "B95")
def test_role_and_account_of_a_new_member_come_from_the_invitation(
    northwind: Account, owner: User, clock: Clock
) -> None:
    elsewhere = make_account("elsewhere", owner=make_user("boss@elsewhere.example"))
    found = invitations.invite(
        account=northwind, email="Guest@X.example", role=Role.MEMBER, actor=owner, now=clock.now
    )
    link = invitations.link_of(found.pk).removeprefix("http://testserver")
    fields = {"name": "Gus", "password": "a long enough password", "role": "owner"}
    browser().post(link, {**fields, "account": elsewhere.pk, "email": "evil@x.example"})
    (joined,) = Membership.objects.filter(user__name="Gus")
    assert (joined.account, joined.role) == (northwind, Role.MEMBER)
    assert joined.user.email == "guest@x.example"


@pytest.mark.proves("B86")
def test_a_second_tab_at_the_code_page_gets_a_page_that_helps(clock: Clock) -> None:
    enrolled = enrolled_person()
    client = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    token = str(client.get("/login/").context["csrf_token"])
    fields = {"email": enrolled.user.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    client.post("/login/", fields)
    one, two = (str(client.get("/login/verify/").context["csrf_token"]) for _ in range(2))
    code = enrolled.code_at(clock.now)
    answer = client.post("/login/verify/", {"code": code, "csrfmiddlewaretoken": one})
    assert answer.status_code == 302
    late = client.post("/login/verify/", {"code": code, "csrfmiddlewaretoken": two})
    assert late.status_code == 403
    assert 'href="/"' in late.content.decode()
    assert is_in(client)


# A slow request, in a thread of its own.


@pytest.mark.postgres
@pytest.mark.proves("B80")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("engine", ["accounts.session_db", "accounts.session_cached_db"])
@pytest.mark.parametrize("how", ["logout", "end_one", "everywhere"])
def test_a_slow_request_in_a_thread_brings_no_session_back(
    engine: str, how: str, settings: Settings
) -> None:
    settings.SESSION_ENGINE = engine
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(request: HttpRequest) -> HttpResponse:
        request.session["x"] = "written late"
        has_begun.set()
        assert may_end.wait(60)
        return HttpResponse("done")

    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("slow/", slow), *product_urls]})
    person = make_user()
    client = sign_in(person)
    key = client.cookies["gatehouse_session"].value

    def ask() -> Any:
        other = Client(raise_request_exception=False, headers=PAGE)
        other.cookies["gatehouse_session"] = key
        return other.get("/slow/").status_code

    def end() -> Any:
        assert has_begun.wait(60)
        ENDINGS[how](client, person, key)
        may_end.set()
        return None

    at_once([ask, end])
    replayed = browser()
    replayed.cookies["gatehouse_session"] = key
    assert not is_in(replayed)
    assert not (how != "everywhere" and Session.objects.filter(session_key=key).exists())


def sign_out_here(client: Client, person: User, key: str) -> None:
    client.post("/logout/")


def end_one(client: Client, person: User, key: str) -> None:
    sessions.end_one(Session.objects.get(session_key=key))


def end_everywhere(client: Client, person: User, key: str) -> None:
    sessions.end_everything(User.objects.get(pk=person.pk))


ENDINGS: dict[str, Callable[[Client, User, str], None]] = {
    "logout": sign_out_here,
    "end_one": end_one,
    "everywhere": end_everywhere,
}
