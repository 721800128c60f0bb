"""Names as long as they may be, from right to left, of emoji and of HTML; and all of it in German.

What is pressed here is found by its place: the words are another language's.
"""

import re
from collections.abc import Callable

import pytest

from tests.browser.tour import Tour
from tests.browser.walk import Authenticator, Person

pytestmark = pytest.mark.browser

ACCOUNT = 'A & B <b>"x"</b> ' + "Donaudampfschifffahrtsgesellschaft " * 5 + "Süd"
PEOPLE = ('O\'Neil <b>"x"</b> & ' + "x" * 180, "مُحَمَّد عَبْد الرَّحْمٰن " * 8, "👩🏽‍🚀🏳️‍🌈 " * 20)
MAIN = "main form[method=post] button[type=submit]"


def enter(who: Person, *, next_url: str = "/") -> None:
    who.open(f"/login/?next={next_url}")
    who.fill(email=who.email, password=who.password)
    who.page.locator("[name=password]").press("Enter")


def see(who: Person, **pages: str) -> None:
    for name, path in pages.items():
        who.open(path)
        assert who.page.locator("html").get_attribute("lang") == "de"
        # Nothing of a name is read as HTML: the pages have no such element.
        assert who.page.locator("b").count() == 0
        who.look(who.page, name)


def test_no_name_breaks_a_page(tour: Callable[..., Tour]) -> None:
    names = [name[:200].strip() for name in PEOPLE]
    staged = tour("ada", "ben", name=ACCOUNT[:200], names=names, language="de")
    owner, ada = staged.cast("owner", "ada")
    enter(owner)
    account = f"/accounts/{staged.slug}/"
    see(owner, home="/", account=account, leave=f"{account}leave/", not_found="/nowhere/")
    see(owner, profile="/settings/", email="/settings/email/", password="/settings/password/")
    see(owner, delete="/settings/delete/", security="/settings/security/")
    owner.open("/admin/")
    owner.page.locator("main a[href$='/change/']").first.click()
    see(owner, admin=owner.page.url)
    with owner.page.expect_download() as taken:
        owner.page.locator("input[type=submit][value^=CSV]").click()
    assert all(name.replace('"', '""') in taken.value.path().read_text() for name in names)
    set_up(ada)
    see(ada, codes_about="/two-factor/backup-codes/", again="/reauthenticate/")
    see(ada, member=account, devices="/settings/security/", remove="/two-factor/remove/app/")
    ada.page.locator("header form button").click()
    enter(ada)
    see(ada, verify="/login/verify/", recovery="/login/recovery/", help="/login/help/")


def set_up(ada: Person) -> None:
    """The label of the QR code is the address: no name is in it."""
    ada.follow_mail("")
    enter(ada, next_url="/two-factor/setup/")
    see(ada, setup="/two-factor/setup/")
    ada.page.locator(MAIN).first.click()
    ada.is_at("/two-factor/setup/app/")
    see(ada, setup_app="/two-factor/setup/app/")
    ada.app = Authenticator(totp=ada.scan())
    ada.fill(code=ada.app.code())
    ada.page.wait_for_selector(".backup-code")
    ada.look(ada.page, "codes")
    assert re.search(r"^Gatehouse", ada.app.totp.issuer or "")
    ada.page.locator("[name=saved]").check()
    ada.page.locator(MAIN).first.click()
    ada.page.wait_for_url("**/")
