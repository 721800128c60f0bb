"""J9: one person in two accounts that require it, at different times, and in one that does not."""

from dataclasses import dataclass

import pytest

from accounts.models import Account, Membership, Role, User
from enforcement import leaving, policies
from enforcement.models import Policy
from tests.factories import make_account, make_user
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import LOGIN, SETUP, SETUP_MAILBOX, Browser
from tests.journeys.post import mails_to, run_jobs, the_mail
from tests.journeys.world import Northwind


@dataclass(frozen=True, kw_only=True)
class Three:
    """Ada belongs to all three; Southwind began to require it an hour after Northwind."""

    southwind: Account
    garden: Account
    of_northwind: Policy
    of_southwind: Policy
    south_owner: User


@pytest.fixture
def three(northwind: Northwind, clock: Clock) -> Three:
    south_owner = make_user("owner@southwind.example", name="Sue South")
    southwind = make_account("southwind", owner=south_owner, members=(northwind.ada,))
    garden = make_account("garden", owner=make_user(), members=(northwind.ada,))
    clock.forward(seconds=1)
    of_northwind = northwind.require()
    clock.forward(hours=1)
    of_southwind = policies.switch_on(account=southwind, actor=south_owner, now=clock.now)
    run_jobs()
    return Three(
        southwind=southwind,
        garden=garden,
        of_northwind=of_northwind,
        of_southwind=of_southwind,
        south_owner=south_owner,
    )


@pytest.fixture
def ada(northwind: Northwind, three: Three) -> Browser:
    browser = Browser(northwind.ada)
    browser.sign_in()
    return browser


def hold_up(ada: Browser) -> None:
    """Let the person sign in anew, and prove the mailbox."""
    ada.open("/")
    ada.give_password()
    assert ada.page.path in {SETUP_MAILBOX, SETUP}  # one browser keeps the proof for a while
    ada.prove_mailbox()


def leave(ada: Browser, slug: str) -> None:
    ada.open(f"/accounts/{slug}/leave/")
    ada.submit(f"/accounts/{slug}/leave/")


@pytest.mark.parametrize("path", ["/", "/accounts/garden/", "/settings/security/"])
def test_the_earliest_deadline_counts_for_the_whole_sign_in(
    path: str, ada: Browser, three: Three, clock: Clock
) -> None:
    assert "Northwind" in ada.open(path).banner
    clock.set(three.of_northwind.deadline - MS)
    assert ada.open(path).path == path
    clock.set(three.of_northwind.deadline)
    assert ada.open(path).path == LOGIN, "the free account is closed, too"


def test_each_account_mails_once(northwind: Northwind, three: Three) -> None:
    for name in ("Northwind", "Southwind"):
        assert len(mails_to(northwind.ada.email, f"{name} asks you to set up")) == 1


def test_a_page_that_holds_up_names_the_accounts_and_offers_to_leave_them(
    ada: Browser, three: Three, clock: Clock
) -> None:
    clock.set(three.of_southwind.deadline)
    hold_up(ada)
    for slug in ("northwind", "southwind"):
        assert slug.title() in ada.page.text
        assert any(href == f"/accounts/{slug}/leave/" for href, _ in ada.page.links), ada.page
    assert "/accounts/garden/leave/" not in [href for href, _ in ada.page.links]


def test_before_the_mailbox_is_proved_nothing_can_be_left(
    ada: Browser, northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_southwind.deadline)
    ada.open("/")
    ada.give_password()
    assert "/accounts/northwind/leave/" not in [href for href, _ in ada.page.links]
    assert ada.open("/accounts/northwind/leave/").path == SETUP
    ada.open(SETUP_MAILBOX)
    ada.forge("/accounts/northwind/leave/")
    assert northwind.membership(northwind.ada)


@pytest.mark.every_server
def test_leaving_while_held_up_is_mailed_and_leaves_the_other_requirement(
    ada: Browser, northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_northwind.deadline)
    hold_up(ada)
    leave(ada, "northwind")
    assert not Membership.objects.filter(account=northwind.account, user=northwind.ada).exists()
    # Southwind's deadline is an hour ahead: nothing holds her up any more.
    assert ada.open("/").path == "/"
    assert "Southwind" in ada.page.banner
    assert "Northwind" not in ada.page.banner
    run_jobs()
    assert the_mail(northwind.ada.email, "You left Northwind")
    assert the_mail(northwind.owner.email, "Ada Lovelace left Northwind")
    clock.set(three.of_southwind.deadline)
    assert not ada.is_in


@pytest.mark.proves("B96")
def test_leaving_both_lets_in_and_the_free_account_is_still_there(
    ada: Browser, northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_southwind.deadline)
    hold_up(ada)
    leave(ada, "northwind")
    assert not ada.is_in, "Southwind binds still"
    leave(ada, "southwind")
    assert ada.open("/accounts/garden/").path in {"/", "/accounts/garden/"}
    assert ada.open("/accounts/garden/").path == "/accounts/garden/"
    assert ada.page.banner == ""
    assert ada.first_answer("/accounts/northwind/").status_code == 404


@pytest.mark.proves("B96")
def test_who_is_removed_is_free_with_the_next_request(
    ada: Browser, northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_northwind.deadline)
    hold_up(ada)
    leaving.remove(
        membership=northwind.membership(northwind.ada), actor=northwind.owner, now=clock.now
    )
    assert ada.open("/").path == "/"
    assert "Southwind" in ada.page.banner
    run_jobs()
    assert the_mail(northwind.ada.email, "You are no longer in Northwind")


def test_coming_back_earns_no_second_window(
    ada: Browser, northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_northwind.deadline)
    hold_up(ada)
    leave(ada, "northwind")
    assert ada.open("/").path == "/"
    northwind.add(northwind.ada)
    assert not ada.is_in
    hold_up(ada)
    assert "Northwind" in ada.page.text


def test_the_last_owner_cannot_leave_and_is_told_the_way_out(
    northwind: Northwind, three: Three, clock: Clock
) -> None:
    clock.set(three.of_northwind.deadline)
    owner = Browser(northwind.owner)
    owner.give_password()
    owner.prove_mailbox()
    assert "/accounts/northwind/leave/" not in [href for href, _ in owner.page.links]
    assert "set up first, then make another member an owner" in owner.page.text
    owner.open("/accounts/northwind/leave/")
    assert "You are the last owner of Northwind" in owner.page.text
    owner.open(SETUP)
    owner.forge("/accounts/northwind/leave/")
    assert northwind.membership(northwind.owner).role == Role.OWNER
    assert not owner.is_in
    owner.open("/two-factor/setup/")
    owner.set_up_app()
    assert owner.is_in


def test_with_a_second_owner_the_first_may_leave(
    northwind: Northwind, three: Three, clock: Clock
) -> None:
    Membership.objects.filter(user=northwind.admin).update(role=Role.OWNER)
    clock.set(three.of_northwind.deadline)
    owner = Browser(northwind.owner)
    owner.give_password()
    owner.prove_mailbox()
    leave(owner, "northwind")
    assert not Membership.objects.filter(account=northwind.account, user=northwind.owner).exists()
    assert owner.open("/").path == "/"
