"""J7: phone and backup codes are gone, and support grants a pass for 24 hours."""

import pytest

from accounts.models import Membership
from enforcement.models import Pass, PassRequest
from tests.enforcement.desk import person_page
from tests.factories import make_user
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.driver import (
    LOGIN,
    RECOVERY,
    SETUP,
    SETUP_MAILBOX,
    VERIFY,
    Browser,
)
from tests.journeys.passes import REASON, grant
from tests.journeys.post import SETUP_LINK, link_in, mails_to, run_jobs, the_mail
from tests.journeys.world import Northwind, Phone, enrol

HELP = "/login/help/"
GRANTED, ENDED = "You have a 24-hour pass", "Your pass has ended"
ASKS = "Ada Lovelace asks for a 24-hour pass"
WHY_ENDED = "You were signed out: your pass has ended."
WHY_REVOKED = "You were signed out: your pass was ended early."


@pytest.fixture
def ada(northwind: Northwind, phone: Phone) -> Browser:
    """Ada at the page that asks for a code."""
    browser = Browser(northwind.ada)
    assert browser.give_password().path == VERIFY
    return browser


@pytest.fixture
def support(northwind: Northwind, phone: Phone, support: Browser) -> Browser:
    """Support staff, who come to work after all that."""
    return support


def give_backup_code(browser: Browser, code: str) -> None:
    browser.open(RECOVERY)
    browser.submit(RECOVERY, code=code)


def test_asking_tells_ada_her_admins_and_support_and_lets_nobody_in(
    ada: Browser, northwind: Northwind, support: Browser
) -> None:
    assert ada.follow("I can't use any of these").path == HELP
    assert "Tell support which address you can read." not in ada.page.text
    page = ada.submit(HELP, message="The phone fell into the canal, the codes with it.")
    assert "Your request is with support" in page.text
    assert not ada.is_in
    ada.open(HELP)
    ada.forge(HELP, message="Hello?")
    assert PassRequest.objects.filter(user=northwind.ada, closed_at=None).count() == 1
    run_jobs()
    assert len(mails_to(ada.email, "pass")) == 1
    for manager in (northwind.owner, northwind.admin):
        mail = the_mail(manager.email, ASKS)
        assert "fell into the canal" in str(mail.body)
        assert "/accounts/northwind/" in str(mail.body)
    assert not mails_to(northwind.ben.email, ASKS)
    desk = support.open("/admin/")
    assert "Ada Lovelace , waiting for 0 minutes" in desk.text
    assert support.follow("Ada Lovelace").path == person_page(northwind.ada)


@pytest.mark.every_server
def test_support_grants_and_for_24_hours_the_password_alone_lets_in(
    ada: Browser, northwind: Northwind, support: Browser, clock: Clock
) -> None:
    ada.follow("I can't use any of these")
    ada.submit(HELP, message="")
    clock.forward(minutes=5)
    started = clock.now
    granted = grant(support, northwind.ada)
    assert granted.until == started + DAY
    assert not PassRequest.objects.filter(closed_at=None).exists()
    run_jobs()
    mail = str(the_mail(ada.email, GRANTED).body)
    assert "Saturday, 28 November 2026, 10:35:10 UTC" in mail
    assert REASON in mail
    assert len(mails_to(northwind.owner.email, "pass")) == 2  # asked, granted

    here, there = Browser(northwind.ada), Browser(northwind.ada)
    assert here.give_password().path == "/"
    assert "until Sat 28 Nov 2026, 10:35 UTC your password alone signs you in" in here.page.banner
    assert "You have 1 day left to set up" in here.page.banner
    assert here.page.link("Set it up now") == SETUP
    clock.forward(hours=1)
    for path in ("/", "/accounts/northwind/", "/settings/security/"):
        assert "23 hours left" in here.open(path).banner
    here.sign_out()
    clock.forward(hours=11)
    here.give_password()
    assert "12 hours left" in here.page.banner
    there.give_password()

    clock.set(granted.until - MS)
    assert "less than a minute left" in here.open("/").banner
    assert there.is_in
    clock.set(granted.until)
    for browser in (here, there):  # no job has run
        assert browser.call("/")[1]["code"] == "signed_out_pass_ended"
        assert browser.open("/settings/").path == LOGIN
        assert WHY_ENDED in browser.page.text


