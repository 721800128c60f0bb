"""J13: Dan has a personal address in Northwind, and moves that one membership to a work address."""

from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import Account, Membership, Notice, User
from enforcement import policies
from enforcement.models import Policy
from tests.journeys.clock import Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_MAILBOX, Browser
from tests.journeys.post import link_in, mails_to, run_jobs, the_mail
from twofactor.models import TOTPDevice

pytestmark = pytest.mark.django_db

HOME, WORK = "dan@personal.example", "dan.doe@northwind.example"
EMAIL = "/settings/email/"
NEW_PASSWORD = "a horse of another colour"


@pytest.fixture
def dan(clock: Clock, settings: Any) -> Browser:
    """The demo's Dan, in the window, signed in at home in both of his accounts."""
    call_command("seed_demo")
    Notice.objects.all().delete()
    clock.forward(hours=1)
    browser = Browser(HOME, password=settings.DEMO_PASSWORD)
    northwind = Account.objects.get(slug="northwind")
    policies.switch_on(account=northwind, actor=None, reason="asked", now=clock.now)
    run_jobs()
    clock.forward(hours=1)
    browser.sign_in()
    return browser


@pytest.fixture
def policy(dan: Browser) -> Policy:
    return Policy.objects.get()


def move(dan: Browser, address: str = WORK) -> None:
    """Ask for the move; both mailboxes confirm, as Dan has no second factor to give."""
    dan.open(EMAIL)
    dan.prove_again()
    dan.submit(EMAIL, email=address, scope="northwind")
    run_jobs()
    for mailbox in (address, HOME):
        mail = [one for one in mails_to(mailbox) if "/settings/email/confirm/" in str(one.body)][-1]
        path = link_in(mail, "/settings/email/confirm/")
        dan.open(path)
        dan.submit(path)


def at_work(address: str = WORK) -> Browser:
    """Choose a password from the mail that came to the work address."""
    run_jobs()
    (mail,) = [one for one in mails_to(address) if "/password/reset/" in str(one.body)]
    browser = Browser(address, password=NEW_PASSWORD)
    browser.open(link_in(mail, r"/password/reset/\w"))
    browser.submit(browser.page.path, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    return browser


@pytest.mark.every_server
def test_it_makes_two_sign_ins_with_the_same_deadline(
    dan: Browser, policy: Policy, clock: Clock
) -> None:
    before = Membership.objects.get(user__email=HOME, account__slug="northwind")
    move(dan)
    after = Membership.objects.get(account__slug="northwind", user__email=WORK)
    assert (after.role, after.joined_at) == (before.role, before.joined_at)
    assert not Membership.objects.filter(user__email=HOME, account__slug="northwind").exists()
    assert set(User.objects.filter(email__in=[HOME, WORK]).values_list("email", flat=True)) == {
        HOME,
        WORK,
    }

    work = at_work()
    work.open(LOGIN)
    work.give_password()
    assert work.is_in, "the window is the same, and it is still open"
    assert "Northwind" in work.page.banner
    clock.set(policy.deadline)
    assert not work.is_in


def test_solo_opens_without_two_factor_authentication(
    dan: Browser, policy: Policy, clock: Clock
) -> None:
    move(dan)
    clock.set(policy.deadline)
    home = Browser(HOME, password=dan.password)
    home.give_password()
    assert home.open("/accounts/solo/").path == "/accounts/solo/"
    assert home.page.banner == ""
    assert home.first_answer("/accounts/northwind/").status_code == 404


def test_the_new_sign_in_sets_up_by_itself(dan: Browser, policy: Policy, clock: Clock) -> None:
    move(dan)
    clock.set(policy.deadline)
    work = at_work()
    work.open(LOGIN)
    work.give_password()
    assert work.page.path in {SETUP, SETUP_MAILBOX}
    work.set_up_app()
    assert work.open("/accounts/northwind/").path == "/accounts/northwind/"
    assert work.first_answer("/accounts/solo/").status_code == 404
    assert TOTPDevice.objects.get(confirmed=True).user.email == WORK


def test_both_mailboxes_and_the_owner_are_told(dan: Browser, policy: Policy) -> None:
    move(dan)
    run_jobs()
    told = "Your place in Northwind Films moved to another address"
    for mailbox in (HOME, WORK):
        assert the_mail(mailbox, told)
    owner = the_mail("owner@northwind.example", "A member of Northwind Films uses another address")
    assert WORK in str(owner.body)
    assert "/not-me/" in str(the_mail(HOME, told).body)


def test_until_both_have_confirmed_nothing_moves(dan: Browser, policy: Policy) -> None:
    """A stolen password could else take the place to a mailbox of the thief's."""
    dan.open(EMAIL)
    dan.prove_again()
    dan.submit(EMAIL, email=WORK, scope="northwind")
    run_jobs()
    path = link_in(mails_to(WORK)[-1], "/settings/email/confirm/")
    dan.open(path)
    dan.submit(path)
    assert Membership.objects.filter(user__email=HOME, account__slug="northwind").exists()
    assert not User.objects.filter(email=WORK).exists()


@pytest.mark.proves("B105")
def test_a_move_earns_no_second_window(dan: Browser, policy: Policy, clock: Clock) -> None:
    clock.set(policy.deadline)
    clock.forward(minutes=-1)
    dan.sign_out()
    dan.sign_in()
    move(dan)
    clock.set(policy.deadline)
    work = at_work()
    work.open(LOGIN)
    work.give_password()
    assert not work.is_in
