"""J5: an invitation into an account that requires two-factor authentication."""

from datetime import timedelta

import pytest

from accounts.models import Invitation, Membership, User
from enforcement.models import Policy
from tests.factories import make_account, make_user
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_APP, SETUP_MAILBOX, VERIFY, Browser
from tests.journeys.post import INVITATION, link_in, run_jobs, subjects, the_mail
from tests.journeys.world import Northwind, enrol

ACCOUNT = "/accounts/northwind/"
NEW = "nora@northwind.example"
CHOSEN = "a long enough secret"
SEVEN_DAYS = timedelta(days=7)


@pytest.fixture
def owner(northwind: Northwind, policy: Policy, clock: Clock) -> Browser:
    browser = Browser(northwind.owner, secret=enrol(northwind.owner, clock=clock).secret)
    browser.sign_in()
    return browser


@pytest.fixture
def chloe(clock: Clock) -> User:
    """Somebody with a sign-in of her own, in an account that asks for nothing."""
    person = make_user("chloe@personal.example", name="Chloe Cartier")
    make_account("solo", owner=person)
    return person


def invite(owner: Browser, email: str, *, role: str = "member") -> str:
    """Invite somebody on the account's page; return the link that was mailed."""
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}invite/", email=email, role=role)
    run_jobs()
    return link_in(the_mail(email, "invites you to Northwind"), INVITATION)


def role_of(email: str) -> str | None:
    """Return the role in the account; None for who is no member."""
    found = Membership.objects.filter(account__slug="northwind", user__email=email)
    return found.values_list("role", flat=True).first()


def give_name_and_password(browser: Browser, link: str) -> None:
    browser.open(link)
    browser.password = CHOSEN
    browser.submit(link, name="Nora Newcomer", password=CHOSEN)


@pytest.mark.proves("B95")
@pytest.mark.every_server
def test_a_new_person_sets_up_inside_the_acceptance_and_joins_last(
    owner: Browser, clock: Clock
) -> None:
    link = invite(owner, NEW, role="admin")
    nora = Browser(NEW)
    page = nora.open(link)
    assert "Olga Owner invites nora@northwind.example to Northwind, as admin" in page.text
    assert "Northwind requires two-factor authentication" in page.text
    assert not User.objects.filter(email=NEW).exists()

    give_name_and_password(nora, link)
    assert nora.page.path == SETUP  # the invitation's link proved the mailbox
    assert "Northwind" in nora.page.text
    assert role_of(NEW) is None
    assert not nora.is_in

    nora.choose("app")
    nora.scan()
    right = nora.code()
    nora.submit(SETUP_APP, code=right[:-1] + str((int(right[-1]) + 5) % 10))
    assert role_of(NEW) is None
    clock.forward(minutes=1)
    nora.submit(SETUP_APP, code=nora.code())
    nora.backup_codes()
    assert role_of(NEW) == "admin"
    assert nora.follow("Continue without saving them").path == ACCOUNT
    membership = Membership.objects.get(user__email=NEW)
    assert membership.joined_at == clock.now
    run_jobs()
    assert any("Nora Newcomer" in subject for subject in subjects(owner.email))

    nora.sign_out()
    clock.forward(seconds=30)
    nora.sign_in()
    assert nora.is_in


def test_a_weak_password_makes_no_person(owner: Browser) -> None:
    link = invite(owner, NEW)
    nora = Browser(NEW)
    nora.open(link)
    nora.submit(link, name="Nora", password="short")
    assert nora.page.path == link
    assert not User.objects.filter(email=NEW).exists()


def test_an_abandoned_acceptance_leaves_a_sign_in_that_shows_the_invitation(
    owner: Browser,
) -> None:
    link = invite(owner, NEW)
    nora = Browser(NEW)
    give_name_and_password(nora, link)
    nora.submit("/login/cancel/")
    assert nora.page.path == LOGIN

    nora.give_password()
    assert nora.page.path == "/"  # no account of hers requires anything
    assert "Open invitations" in nora.page.text
    assert role_of(NEW) is None

    nora.follow("See the invitation")
    nora.submit("/invitations/continue/")
    assert nora.page.path in {SETUP, SETUP_MAILBOX}
    assert role_of(NEW) is None
    nora.set_up_app()
    nora.follow("Continue without saving them")
    assert nora.page.path == "/invitations/continue/"
    nora.submit("/invitations/continue/")
    assert nora.page.path == ACCOUNT
    assert role_of(NEW) == "member"


@pytest.mark.proves("B95")
def test_a_person_without_set_up_signs_in_sets_up_and_joins(owner: Browser, chloe: User) -> None:
    link = invite(owner, chloe.email)
    browser = Browser(chloe)
    browser.open(link)
    assert browser.follow("Sign in as chloe@personal.example").path == LOGIN
    browser.give_password()
    assert browser.page.path == SETUP
    assert role_of(chloe.email) is None
    assert not browser.is_in
    browser.set_up_app()
    assert role_of(chloe.email) == "member"
    assert browser.follow("Continue without saving them").path == ACCOUNT
    assert browser.is_in


