"""Sign-in and set-up by keyboard alone, and two tabs that got in each other's way."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.walk import Authenticator, Person

pytestmark = pytest.mark.browser
TABS = 40  # more than any page has places to stop at
FOCUSED = """() => {
    const at = document.activeElement;
    return [at.name || "", (at.innerText || at.value || "").trim(), at.matches(":focus-visible")];
}"""


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the element of that name, or with that text, has the focus, and shows it."""
    for _ in range(TABS):
        name, text, is_shown = page.evaluate(FOCUSED)
        if wanted in (name, text):
            assert is_shown, f"Nobody sees that {wanted} has the focus."
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} can't be reached by keyboard.")


def type_into(page: Page, wanted: str, text: str) -> None:
    tab_to(page, wanted)
    page.keyboard.type(text)


def press(page: Page, wanted: str) -> None:
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def give_password(who: Person) -> None:
    type_into(who.page, "email", who.email)
    type_into(who.page, "password", who.password)
    press(who.page, "Continue")


def test_sign_in_and_set_up_by_keyboard_alone(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    _, email = stage("ada")
    ada = person(email)
    ada.follow_mail("asks you")
    give_password(ada)
    ada.is_at("/two-factor/setup/")
    tab_to(ada.page, "method")
    ada.page.keyboard.press("ArrowDown")
    ada.page.keyboard.press("ArrowUp")
    press(ada.page, "Continue")
    ada.is_at("/two-factor/setup/app/")
    ada.app = Authenticator(totp=ada.scan())
    type_into(ada.page, "code", ada.app.code())
    expect(ada.page.locator(".backup-code")).to_have_count(10)
    tab_to(ada.page, "saved")
    ada.page.keyboard.press("Space")
    press(ada.page, "Continue")
    expect(ada.page.locator(".backup-code")).to_have_count(0)
    ada.open("/")
    press(ada.page, "Sign out")
    ada.is_at("/login/")
    give_password(ada)
    ada.is_at("/login/verify/")
    # The sixth digit sends it.
    type_into(ada.page, "code", ada.app.code())
    ada.is_at("/")


def test_the_first_stop_leads_past_the_navigation(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    (email,) = stage(is_required=False)
    owner = person(email)
    owner.give_password()
    owner.is_at("/")
    owner.page.keyboard.press("Tab")
    assert owner.page.evaluate(FOCUSED)[1] == "Skip to the content"
    owner.page.keyboard.press("Enter")
    assert owner.page.evaluate("document.activeElement.id") == "main"


def test_a_sign_in_page_left_in_another_tab_can_be_recovered_from(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    (email,) = stage(is_required=False)
    owner = person(email)
    owner.open("/login/")
    stale = owner.context.new_page()
    stale.goto(f"{owner.product.url}/login/")
    owner.give_password()
    owner.is_at("/")
    stale.locator("[name=email]").fill(email)
    stale.locator("[name=password]").fill(owner.password)
    stale.get_by_role("button", name="Continue").click()
    expect(stale.locator("h1")).to_have_text("This page was out of date")
    stale.get_by_role("link", name="Go on").click()
    expect(stale).to_have_url(f"{owner.product.url}/")
    expect(stale.locator("h1")).to_have_text("Your accounts")


def test_a_code_page_left_in_another_tab_can_be_recovered_from(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    _, email = stage("ada")
    ada = person(email)
    ada.follow_mail("asks you")
    ada.give_password()
    ada.set_up_app()
    ada.open("/")
    ada.sign_out()
    ada.give_password()
    ada.is_at("/login/verify/")
    stale = ada.context.new_page()
    stale.goto(f"{ada.product.url}/login/verify/")
    ada.type_code()
    ada.is_at("/")
    stale.locator("[name=code]").fill("123456")
    expect(stale.locator("h1")).to_have_text("This page was out of date")
    stale.get_by_role("link", name="Go on").click()
    expect(stale).to_have_url(f"{ada.product.url}/")
