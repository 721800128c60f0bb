"""Every page, on a phone in the light and on a desk in the dark: no fault that axe finds serious,
nothing wider than a screen of 320, no complaint about the content security policy.

`make proof ARGS=pages` walks the same in every language and form, with the names that are hardest
to print.
"""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.browser import tour as through
from tests.browser import tour_links, tour_provider
from tests.browser.eyes import IN_FULL, Eyes
from tests.browser.product import Product
from tests.browser.test_names import ACCOUNT, PEOPLE
from tests.browser.tour import Tour

pytestmark = pytest.mark.browser
LANGUAGE = os.environ.get("PAGES", "en")
MAILS = None if IN_FULL else 2  # how many of the mails are looked at
# The eyes see each page on a desk and on a phone; in full, the story is walked in these as well.
PHONE, DESK = ({"width": width, "height": 800} for width in (360, 1280))
BROWSERS = {
    "a phone": {"viewport": PHONE},
    "a phone without scripts": {"viewport": PHONE, "java_script_enabled": False},
    "a desk without scripts": {"viewport": DESK, "java_script_enabled": False},
}
WALKS = {"by eyes": {}, **(BROWSERS if IN_FULL and LANGUAGE == "en" else {})}


def people(*names: str) -> dict[str, object]:
    """Return how the people of the tour are called; in English as their addresses say."""
    if LANGUAGE == "en":
        return {}
    called = [PEOPLE[at % len(PEOPLE)][:200].strip() for at in range(len(names) + 1)]
    return {"name": ACCOUNT[:200], "names": called, "language": LANGUAGE}


@pytest.mark.parametrize("kind", WALKS.values(), ids=WALKS)
def test_every_page_of_the_story_is_sound(
    tour: Callable[..., Tour], kind: dict[str, object]
) -> None:
    names = ("ada", "ben", "chloe")
    through.whole_story(tour(*names, browser=kind, is_required=False, **people(*names)))


def test_every_page_of_the_desk_every_part_and_every_fault_is_sound(
    tour: Callable[..., Tour],
) -> None:
    names = ("ada", "rita", "otto", "lea")
    staged = tour(*names, **people(*names))
    root = through.support_desk(staged)
    tour_provider.enter_a_provider(staged, root)
    if IN_FULL:
        tour_links.links(staged)
    through.faults(staged)


def test_every_mail_is_sound(
    product: Product, new_context: Callable[..., BrowserContext], eyes: Eyes
) -> None:
    eyes.language = LANGUAGE
    page = new_context(locale=LANGUAGE).new_page()
    page.goto(f"{product.url}/styleguide/mail/")
    parts = page.locator("main a[href*='/styleguide/mail/']")
    mails = parts.evaluate_all("links => links.map(link => link.href)")
    assert len(mails) > 30
    for mail in mails[:MAILS]:
        page.goto(mail)
        eyes.look(page, mail)
