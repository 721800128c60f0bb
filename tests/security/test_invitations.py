"""Invitations as a way in, or as a trap."""

import re

import pytest

from accounts import invitations
from accounts.models import Account, Invitation, Membership, Role, User
from tests.enforcement.kit import browser, is_in, sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(clock: Clock) -> Account:
    return make_account("northwind", owner=make_user("owner@northwind.example"))


def invite(account: Account, email: str, clock: Clock) -> Invitation:
    owner = User.objects.get(email="owner@northwind.example")
    return invitations.invite(
        account=account, email=email, role=Role.MEMBER, actor=owner, now=clock.now
    )


def path_of(invitation: Invitation) -> str:
    return invitations.link_of(invitation.pk).removeprefix("http://testserver")


@pytest.mark.proves("S46")
def test_a_page_that_was_only_looked_at_joins_nobody_days_later(
    account: Account, clock: Clock
) -> None:
    """Joining an account binds to what it requires, so nobody joins without meaning to."""
    ada = make_user("ada@elsewhere.example")
    client = browser()
    assert client.get(path_of(invite(account, ada.email, clock))).status_code == 200
    clock.forward(days=2)
    sign_in(ada, client=client)
    assert is_in(client)
    assert not Membership.objects.filter(user=ada).exists()
    assert "Northwind" in client.get("/").content.decode()


@pytest.mark.proves("B95")
def test_whoever_goes_on_from_the_page_joins_by_signing_in(account: Account, clock: Clock) -> None:
    """No further click for who came to join."""
    ada = make_user("ada@elsewhere.example")
    client = browser()
    client.get(path_of(invite(account, ada.email, clock)))
    clock.forward(minutes=5)
    sign_in(ada, client=client)
    assert Membership.objects.filter(user=ada, account=account).exists()


@pytest.mark.proves("S46")
def test_a_link_opened_in_somebody_elses_browser_joins_nobody(
    account: Account, clock: Clock
) -> None:
    """A stranger's invitation, forced on a browser, does nothing to who signs in there."""
    ada = make_user("ada@elsewhere.example")
    make_user("thief@bad.example")
    client = browser()
    client.get(path_of(invite(account, "thief@bad.example", clock)))
    sign_in(ada, client=client)
    assert is_in(client)
    assert not Membership.objects.filter(account=account, role=Role.MEMBER).exists()
    assert client.get("/two-factor/setup/").status_code == 403


@pytest.mark.proves("S45")
def test_no_other_site_is_told_the_link(account: Account, clock: Clock) -> None:
    """The token stands in the page's address: nothing on it is another site's, nor hears of it."""
    page = browser().get(path_of(invite(account, "new@elsewhere.example", clock)))
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.content.decode())