def test_joining_binds_no_other_session_of_the_person(owner: Browser, chloe: User) -> None:
    elsewhere = Browser(chloe)
    elsewhere.sign_in()
    link = invite(owner, chloe.email)
    browser = Browser(chloe)
    browser.open(link)
    browser.follow("Sign in as chloe@personal.example")
    browser.give_password()
    assert browser.page.path == SETUP
    assert elsewhere.is_in
    assert elsewhere.open("/settings/").banner == ""
    again = Browser(chloe)
    again.sign_in()
    assert again.is_in


@pytest.mark.proves("B95")
def test_a_signed_in_person_without_set_up_is_led_there_and_back(
    owner: Browser, chloe: User
) -> None:
    browser = Browser(chloe)
    browser.sign_in()
    link = invite(owner, chloe.email)
    browser.open(link)
    browser.submit(link)
    assert browser.page.path == SETUP
    assert browser.is_in  # set-up stands before the membership, not before the rest
    assert role_of(chloe.email) is None
    browser.open(SETUP)
    browser.set_up_app()
    browser.follow("Continue without saving them")
    browser.submit("/invitations/continue/")
    assert browser.page.path == ACCOUNT
    assert role_of(chloe.email) == "member"


@pytest.mark.proves("B95")
def test_an_enrolled_person_joins_with_the_code_of_the_sign_in(
    owner: Browser, chloe: User, clock: Clock
) -> None:
    phone = enrol(chloe, clock=clock)
    link = invite(owner, chloe.email)
    browser = Browser(chloe, secret=phone.secret)
    browser.open(link)
    browser.follow("Sign in as chloe@personal.example")
    browser.give_password()
    assert browser.page.path == VERIFY
    assert role_of(chloe.email) is None
    browser.give_code()
    assert browser.page.path == ACCOUNT
    assert role_of(chloe.email) == "member"


@pytest.mark.proves("B95")
def test_an_enrolled_person_who_is_signed_in_joins_at_once(
    owner: Browser, chloe: User, clock: Clock
) -> None:
    browser = Browser(chloe, secret=enrol(chloe, clock=clock).secret)
    browser.sign_in()
    link = invite(owner, chloe.email)
    browser.open(link)
    assert role_of(chloe.email) is None  # looking is not joining
    browser.submit(link)
    assert browser.page.path == ACCOUNT
    assert role_of(chloe.email) == "member"


@pytest.mark.proves("B95")
def test_who_is_signed_in_as_somebody_else_joins_nothing_and_is_shown_the_way(
    owner: Browser, northwind: Northwind, chloe: User
) -> None:
    link = invite(owner, NEW)
    browser = Browser(chloe)
    browser.sign_in()
    page = browser.open(link)
    assert page.status == 200
    assert "signed in as chloe@personal.example" in page.text
    assert "invitation is for nora@northwind.example" in page.text
    assert not [form for form in page.forms if form.action in {"", link}]
    token = page.form("/logout/", {"next"}).fields["csrfmiddlewaretoken"]
    browser.client.post(link, {"csrfmiddlewaretoken": token})
    browser.client.post(link, {"csrfmiddlewaretoken": token, "name": "N", "password": CHOSEN})
    assert role_of(chloe.email) is None
    assert not User.objects.filter(email=NEW).exists()

    browser.submit("/logout/", next=link)
    assert browser.page.path == link
    browser.email = NEW
    give_name_and_password(browser, link)
    assert browser.page.path == SETUP
    browser.set_up_app()
    assert role_of(NEW) == "member"
    assert role_of(chloe.email) is None


@pytest.mark.parametrize(
    ("age", "is_open"),
    [(SEVEN_DAYS - MS, True), (SEVEN_DAYS, False)],
    ids=["a millisecond before seven days", "seven days old"],
)
def test_an_invitation_is_open_for_seven_days(
    age: timedelta, is_open: bool, owner: Browser, clock: Clock
) -> None:
    link = invite(owner, NEW)
    clock.set(clock.now + age)
    page = Browser(NEW).open(link)
    assert page.status == (200 if is_open else 410)
    assert ("This invitation is too old" in page.text) is not is_open


def test_an_invitation_that_expires_during_set_up_makes_no_member(
    owner: Browser, clock: Clock
) -> None:
    link = invite(owner, NEW)
    clock.set(clock.now + SEVEN_DAYS - timedelta(minutes=1))
    nora = Browser(NEW)
    give_name_and_password(nora, link)
    nora.choose("app")
    nora.scan()
    clock.forward(minutes=1)
    nora.submit(SETUP_APP, code=nora.code())
    assert role_of(NEW) is None
    assert nora.page.status == 200


