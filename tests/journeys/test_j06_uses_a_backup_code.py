"""J6: the phone is lost, and a backup code opens the door."""

from collections.abc import Callable

import pytest

from enforcement.models import Policy
from tests.journeys.clock import Clock
from tests.journeys.driver import BACKUP_CODES, RECOVERY, SETUP, SETUP_APP, VERIFY, Browser
from tests.journeys.post import mails_to, run_jobs, the_mail
from tests.journeys.world import Northwind, Phone, enrol

USED = "A backup code was used to sign in"
REPLACE = "/two-factor/replace/"


@pytest.fixture
def phone(northwind: Northwind, policy: Policy, clock: Clock) -> Phone:
    """What Ada held until a moment ago: now only the printed codes are left."""
    return enrol(northwind.ada, clock=clock)


@pytest.fixture
def ada(northwind: Northwind, phone: Phone, clock: Clock) -> Browser:
    """Ada, two days later, at the page that asks for a code which she can't read."""
    clock.forward(days=2)
    browser = Browser(northwind.ada)
    assert browser.give_password().path == VERIFY
    return browser


def give_backup_code(browser: Browser, code: str) -> None:
    """From the code page, or from the page for backup codes itself."""
    if browser.page.path != RECOVERY:
        browser.follow("Enter recovery code")
    browser.submit(RECOVERY, code=code)


@pytest.mark.proves("S23")
@pytest.mark.every_server
def test_a_backup_code_lets_in_once_and_the_mail_says_how_many_are_left(
    ada: Browser, phone: Phone
) -> None:
    give_backup_code(ada, phone.codes[0])
    assert ada.page.path == REPLACE
    assert "9 are left" in ada.page.text
    assert ada.is_in
    assert ada.follow("Later").path == "/"
    run_jobs()
    assert "Codes left: 9" in str(the_mail(ada.email, USED).body)

    ada.sign_out()
    ada.give_password()
    give_backup_code(ada, phone.codes[0])
    assert ada.page.path == RECOVERY
    assert "This backup code was used already" in ada.page.text
    assert not ada.is_in
    run_jobs()
    assert len(mails_to(ada.email, USED)) == 1

    give_backup_code(ada, phone.codes[1])
    assert ada.is_in
    run_jobs()
    assert "Codes left: 8" in str(mails_to(ada.email, USED)[-1].body)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is printed": lambda code: code,
    "in lower case": lambda code: code.lower(),
    "without dashes": lambda code: code.replace("-", ""),
    "with spaces": lambda code: f"  {code.replace('-', ' ')} ",
    "with its number in the list": lambda code: f"7. {code}",
}


@pytest.mark.proves("B56")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_case_spaces_and_dashes_do_not_matter(spelling: str, ada: Browser, phone: Phone) -> None:
    give_backup_code(ada, SPELLINGS[spelling](phone.codes[6]))
    assert ada.page.path == REPLACE


def test_where_ada_was_going_survives_the_detour(
    northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    browser = Browser(northwind.ada)
    browser.open("/accounts/northwind/?a=1&b=2")
    browser.give_password()
    give_backup_code(browser, phone.codes[0])
    later = browser.follow("Later")
    assert later.path == "/accounts/northwind/"
    assert later.response.request["QUERY_STRING"] == "a=1&b=2"


@pytest.mark.proves("S06")
def test_somebody_elses_code_opens_nothing(
    ada: Browser, northwind: Northwind, phone: Phone, clock: Clock
) -> None:
    others = enrol(northwind.ben, clock=clock)
    give_backup_code(ada, others.codes[0])
    assert "This is none of your backup codes" in ada.page.text
    assert not ada.is_in
    ben = Browser(northwind.ben)
    ben.give_password()
    give_backup_code(ben, others.codes[0])
    assert ben.is_in


def test_a_backup_code_is_no_answer_to_the_code_page(ada: Browser, phone: Phone) -> None:
    ada.give_code(phone.codes[0])
    assert ada.page.path == VERIFY
    assert not ada.is_in
    give_backup_code(ada, phone.codes[0])
    assert ada.is_in


@pytest.mark.proves("S24")
def test_with_few_codes_left_the_mail_asks_to_make_new_ones(ada: Browser, phone: Phone) -> None:
    for code in phone.codes[:6]:
        give_backup_code(ada, code)
        ada.sign_out()
        ada.give_password()
    run_jobs()
    assert "That is not many" not in str(mails_to(ada.email, USED)[-1].body)
    give_backup_code(ada, phone.codes[6])
    run_jobs()
    latest = str(mails_to(ada.email, USED)[-1].body)
    assert "Codes left: 3" in latest
    assert "That is not many" in latest


@pytest.mark.proves("B64")
def test_the_lost_phone_is_replaced_at_once(ada: Browser, phone: Phone, clock: Clock) -> None:
    give_backup_code(ada, phone.codes[0])
    assert ada.follow("Set up a new device").path == SETUP
    ada.choose("app")
    assert ada.page.path == SETUP_APP  # the backup code stands for the factor that was asked
    new_codes = ada.set_up_app()
    assert ada.is_in
    ada.sign_out()
    clock.forward(seconds=30)

    ada.give_password()
    give_backup_code(ada, phone.codes[1])
    assert not ada.is_in  # the old set went with the old phone
    old = Browser(ada.email, secret=phone.secret)
    old.sign_in()
    assert not old.is_in
    ada.open(VERIFY)
    ada.give_code()
    assert ada.is_in
    assert len(set(new_codes) | set(phone.codes)) == 20


def test_the_old_phone_counts_until_the_new_one_is_proved(
    ada: Browser, northwind: Northwind, phone: Phone
) -> None:
    give_backup_code(ada, phone.codes[0])
    ada.follow("Set up a new device")
    ada.choose("app")
    found = Browser(northwind.ada, secret=phone.secret)
    found.sign_in()
    assert found.is_in


@pytest.mark.proves("S24")
def test_new_codes_make_the_old_ones_void(ada: Browser, phone: Phone) -> None:
    give_backup_code(ada, phone.codes[0])
    ada.open(BACKUP_CODES)
    ada.submit(BACKUP_CODES, new="on")
    new = ada.backup_codes()
    ada.sign_out()
    ada.give_password()
    give_backup_code(ada, phone.codes[1])
    assert not ada.is_in
    give_backup_code(ada, new[0])
    assert ada.is_in
