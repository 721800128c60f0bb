"""What every page knows of its person: the banner, and who holds a sign-in up."""

import pyotp
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import invitations
from accounts.models import Account, Membership, Role, User
from enforcement import passes, policies
from enforcement.context import Banner, banner_of
from tests.enforcement.kit import DAY, browser, enrolled_person, sign_in, sign_in_with_code
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from twofactor import mailbox

pytestmark = pytest.mark.django_db


def banner(client: Client) -> Banner | None:
    request = client.get("/settings/").wsgi_request
    return banner_of(request, now=timezone.now())


def held_by(client: Client) -> list[tuple[str, str]]:
    page = client.get("/login/help/")
    return [(hold.name, hold.leave_url) for hold in page.context["held_by"]]


def test_nothing_is_said_to_whom_nothing_is_asked_of(ada: User, clock: Clock) -> None:
    assert banner(sign_in(ada)) is None
    assert 'class="banner' not in sign_in(ada).get("/settings/").content.decode()


def test_the_window_tells_the_accounts_and_the_way(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = sign_in(ada)
    clock.forward(hours=23, minutes=30)
    found = banner(client)
    assert found == Banner(
        kind="window",
        url="/two-factor/setup/",
        until=clock.now + DAY / 48,
        accounts=("Northwind",),
        seconds_left=1800,
    )
    page = client.get("/settings/").content.decode()
    assert "Northwind" in page
    assert "30\xa0minutes" in page


@pytest.mark.parametrize("path", ["/", "/settings/", "/settings/security/", "/accounts/northwind/"])
def test_every_page_shows_it(path: str, northwind: Account, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    assert 'class="banner banner--window"' in sign_in(ada).get(path).content.decode()


def test_a_pass_tells_how_long_it_lasts(northwind: Account, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now - 2 * DAY)
    granted = passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    found = banner(sign_in(ada))
    assert found
    assert (found.kind, found.until, found.seconds_left) == ("pass", granted.until, 86400)


def test_codes_that_were_not_saved_are_asked_after_until_they_are(clock: Clock) -> None:
    client = sign_in_with_code(enrolled_person())
    found = banner(client)
    assert found
    assert (found.kind, found.until) == ("codes", None)
    client.post("/two-factor/backup-codes/", {"saved": "on"})
    assert banner(client) is None


def test_the_page_of_the_codes_itself_tells_how_things_stand_now(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = sign_in(ada)
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    secret = client.get("/two-factor/setup/app/").context["secret"]
    page = client.post("/two-factor/setup/app/", {"code": pyotp.TOTP(secret).at(clock.now)})
    assert "banner--window" not in page.content.decode()


def test_a_page_without_a_banner_costs_no_query_for_it(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    request = client.get("/settings/").wsgi_request
    with CaptureQueriesContext(connection) as queries:
        banner_of(request, now=clock.now)
    assert not queries.captured_queries


# Who holds a sign-in up.


def test_set_up_names_every_account_that_requires_it_and_the_way_out(
    northwind: Account, ada: User, clock: Clock
) -> None:
    other = make_account("other", members=(ada,))
    make_account("free", members=(ada,))
    for account in (northwind, other):
        policies.switch_on(account=account, actor=None, now=clock.now)
    clock.forward(days=1)
    assert held_by(sign_in(ada)) == [
        ("Northwind", "/accounts/northwind/leave/"),
        ("Other", "/accounts/other/leave/"),
    ]


def test_at_the_code_page_nobody_is_named(northwind: Account, clock: Clock) -> None:
    enrolled = enrolled_person()
    Membership.objects.create(account=northwind, user=enrolled.user)
    policies.switch_on(account=northwind, actor=None, now=clock.now - 2 * DAY)
    assert held_by(sign_in(enrolled.user)) == []


def test_an_account_that_is_being_joined_can_t_be_left(
    northwind: Account, owner: User, clock: Clock
) -> None:
    guest = make_user()
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(invitation.pk).removeprefix("http://testserver"))
    assert held_by(sign_in(guest, client=client)) == [("Northwind", "")]


def test_the_invitation_of_another_is_not_named(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    guest, elsewhere = make_user(), make_account("elsewhere", owner=owner)
    for account in (northwind, elsewhere):
        policies.switch_on(account=account, actor=None, now=clock.now)
    clock.forward(days=1)
    invitation = invitations.invite(
        account=elsewhere, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(invitation.pk).removeprefix("http://testserver"))
    assert held_by(sign_in(ada, client=client)) == [("Northwind", "/accounts/northwind/leave/")]


def test_an_account_that_is_being_joined_and_requires_nothing_is_not_named(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    elsewhere = make_account("elsewhere", owner=owner)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    clock.forward(days=1)
    invitation = invitations.invite(
        account=elsewhere, email=ada.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    client = browser()
    client.get(invitations.link_of(invitation.pk).removeprefix("http://testserver"))
    sign_in(ada, client=client)
    assert held_by(client) == [("Northwind", "/accounts/northwind/leave/")]
    policies.switch_on(account=elsewhere, actor=None, now=clock.now)
    assert held_by(client) == [("Northwind", "/accounts/northwind/leave/"), ("Elsewhere", "")]
