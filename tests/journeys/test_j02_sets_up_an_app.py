"""J2: a member in the window sets up an authenticator app."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from accounts.models import Session
from tests.journeys import qr
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import (
    BACKUP_CODES,
    LOGIN,
    SETUP,
    SETUP_APP,
    SETUP_MAILBOX,
    VERIFY,
    Browser,
)
from tests.journeys.post import SETUP_LINK, link_in, run_jobs, subjects, the_mail
from tests.journeys.world import Northwind

PAGES = [
    "/",
    "/accounts/northwind/",
    "/accounts/northwind/leave/",
    "/settings/",
    "/settings/email/",
    "/settings/password/",
    "/settings/delete/",
    "/settings/security/",
    "/two-factor/setup/",
    "/two-factor/setup/mailbox/",
    "/two-factor/backup-codes/",
    "/reauthenticate/",
    "/invitations/continue/",
]
SHOW_NO_CODES = [BACKUP_CODES, "/settings/security/", "/", SETUP]


@pytest.fixture
def ada(northwind: Northwind) -> Browser:
    """Ada, signed in a minute after the requirement was switched on."""
    northwind.require()
    northwind.clock.forward(minutes=1)
    browser = Browser(northwind.ada)
    browser.sign_in()
    return browser


def follow_the_mail(browser: Browser) -> None:
    """Open the link of the mail about the requirement."""
    run_jobs()
    mail = the_mail(browser.email, "asks you to set up two-factor authentication")
    browser.open(link_in(mail, SETUP_LINK))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_how_long_is_left_and_where_to_set_up(path: str, ada: Browser) -> None:
    page = ada.open(path)
    assert page.status == 200
    assert "Northwind will ask you for two-factor authentication from" in page.banner
    assert "Thu 26 Nov 2026, 10:30 UTC" in page.banner
    assert "You have 23 hours, 59 minutes left" in page.banner
    if not path.startswith(SETUP):  # where it is done there is no other way to it
        assert page.link("Set it up now") == SETUP


def test_the_time_left_goes_down_to_the_last_millisecond(ada: Browser, clock: Clock) -> None:
    clock.forward(hours=21, minutes=29)
    assert "You have 2 hours, 30 minutes left" in ada.open("/").banner
    clock.forward(hours=2, minutes=30)
    clock.set(clock.now - MS)
    assert "You have less than a minute left" in ada.open("/").banner


@pytest.mark.proves("B66", "B68")
def test_the_picture_holds_the_key_that_can_be_typed(ada: Browser) -> None:
    follow_the_mail(ada)
    page = ada.choose("app")
    uri = qr.decode(qr.matrix_of(page.html))
    given = parse_qs(urlsplit(uri).query)
    assert uri == page.link("Open my authenticator app")
    assert urlsplit(uri)[:2] == ("otpauth", "totp")
    assert unquote(urlsplit(uri).path) == f"/Gatehouse:{ada.email}"
    assert given["issuer"] == ["Gatehouse"]
    assert given["secret"] == [ada.scan()]
    assert len(ada.secret) * 5 == 160
    groups = [ada.secret[at : at + 4] for at in range(0, 32, 4)]
    assert page.by_class("secret") == [" ".join(groups)]


@pytest.mark.proves("S13", "B40", "B57")
@pytest.mark.every_server
def test_ada_sets_up_her_app_and_signs_in_with_it(ada: Browser, clock: Clock) -> None:
    follow_the_mail(ada)
    assert ada.page.path == SETUP
    page = ada.choose("app")
    assert page.path == SETUP_APP  # the mail's link proved the mailbox: nothing more is asked
    ada.secret = parse_qs(urlsplit(qr.decode(qr.matrix_of(page.html))).query)["secret"][0]

    confirming = ada.code()
    page = ada.submit(SETUP_APP, code=confirming)
    codes = ada.backup_codes()
    assert page.status == 200
    assert len(set(codes)) == 10
    assert "no-store" in page.response["Cache-Control"]

    assert "Have you saved your backup codes?" in ada.open("/").banner
    ada.submit(BACKUP_CODES, saved="on")
    assert ada.open("/").banner == ""

    ada.sign_out()
    assert not ada.is_in
    ada.give_password()
    assert ada.page.path == VERIFY
    assert not ada.is_in
    ada.open(VERIFY)
    assert "This code was used already" in ada.give_code(confirming).text
    clock.forward(seconds=30)
    assert ada.give_code().path == "/"
    assert ada.page.banner == ""
    run_jobs()
    assert "Two-factor authentication is set up" in " ".join(subjects(ada.email))


@pytest.mark.proves("S24", "B57")
def test_the_ten_codes_are_shown_once_and_kept_in_no_session(ada: Browser) -> None:
    follow_the_mail(ada)
    codes = ada.set_up_app()
    for path in SHOW_NO_CODES:
        page = ada.open(path)
        assert not page.by_class("backup-code")
        assert not [code for code in codes if code in page.html]
    ada.open(BACKUP_CODES)
    assert "You have 10 unused backup codes" in ada.page.text
    sessions = Session.objects.values_list("session_data", flat=True)
    stored = str([ada.session.decode(data) for data in sessions])
    assert "password_at" in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_who_did_not_come_by_the_mail_proves_the_mailbox_by_a_code(ada: Browser) -> None:
    ada.open(SETUP)
    page = ada.submit(SETUP, method="app")
    assert page.path == SETUP_MAILBOX
    assert ada.open(SETUP_APP).path == SETUP  # no key before the mailbox is proved
    ada.submit(SETUP, method="app")
    code = ada.read_mailed_code()
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert "This code is not right" in ada.submit(SETUP_MAILBOX, code=wrong).text
    assert ada.submit(SETUP_MAILBOX, code=code).path == SETUP_APP
    assert len(ada.set_up_app()) == 10


@pytest.mark.proves("B59")
def test_a_typo_a_refresh_and_a_second_tab_keep_the_key(ada: Browser) -> None:
    follow_the_mail(ada)
    ada.choose("app")
    key = ada.scan()
    right = ada.code()
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    assert "This code is not right" in ada.submit(SETUP_APP, code=wrong).text
    assert ada.scan() == key
    assert ada.open(SETUP_APP).attribute("totp-secret", "data-secret") == key
    ada.open(SETUP)
    ada.choose("app")
    assert ada.scan() == key
    ada.submit(SETUP_APP, code=f" {right[:3]} {right[3:]} ")
    ada.backup_codes()


def test_set_up_signs_the_other_browsers_out_and_says_why(
    ada: Browser, northwind: Northwind
) -> None:
    other = Browser(northwind.ada)
    other.sign_in()
    assert other.is_in
    follow_the_mail(ada)
    ada.set_up_app()
    assert ada.is_in
    page = other.open("/settings/")
    assert page.path == LOGIN
    assert "two-factor authentication was set up in another browser" in page.text


@pytest.mark.proves("S13", "B61")
def test_cancelled_or_unfinished_set_up_verifies_nothing(ada: Browser, clock: Clock) -> None:
    follow_the_mail(ada)
    ada.choose("app")
    ada.scan()
    assert "will ask you for two-factor authentication" in ada.open("/").banner
    ada.sign_out()
    ada.give_password()
    assert ada.page.path == "/"  # still the password alone: nothing was confirmed
    assert "will ask you for two-factor authentication" in ada.page.banner
