"""Sign-in and set-up by keyboard alone, and two tabs that got in each other's way."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.eyes import IN_FULL
from tests.browser.walk import Authenticator, Person

pytestmark = pytest.mark.browser
WIDTHS = (1280, 360) if IN_FULL else (1280,)
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


def stops(page: Page) -> list[str]:
    """Return where Tab stops, from the top of a page to its end."""
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    found: list[str] = []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        name, text, is_shown = page.evaluate(FOCUSED)
        if not is_shown or (found and (name or text) == found[0]):
            break
        found.append(name or text)
    page.evaluate("() => document.activeElement.blur()")
    return found


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


@pytest.mark.parametrize("width", WIDTHS)
def test_sign_in_and_set_up_by_keyboard_alone(
    stage: Callable[..., list[str]], person: Callable[..., Person], width: int
) -> None:
    _, email = stage("ada")
    ada = person(email, viewport={"width": width, "height": 800})
    ada.follow_mail("asks you")
    give_password(ada)
    ada.is_at("/two-factor/setup/")
    assert stops(ada.page) == ["Skip to the content", "Gatehouse", "method", "Continue", "Not now"]
    tab_to(ada.page, "method")
    ada.page.keyboard.press("ArrowDown")
    ada.page.keyboard.press("ArrowUp")
    press(ada.page, "Continue")
    ada.is_at("/two-factor/setup/app/")
    ways = ["Open my authenticator app", "Copy", "Which app?", "code", "Confirm"]
    assert stops(ada.page)[2:] == [*ways, "Choose another way"]
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
    stale = ada.context.new_page()
    stale.goto(f"{ada.product.url}/login/verify/")
    ada.page.bring_to_front()
    # The sixth digit sends it.
    type_into(ada.page, "code", ada.app.code())
    ada.is_at("/")
    stale.locator("[name=code]").fill("123456")
    can_be_recovered_from(stale, f"{ada.product.url}/")


def can_be_recovered_from(stale: Page, url: str) -> None:
    """A page that another tab has overtaken says so, and leads on."""
    expect(stale.locator("h1")).to_have_text("This page was out of date")
    stale.get_by_role("link", name="Go on").click()
    expect(stale).to_have_url(url)
    expect(stale.locator("h1")).to_have_text("Your accounts")


def test_the_first_stop_leads_past_the_navigation_and_a_tab_left_behind_is_told(
    stage: Callable[..., list[str]], person: Callable[..., Person]
) -> None:
    (email,) = stage(is_required=False)
    owner = person(email)
    owner.open("/login/")
    stale = owner.context.new_page()
    stale.goto(f"{owner.product.url}/login/")
    owner.page.bring_to_front()
    owner.give_password()
    owner.is_at("/")
    owner.page.keyboard.press("Tab")
    assert owner.page.evaluate(FOCUSED)[1] == "Skip to the content"
    owner.page.keyboard.press("Enter")
    assert owner.page.evaluate("document.activeElement.id") == "main"
    stale.locator("[name=email]").fill(email)
    stale.locator("[name=password]").fill(owner.password)
    stale.get_by_role("button", name="Continue").click()
    can_be_recovered_from(stale, f"{owner.product.url}/")