@pytest.mark.parametrize("jobs_run", [True, False], ids=["jobs ran", "all jobs dead"])
def test_after_the_pass_the_next_sign_in_leads_to_set_up_and_the_old_set_is_void(
    jobs_run: bool, northwind: Northwind, phone: Phone, granted: Pass, clock: Clock
) -> None:
    ada = Browser(northwind.ada, secret=phone.secret)
    ada.give_password()
    clock.set(granted.until)
    if jobs_run:
        run_jobs()
    ada.open("/")
    assert ada.give_password().path == SETUP_MAILBOX
    assert not ada.is_in
    assert ada.open(VERIFY).path in {SETUP, SETUP_MAILBOX}  # no old code is asked for
    assert ada.open(RECOVERY).path in {SETUP, SETUP_MAILBOX}
    ada.open(SETUP_MAILBOX)
    ada.set_up_app()
    assert ada.secret != phone.secret
    assert ada.is_in
    run_jobs()
    run_jobs()
    assert len(mails_to(ada.email, ENDED)) == 1
    granted.refresh_from_db()
    assert granted.closed_as == "ran_out"

    ada.sign_out()
    clock.forward(seconds=30)
    old = Browser(northwind.ada, secret=phone.secret)
    old.sign_in()
    give_backup_code(old, phone.codes[0])
    assert not old.is_in
    ada.sign_in()
    assert ada.is_in


def test_a_pass_that_ended_leads_to_set_up_though_the_deadline_lies_ahead(
    northwind: Northwind, clock: Clock
) -> None:
    root = make_user("root@gatehouse.example", is_staff=True, is_superuser=True)
    support = Browser(root, secret=enrol(root, clock=clock).secret)
    support.sign_in()
    enrol(northwind.ada, clock=clock)
    granted = grant(support, northwind.ada)
    clock.forward(hours=1)
    policy = northwind.require()
    ada = Browser(northwind.ada)
    ada.give_password()
    assert ada.is_in
    clock.set(granted.until)
    assert policy.deadline > clock.now
    assert ada.open("/").path == LOGIN
    assert ada.give_password().path == SETUP_MAILBOX
    assert not ada.is_in


