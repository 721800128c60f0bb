"""J2 and J3 in a real browser, with JavaScript and without."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.product import Product
from tests.browser.walk import Person

pytestmark = pytest.mark.browser
PHONE = "+12025550142"


@pytest.mark.proves("B66")
@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_a_member_sets_up_an_app_and_signs_in_with_it(
    javascript: bool, stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    _, email = stage("ada")
    ada = person(email, java_script_enabled=javascript)
    ada.follow_mail("two-factor")
    ada.give_password()
    ada.is_at("/two-factor/setup/")
    ada.open("/")
    ada.see("hours")
    ada.follow("Set it up now")
    ada.set_up_app()
    ada.open("/")
    ada.is_at("/")
    ada.open("/two-factor/backup-codes/")
    expect(ada.page.locator(".backup-code")).to_have_count(0)
    ada.sign_out()
    ada.sign_in()


def test_a_member_sets_up_a_phone_without_javascript(
    stage: Callable[..., list[str]], person: Callable[..., Person], product: Product
) -> None:
    _, email = stage("ben")
    ben = person(email, java_script_enabled=False)
    ben.follow_mail("two-factor")
    ben.give_password()
    ben.set_up_phone(PHONE)
    ben.open("/")
    ben.sign_out()
    ben.give_password()
    ben.is_at("/login/verify/")
    ben.give_code("000000", "Sign in")
    ben.see("no longer good")
    assert len(product.texts(PHONE)) == 1
