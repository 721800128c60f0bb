"""J7: who may grant a pass, to whom, and on what proof."""

from typing import Any

import pytest

from accounts.models import User
from enforcement.models import Pass
from tests.enforcement.desk import person_page
from tests.factories import make_account, make_user
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import (
    REAUTHENTICATE,
    Browser,
)
from tests.journeys.passes import REASON, grant
from tests.journeys.world import Northwind, Phone, enrol

# All comes after Ada lost it, support's coming to work too.
pytestmark = pytest.mark.usefixtures("phone")


def test_a_second_grant_does_not_prolong_a_running_pass(
    northwind: Northwind, granted: Pass, support: Browser, clock: Clock
) -> None:
    clock.forward(minutes=5)
    page = support.open(person_page(northwind.ada, "pass"))
    assert "A pass is already running" in page.text
    support.forge(person_page(northwind.ada, "pass"), reason=REASON)
    assert list(Pass.objects.values_list("until", flat=True)) == [granted.until]


def test_a_grant_needs_a_reason(northwind: Northwind, support: Browser) -> None:
    support.open(person_page(northwind.ada, "pass"))
    support.submit(person_page(northwind.ada, "pass"), reason="   ")
    assert not Pass.objects.exists()


def test_a_grant_needs_a_code_no_more_than_ten_minutes_old(
    northwind: Northwind, support: Browser, clock: Clock
) -> None:
    page = person_page(northwind.ada, "pass")
    support.open(page)
    clock.forward(minutes=10)
    clock.set(clock.now - MS)
    assert support.open(page).path == page
    clock.set(clock.now + MS)
    support.submit(page, reason=REASON)
    assert support.page.path == REAUTHENTICATE
    assert not Pass.objects.exists()
    support.prove_again()
    assert support.page.path == page
    support.submit(page, reason=REASON)
    assert Pass.objects.count() == 1


def nobody_was_helped(browser: Browser, person: User, *, expect: set[int]) -> None:
    """Try to grant a pass by page and by a forged form; nothing comes of it."""
    path = person_page(person, "pass")
    browser.open("/settings/")
    assert browser.forge(path, reason=REASON).status in expect
    browser.open(path)
    assert not Pass.objects.exists()


def test_nobody_grants_a_pass_to_themselves(northwind: Northwind, support: Browser) -> None:
    person = User.objects.get(email=support.email)
    nobody_was_helped(support, person, expect={409})
    assert "Nobody can grant a pass to themselves" in support.page.text


def test_a_member_grants_no_pass(northwind: Northwind, phone: Phone, clock: Clock) -> None:
    ben = Browser(northwind.ben, secret=enrol(northwind.ben, clock=clock).secret)
    ben.sign_in()
    nobody_was_helped(ben, northwind.ada, expect={403, 404})
    member = northwind.membership(northwind.ada)
    assert ben.open(f"/accounts/northwind/members/{member.pk}/pass/").status == 404


@pytest.mark.parametrize("owners_may", [False, True], ids=["default", "owners may for their own"])
def test_another_accounts_owner_grants_no_pass(
    owners_may: bool, northwind: Northwind, phone: Phone, clock: Clock, settings: Any
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = owners_may
    stranger = make_user("owner@elsewhere.example")
    make_account("elsewhere", owner=stranger)
    browser = Browser(stranger, secret=enrol(stranger, clock=clock).secret)
    browser.sign_in()
    assert browser.open("/admin/").status == 200
    nobody_was_helped(browser, northwind.ada, expect={404})
    assert browser.open(person_page(northwind.ada)).status == 404


@pytest.mark.parametrize("owners_may", [False, True], ids=["default", "owners may for their own"])
def test_the_accounts_own_owner_grants_one_only_where_the_operator_allows_it(
    owners_may: bool, northwind: Northwind, phone: Phone, clock: Clock, settings: Any
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = owners_may
    owner = Browser(northwind.owner, secret=enrol(northwind.owner, clock=clock).secret)
    owner.sign_in()
    owner.open("/settings/")
    page = owner.forge(person_page(northwind.ada, "pass"), reason=REASON)
    assert Pass.objects.exists() is owners_may
    assert page.status == (200 if owners_may else 404)


def test_an_admin_vouches_and_support_decides(
    northwind: Northwind, phone: Phone, support: Browser, clock: Clock
) -> None:
    admin = Browser(northwind.admin, secret=enrol(northwind.admin, clock=clock).secret)
    admin.sign_in()
    member = northwind.membership(northwind.ada)
    path = f"/accounts/northwind/members/{member.pk}/pass/"
    admin.open(path)
    admin.submit(path, message="She stands beside me.")
    assert not Pass.objects.exists()
    desk = support.open("/admin/")
    assert "vouched for by Alex Admin" in desk.text
    grant(support, northwind.ada)


@pytest.mark.parametrize("is_superuser", [False, True], ids=["support", "a superuser"])
def test_only_a_superuser_grants_a_pass_to_staff(
    is_superuser: bool, northwind: Northwind, support: Browser, clock: Clock
) -> None:
    colleague = make_user("colleague@gatehouse.example", is_staff=True)
    enrol(colleague, clock=clock)
    User.objects.filter(email=support.email).update(is_superuser=is_superuser)
    support.open("/settings/")
    support.forge(person_page(colleague, "pass"), reason=REASON)
    assert Pass.objects.exists() is is_superuser
