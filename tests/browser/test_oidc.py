"""A real browser goes by the certified provider's own pages, and comes back signed in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import desk
from tests.browser.product import Product
from tests.browser.walk import Person
from tests.services.oidc_provider import CLIENT_ID, SECRET, running_oidc_provider
from tests.services.processes import environment, python, running

pytestmark = [pytest.mark.browser, pytest.mark.idp]

SLUG, ADA = "certified", "ada@certified.example"


@pytest.fixture(scope="module")
def company(product: Product, data: Path) -> Iterator[str]:
    """An account that requires two-factor authentication; yield the address of its provider."""
    callback = f"{product.url}/sso/{SLUG}/callback/"
    with running_oidc_provider(folder=data, redirect_uris=[callback]) as idp:
        wanted = {
            "slug": SLUG,
            "members": [f"owner@{SLUG}.example"],
            "support": "Sam Support",
            "is_required": True,
            "provider": {
                "protocol": "oidc",
                "issuer": idp.issuer,
                "client_id": CLIENT_ID,
                "secret": SECRET,
                "email_domains": [f"{SLUG}.example"],
            },
        }
        env = environment(DJANGO_SETTINGS_MODULE="settings.local", VAR_DIR=str(data))
        command = python("-m", "tests.browser.stage", json.dumps(wanted))
        with running(command, folder=data, env=env) as process:
            assert process.popen.wait(120) == 0, process.output()
        yield idp.issuer


@pytest.mark.proves("S38", "S47")
def test_an_address_leads_to_the_provider_and_back_in(
    product: Product, company: str, page: Page
) -> None:
    page.goto(f"{product.url}/login/?next=/settings/")
    page.get_by_role("link", name="Sign in with SSO").click()
    page.get_by_label("Work email address").fill(ADA)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Sign in with Certified").click()
    assert page.url.startswith(company)
    page.locator('input[name="login"]').fill(ADA)
    page.locator('input[name="password"]').fill("any")
    page.locator('button[type="submit"]').click()
    page.locator('button[type="submit"]').click()  # yes, this site may know my address
    page.wait_for_url(f"{product.url}/settings/")
    assert ADA in page.content()
    page.goto(f"{product.url}/two-factor/setup/")  # who looks at set-up is free to leave (B92)
    page.goto(f"{product.url}/settings/")
    assert page.url == f"{product.url}/settings/"


def test_support_tests_a_provider_there_and_back(
    company: str, person: Callable[..., Person]
) -> None:
    support = person(f"support@{SLUG}.example")
    desk.first_sign_in(support)
    support.open("/admin/accounts/provider/?q=certified")
    support.page.locator("#result_list tbody th a").click()
    support.follow("Test the sign-in…")
    support.follow("Test the sign-in")
    support.page.wait_for_url(f"{company}/**")
    support.page.locator('input[name="login"]').fill("somebody@elsewhere.example")
    support.page.locator('input[name="password"]').fill("any")
    support.page.locator('button[type="submit"]').click()
    support.page.locator('button[type="submit"]').click()
    support.see("What happened", "somebody@elsewhere.example", "Nobody would come in")
    assert "failed" not in support.page.locator(".steps").inner_text()