def test_a_pass_that_ended_leaves_alone_whom_nothing_binds(
    northwind: Northwind, granted: Pass, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    ada.give_password()
    northwind.release()
    clock.set(granted.until)
    assert ada.open("/").path == LOGIN
    assert ada.give_password().path == "/"
    assert ada.page.banner == ""


def test_an_hour_before_the_end_ada_is_told(
    northwind: Northwind, granted: Pass, clock: Clock
) -> None:
    run_jobs()
    before = len(mails_to(northwind.ada.email))
    clock.set(granted.until)
    clock.forward(hours=-1)
    clock.set(clock.now - MS)
    run_jobs()
    assert len(mails_to(northwind.ada.email)) == before
    clock.set(clock.now + MS)
    run_jobs()
    run_jobs()
    assert len(mails_to(northwind.ada.email)) == before + 1


def by_support(support: Browser, northwind: Northwind, ada: Browser, clock: Clock) -> None:
    support.open("/")  # an idle half hour has signed staff out
    support.sign_in()
    support.open(person_page(northwind.ada))
    support.follow("Revoke")
    support.submit(person_page(northwind.ada, "pass_revoke"))


def by_the_person(support: Browser, northwind: Northwind, ada: Browser, clock: Clock) -> None:
    ada.open("/")
    ada.submit("/pass/end/")


def by_the_owner(support: Browser, northwind: Northwind, ada: Browser, clock: Clock) -> None:
    owner = Browser(northwind.owner, secret=enrol(northwind.owner, clock=clock).secret)
    owner.sign_in()
    link = link_in(mails_to(northwind.owner.email, "pass")[-1], "/pass/")
    assert Pass.objects.filter(closed_at=None).exists()
    owner.open(link)
    assert Pass.objects.filter(closed_at=None).exists()  # looking ends nothing
    owner.submit(link)


REVOKERS = {"support": by_support, "the person": by_the_person, "an owner": by_the_owner}


@pytest.mark.parametrize("revoker", REVOKERS)
def test_revoked_early_the_old_phone_and_codes_work_again(
    revoker: str,
    northwind: Northwind,
    phone: Phone,
    granted: Pass,
    support: Browser,
    clock: Clock,
) -> None:
    ada, other = Browser(northwind.ada, secret=phone.secret), Browser(northwind.ada)
    ada.give_password()
    other.give_password()
    run_jobs()
    clock.forward(hours=1)
    REVOKERS[revoker](support, northwind, ada, clock)
    granted.refresh_from_db()
    assert (granted.closed_as, granted.closed_at) == ("revoked", clock.now)

    assert other.open("/settings/").path == LOGIN
    assert WHY_REVOKED in other.page.text
    assert other.call("/")[1]["code"] == "signed_out"
    ada.client.cookies.clear()
    ada.open("/")
    assert ada.give_password().path == VERIFY
    assert not ada.is_in
    assert ada.give_code().path == "/"
    assert "your password alone signs you in" not in ada.page.banner
    other.give_password()
    give_backup_code(other, phone.codes[0])
    assert other.is_in
    clock.set(granted.until)
    assert ada.is_in  # the end that was not reached means nothing any more


def test_while_the_pass_runs_the_old_phone_and_codes_rest(
    northwind: Northwind, phone: Phone, granted: Pass
) -> None:
    ada = Browser(northwind.ada, secret=phone.secret)
    assert ada.give_password().path == "/"
    assert "old devices and backup codes rest" in ada.open("/settings/security/").text
    assert ada.open(VERIFY).path == "/"


def test_set_up_during_the_pass_keeps_ada_in_and_ends_it(
    northwind: Northwind, phone: Phone, granted: Pass, clock: Clock
) -> None:
    run_jobs()
    ada, other = Browser(northwind.ada), Browser(northwind.ada)
    other.give_password()
    clock.forward(hours=2)
    ada.give_password()
    ada.open(link_in(the_mail(ada.email, GRANTED), SETUP_LINK))
    assert ada.page.path == SETUP
    ada.set_up_app()
    assert ada.is_in
    assert "your password alone signs you in" not in ada.open("/").banner
    granted.refresh_from_db()
    assert (granted.closed_as, granted.closed_at) == ("set_up", clock.now)
    assert other.open("/").path == LOGIN  # every other browser gives a code from here on

    clock.set(granted.until + MS)
    run_jobs()
    assert ada.is_in
    assert not mails_to(ada.email, ENDED)
    old = Browser(northwind.ada, secret=phone.secret)
    old.sign_in()
    give_backup_code(old, phone.codes[0])
    assert not old.is_in
    ada.sign_out()
    ada.sign_in()
    assert ada.is_in


def test_a_person_in_set_up_who_can_not_read_the_mailbox_gets_help_too(
    northwind: Northwind, support: Browser
) -> None:
    ben = Browser(northwind.ben)
    assert ben.give_password().path == SETUP_MAILBOX
    ben.follow("I can't read this mailbox")
    assert "Tell support which address you can read." in ben.page.text
    ben.submit(HELP, message="New mail provider.")
    grant(support, northwind.ben)
    assert ben.open("/").path == "/"  # the next request lets him in
    assert "your password alone signs you in" in ben.page.banner


def test_leaving_the_account_does_not_prolong_a_pass(
    northwind: Northwind, granted: Pass, clock: Clock
) -> None:
    ada = Browser(northwind.ada)
    ada.give_password()
    Membership.objects.filter(user=northwind.ada).delete()
    assert ada.is_in
    clock.set(granted.until)
    assert not ada.is_in
    assert ada.give_password().path == "/"  # nothing binds her any more
