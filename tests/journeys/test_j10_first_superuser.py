"""J10: an empty database, its first superuser, and staff who lost their phone."""

from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, User
from enforcement.models import Pass
from tests.factories import PASSWORD, make_user
from tests.journeys.clock import DAY, MS, Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_MAILBOX, VERIFY, Browser
from tests.journeys.post import run_jobs
from tests.journeys.world import Phone, enrol

pytestmark = pytest.mark.django_db

ROOT = "root@gatehouse.example"
ADMIN = "/admin/"
CLOSED = ["/admin/", "/admin/accounts/account/", "/admin/accounts/user/", "/"]


@pytest.fixture
def root(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """The superuser whom the operator made on an empty database."""
    assert not User.objects.exists()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email=ROOT, interactive=False, verbosity=0)
    return Browser(ROOT)


@pytest.fixture
def sam(clock: Clock) -> User:
    return make_user("sam@gatehouse.example", name="Sam Support", is_staff=True)


@pytest.fixture
def phone(sam: User, clock: Clock) -> Phone:
    return enrol(sam, clock=clock)


def said(*command: str) -> str:
    """Run a command as the operator does, and return what it printed."""
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue().strip()


@pytest.mark.every_server
def test_the_first_superuser_comes_into_the_admin_through_set_up(
    root: Browser, clock: Clock
) -> None:
    assert root.open(ADMIN).path == LOGIN
    link = said("setup_link", ROOT)
    assert link.startswith("http://testserver/two-factor/setup/link/")
    assert root.open(link.removeprefix("http://testserver")).path == LOGIN
    assert root.give_password().path == SETUP
    assert not root.is_in
    root.set_up_app()
    assert root.is_in
    assert root.follow("Continue without saving them").path == "/"
    assert not mail.outbox  # nothing on this machine can mail yet
    assert root.open(ADMIN).status == 200
    assert root.page.path == ADMIN

    root.sign_out()
    clock.forward(seconds=30)
    assert root.open(ADMIN).path == LOGIN
    assert root.give_password().path == VERIFY
    assert root.give_code().path == ADMIN
    assert root.page.status == 200


@pytest.mark.parametrize("path", CLOSED)
def test_the_password_alone_opens_no_page_of_the_admin(path: str, root: Browser) -> None:
    root.open(path)
    root.give_password()
    assert root.page.path == SETUP_MAILBOX
    assert root.open(path).path in {SETUP, SETUP_MAILBOX}
    assert root.call(path)[0] == 401


def test_where_mail_works_the_mailed_code_does_as_well(root: Browser) -> None:
    root.open(ADMIN)
    assert root.give_password().path == SETUP_MAILBOX
    root.set_up_app()
    assert root.follow("Continue without saving them").path == ADMIN


@pytest.mark.parametrize(
    ("late", "is_good"), [(-MS, True), (0 * MS, False)], ids=["within a week", "a week old"]
)
def test_the_printed_link_is_good_for_seven_days_and_one_set_up(
    late: object, is_good: bool, root: Browser, clock: Clock
) -> None:
    link = said("setup_link", ROOT).removeprefix("http://testserver")
    clock.set(clock.now.replace(microsecond=0) + 7 * DAY + late)  # type: ignore[operator]
    assert root.open(link).status == (200 if is_good else 410)
    if is_good:
        root.give_password()
        root.set_up_app()
        assert Browser(ROOT).open(link).status == 410


def test_a_link_for_somebody_unknown_is_one_line_on_stderr(root: Browser) -> None:
    with pytest.raises(CommandError) as error:
        call_command("setup_link", "nobody@gatehouse.example")
    assert "nobody@gatehouse.example" in str(error.value)


def test_staff_without_a_phone_come_in_by_the_operators_pass_but_not_into_the_admin(
    sam: User, phone: Phone, clock: Clock
) -> None:
    browser = Browser(sam)
    browser.give_password()
    assert browser.page.path == VERIFY
    said("grant_pass", sam.email, "--reason", "Lost the phone; seen in person.")
    granted = Pass.objects.get(user=sam)
    assert (granted.until, granted.granted_by) == (clock.now + DAY, None)

    assert browser.open("/").path == "/"
    assert browser.page.status == 200
    assert "your password alone signs you in" in browser.page.banner
    for path in CLOSED[:-1]:
        assert browser.open(path).status == 403

    browser.open(SETUP)
    browser.set_up_app()
    assert browser.open(ADMIN).status == 200
    run_jobs()
    granted.refresh_from_db()
    assert granted.closed_as == "set_up"


def test_staff_on_a_pass_are_out_at_its_end_and_meet_set_up(
    sam: User, phone: Phone, clock: Clock
) -> None:
    said("grant_pass", sam.email, "--reason", "Lost the phone.")
    clock.forward(hours=23, minutes=45)
    browser = Browser(sam)
    browser.give_password()
    clock.forward(minutes=15)
    clock.set(clock.now - MS)
    assert browser.is_in
    clock.set(clock.now + MS)
    assert browser.call("/")[1]["code"] == "signed_out_pass_ended"
    browser.open(ADMIN)
    assert browser.give_password().path == SETUP_MAILBOX
    browser.set_up_app()
    assert browser.open(ADMIN).status == 200


def test_the_operator_takes_a_pass_back_and_the_phone_counts_again(
    sam: User, phone: Phone, clock: Clock
) -> None:
    said("grant_pass", sam.email, "--reason", "Lost the phone.")
    browser = Browser(sam, secret=phone.secret)
    browser.give_password()
    said("revoke_pass", sam.email)
    assert not browser.is_in
    browser.sign_in()
    assert browser.open(ADMIN).status == 200


def test_a_pass_without_a_reason_is_refused(sam: User, phone: Phone) -> None:
    with pytest.raises(CommandError):
        call_command("grant_pass", sam.email)
    with pytest.raises(CommandError, match="reason"):
        call_command("grant_pass", sam.email, "--reason", "  ")
    assert not Pass.objects.exists()


def test_the_audit_has_who_was_given_a_link_but_not_the_link(root: Browser) -> None:
    token = said("setup_link", ROOT).rstrip("/").rsplit("/", 1)[1]
    row = AuditEvent.objects.get(event="setup_link_made")
    assert (row.actor_id, row.subject_id) == (None, User.objects.get(email=ROOT).pk)
    assert token not in str(list(AuditEvent.objects.values()))
