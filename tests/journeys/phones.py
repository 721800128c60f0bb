"""How people come to stand before the page that asks for their number."""

from tests.journeys.driver import SETUP_TEXT, Browser
from tests.journeys.post import SETUP_LINK, link_in, mails_to, run_jobs
from tests.journeys.world import Northwind


def before_the_number(northwind: Northwind) -> Browser:
    """Require it, and bring Ada by her mail's link to the page for her number."""
    northwind.require()
    northwind.clock.forward(minutes=1)
    browser = Browser(northwind.ada)
    browser.sign_in()
    run_jobs()
    browser.open(link_in(mails_to(browser.email)[0], SETUP_LINK))
    assert browser.choose("text").path == SETUP_TEXT
    return browser
