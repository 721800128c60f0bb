"""No link of any mail is a way in: whoever follows one gives the password, and what follows it."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import addresses, invitations, letters, passwords
from accounts.models import Account, Notice, Role, User
from enforcement import policies
from tests.enforcement.kit import browser, enrolled_person, is_in
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from twofactor import mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.proves("B84")]

ADA, NEW = "ada@northwind.example", "another long password"
Link = Callable[[User, Clock], str]


def of_a_reset(ada: User, clock: Clock) -> str:
    return passwords.reset_link(ada)


def of_an_invitation(ada: User, clock: Clock) -> str:
    boss = make_user("boss@southwind.example")
    found = invitations.invite(
        account=make_account("southwind", owner=boss),
        email=ada.email,
        role=Role.MEMBER,
        actor=boss,
        now=clock.now,
    )
    return invitations.link_of(found.pk)


def of_set_up(ada: User, clock: Clock) -> str:
    return mailbox.make_link(ada, now=clock.now)


def of_a_new_address(ada: User, clock: Clock) -> str:
    addresses.ask(user=ada, email="ada@home.example", needs_both=False, now=clock.now)
    return addresses.link_of(Notice.objects.get(kind="address_confirm"))


def of_an_objection(ada: User, clock: Clock) -> str:
    passwords.change_password(user=ada, password=PASSWORD, now=clock.now)
    token = letters.not_me_token(Notice.objects.get(kind="password_changed"))
    return f"/not-me/{token}/"


LINKS = (of_a_reset, of_an_invitation, of_set_up, of_a_new_address, of_an_objection)
FIELDS = {"new_password1": NEW, "new_password2": NEW, "name": "Ada", "password": NEW}


def follow(client: Client, link: str) -> None:
    """Open ``link`` and press every button there is; then ask to be let in."""
    path = link.removeprefix("http://testserver")
    opened = client.get(path, follow=True)
    shown_at = opened.redirect_chain[-1][0] if opened.redirect_chain else path
    client.post(shown_at, FIELDS)
    client.get("/login/continue/")
    client.post("/invitations/continue/")


@pytest.fixture
def enrolled(clock: Clock) -> User:
    return enrolled_person(email=ADA).user


@pytest.fixture
def overdue(clock: Clock) -> User:
    person = make_user(ADA)
    policies.switch_on(account=make_account(members=(person,)), actor=None, now=clock.now)
    clock.forward(days=1)
    return person


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.__name__)
@pytest.mark.parametrize(
    ("who", "next_page"),
    [("enrolled", "/login/verify/"), ("overdue", "/two-factor/setup/")],
)
def test_a_mailed_link_signs_nobody_in_and_skips_nothing(
    who: str, next_page: str, link: Link, request: pytest.FixtureRequest, clock: Clock
) -> None:
    ada: User = request.getfixturevalue(who)
    client = browser()
    follow(client, link(ada, clock))
    assert "pending" not in client.session  # not even half a sign-in
    assert not is_in(client)
    assert not Account.objects.filter(slug="southwind", memberships__user=ada).exists()
    ada.refresh_from_db()
    ada.set_password(PASSWORD)  # an objection voids it
    ada.save()
    answer = client.post("/login/", {"email": ada.email, "password": PASSWORD})
    assert answer["Location"].startswith(next_page)
    assert not is_in(client)