@pytest.mark.proves("S45")
def test_a_used_invitation_opens_nothing_a_second_time(owner: Browser) -> None:
    link = invite(owner, NEW)
    nora = Browser(NEW)
    give_name_and_password(nora, link)
    nora.set_up_app()
    for browser in (nora, Browser(NEW)):
        page = browser.open(link)
        assert page.status == 410
        assert "This invitation has been used" in page.text
    assert Membership.objects.filter(user__email=NEW).count() == 1


def test_a_used_invitation_brings_nobody_back_who_was_removed(owner: Browser) -> None:
    link = invite(owner, NEW)
    nora = Browser(NEW)
    give_name_and_password(nora, link)
    nora.set_up_app()
    membership = Membership.objects.get(user__email=NEW)
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}members/{membership.pk}/remove/")
    assert nora.open(link).status == 410
    assert role_of(NEW) is None


@pytest.mark.proves("S45")
def test_a_revoked_invitation_opens_nothing(owner: Browser) -> None:
    link = invite(owner, NEW)
    invitation = Invitation.objects.get(email=NEW)
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}invitations/{invitation.pk}/revoke/")
    page = Browser(NEW).open(link)
    assert page.status == 410
    assert "This invitation was taken back" in page.text


def test_revoked_during_set_up_it_makes_no_member(owner: Browser) -> None:
    link = invite(owner, NEW)
    nora = Browser(NEW)
    give_name_and_password(nora, link)
    nora.choose("app")
    nora.scan()
    invitation = Invitation.objects.get(email=NEW)
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}invitations/{invitation.pk}/revoke/")
    nora.submit(SETUP_APP, code=nora.code())
    assert role_of(NEW) is None
    assert nora.open("/").status == 200  # nothing binds her any more


@pytest.mark.proves("B95")
def test_revoked_it_keeps_no_set_up_open_to_whom_nothing_requires_it(
    owner: Browser,
) -> None:
    guest = make_user("guest@personal.example")
    browser = Browser(guest)
    browser.sign_in()
    link = invite(owner, guest.email)
    browser.open(link)
    browser.submit(link)
    assert browser.open(SETUP).status == 200
    invitation = Invitation.objects.get(email=guest.email)
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}invitations/{invitation.pk}/revoke/")
    assert browser.open(SETUP).status == 403
    assert browser.open(SETUP_APP).status == 403


def test_whose_sign_in_is_deactivated_is_told_whom_to_ask(owner: Browser, chloe: User) -> None:
    link = invite(owner, chloe.email)
    User.objects.filter(pk=chloe.pk).update(is_active=False)
    page = Browser(chloe).open(link)
    assert page.status == 403
    assert "This address can't be used." in page.text
    assert "please ask the account's owner" in page.text
    assert "Choose a password" not in page.text


def test_an_unknown_link_is_not_found(owner: Browser) -> None:
    page = Browser(NEW).open(f"{INVITATION}{'A' * 43}/")
    assert page.status == 404
    assert "This invitation can't be found" in page.text


@pytest.mark.proves("S45")
def test_an_invitation_is_worth_what_its_inviter_still_is(
    owner: Browser, northwind: Northwind, clock: Clock
) -> None:
    admin = Browser(northwind.admin, secret=enrol(northwind.admin, clock=clock).secret)
    admin.sign_in()
    link = invite(admin, NEW)
    assert Browser(NEW).open(link).status == 200
    owner.open(ACCOUNT)
    path = f"{ACCOUNT}members/{northwind.membership(northwind.admin).pk}/role/"
    owner.submit(path, role="member")
    assert Browser(NEW).open(link).status == 410
    owner.open(ACCOUNT)
    owner.submit(path, role="admin")
    assert Browser(NEW).open(link).status == 200


def test_an_admin_can_not_invite_an_owner(
    northwind: Northwind, owner: Browser, clock: Clock
) -> None:
    admin = Browser(northwind.admin, secret=enrol(northwind.admin, clock=clock).secret)
    admin.sign_in()
    admin.open(ACCOUNT)
    admin.submit(f"{ACCOUNT}invite/", email=NEW, role="owner")
    assert not Invitation.objects.filter(email=NEW).exists()


@pytest.mark.proves("S45")
def test_a_link_made_anew_replaces_the_old(owner: Browser) -> None:
    old = invite(owner, NEW)
    owner.open(ACCOUNT)
    owner.submit(f"{ACCOUNT}invite/", email=NEW.upper(), role="member")
    assert Invitation.objects.open().filter(email=NEW).count() == 1
    assert Browser(NEW).open(old).status == 410


@pytest.mark.proves("S46")
def test_a_member_added_by_hand_is_due_at_once_and_mailed_so(
    northwind: Northwind, policy: Policy, clock: Clock, chloe: User
) -> None:
    browser = Browser(chloe)
    browser.sign_in()
    clock.forward(hours=1)
    northwind.add(chloe)
    run_jobs()
    assert subjects(chloe.email) == [
        "You are now in Northwind: set up two-factor authentication to go on"
    ]
    assert browser.open("/").path == LOGIN
    browser.give_password()
    assert browser.page.path == SETUP_MAILBOX
    browser.set_up_app()
    assert browser.is_in
