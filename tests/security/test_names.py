"""A name stands in mails to people who never met its owner: it must not pose as part of them."""

from typing import Any

import pytest

from accounts import delivery, invitations
from accounts.models import Account, Membership, Role, User
from tests.enforcement.desk import account_page
from tests.enforcement.kit import sign_in
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

POSING = "Eve\r\n\r\nYour account is locked.\u2028Go on at \x1b[31mhttps://bad.example\u202e"
SHOWN = "Eve Your account is locked. Go on at [31mhttps://bad.example"


@pytest.fixture
def eve(clock: Clock) -> User:
    return make_user("eve@northwind.example")


@pytest.mark.proves("S59")
def test_a_persons_name_is_one_line_that_can_be_seen(eve: User) -> None:
    """No line break, no control character, no mark that turns the writing round."""
    fields = {"name": POSING, "language": "en", "time_zone": "UTC"}
    assert sign_in(eve).post("/settings/", fields).status_code == 302
    eve.refresh_from_db()
    assert eve.name == SHOWN


@pytest.mark.proves("S59")
def test_an_accounts_name_is_one_line_that_can_be_seen(eve: User) -> None:
    """The same by an owner, in the admin."""
    account = make_account("northwind", owner=eve)
    client = sign_in(eve)
    client.post(account_page(account), {"name": POSING})
    account.refresh_from_db()
    assert account.name == SHOWN


@pytest.mark.proves("S59")
def test_a_name_of_nothing_but_marks_is_none(eve: User) -> None:
    """What can't be seen is no name of an account."""
    account = make_account("northwind", owner=eve)
    client = sign_in(eve)
    answer = client.post(account_page(account), {"name": "\u202e\x07 \n"})
    assert answer.status_code == 200
    assert Account.objects.get().name == "Northwind"


@pytest.mark.proves("S59")
def test_a_name_adds_no_line_to_an_invitation(
    eve: User, clock: Clock, mailoutbox: list[Any]
) -> None:
    """Nor a header to its mail."""
    sign_in(eve).post("/settings/", {"name": POSING, "language": "en", "time_zone": "UTC"})
    account = make_account("northwind")
    Membership.objects.create(account=account, user=eve, role=Role.ADMIN)
    eve.refresh_from_db()
    invitations.invite(
        account=account, email="you@there.example", role=Role.MEMBER, actor=eve, now=clock.now
    )
    delivery.send_due(now=clock.now)
    (sent,) = mailoutbox
    assert "Your account is locked." not in sent.body.splitlines()
    assert set(sent.message().keys()) <= {
        "Content-Type", "MIME-Version", "Subject", "From", "To", "Date", "Message-ID",
        "Auto-Submitted",
    }  # fmt: skip


@pytest.mark.proves("S59")
def test_a_name_keeps_what_its_writing_needs(eve: User) -> None:
    """Letters of any alphabet, and the joiners of some."""
    name = "\u0645\u0647\u200c\u0646\u0627\u0632 O'Brien-\u0141uk\u00e1\u0161"
    sign_in(eve).post("/settings/", {"name": name, "language": "en", "time_zone": "UTC"})
    eve.refresh_from_db()
    assert eve.name == name
