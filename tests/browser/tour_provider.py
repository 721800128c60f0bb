"""The part of the tour that is about single sign-on: support enters a provider, people meet it."""

import html

from playwright.sync_api import Route

from tests.browser import desk
from tests.browser.tour import Tour, look_when_told_to_wait
from tests.browser.walk import Person
from tests.sso.saml import plain
from tests.sso.saml.keys import keys

ISSUER = "https://login.harbour.example"
SCRIPTS = "**/*.js"
ANSWER = """<!doctype html><title>Harbour ID</title>
<form method="post" action="{to}"><input name="SAMLResponse" type="hidden" value="{answer}">
<button>Sign in</button></form>"""


def enter_a_provider(tour: Tour, root: Person) -> None:
    """Support enters the account's provider; who signs in is shown the way to it."""
    fill_in(tour, root)
    look_after(root)
    meet_it(tour)
    try_too_often(tour)
    come_by_saml(tour)


def fill_in(tour: Tour, root: Person) -> None:
    root.open("/admin/accounts/account/")
    root.look(root.page, "accounts")
    root.follow(tour.account)
    root.page.locator("section[aria-labelledby=sso] a").click()
    desk.prove_if_asked(root)
    root.follow("SAML 2.0")
    root.press("Add the provider")
    root.look(root.page, "provider-add-wrong")
    root.follow("OpenID Connect")
    root.look(root.page, "provider-add")
    root.fill(
        name="Harbour ID",
        issuer=ISSUER,
        client_id="gatehouse",
        email_domains=f"{tour.slug}.example",
        secret="0123456789abcdef",
        reason="Its owner asked for it, called back on the known number.",
    )
    root.press("Add the provider")
    root.see("The provider is added")
    assert "0123456789abcdef" not in root.page.content()
    root.look(root.page, "provider")


def look_after(root: Person) -> None:
    """From the page of the provider: everything that can be done to it, and a test of it."""
    at = root.page.url.partition("change/")[0]
    for act in ("edit", "secret", "replace", "off", "cut/off", "test"):
        root.page.goto(f"{at}{act}/")
        root.look(root.page, f"provider-{act.replace('/', '-')}")
    root.follow("Test the sign-in")
    root.see("What happened", "failed", "What to mend:", "not reached")
    root.look(root.page, "provider-tested")
    root.open("/admin/accounts/provider/")
    root.see("Harbour ID", "live")
    root.look(root.page, "providers")


def meet_it(tour: Tour) -> None:
    """Whoever types an address of the account's domain, and a member who came by password."""
    stranger = tour.someone(tour.email("nobody"))
    stranger.open("/sso/")
    stranger.look(stranger.page, "login-sso")
    stranger.fill(email=tour.email("ada"))
    stranger.page.locator("main form[method=post] button[type=submit]").first.click()
    stranger.look(stranger.page, "login-sso-ways")
    stranger.open(f"/sso/{tour.slug}/callback/?state=unknown&code=1")
    stranger.look(stranger.page, "login-sso-refused")
    tour.change(
        "UPDATE accounts_provider SET is_required = 1 WHERE account_id ="
        " (SELECT id FROM accounts_account WHERE slug = ?)",
        tour.slug,
    )
    ada = tour.someone(tour.email("ada"))
    ada.give_password()
    ada.open(f"/accounts/{tour.slug}/")
    ada.look(ada.page, "account-sso-required")


def try_too_often(tour: Tour) -> None:
    """What an address is told whose answers let nobody in."""
    callback = f"/sso/{tour.slug}/callback/?state=unknown&code=1"
    look_when_told_to_wait(tour, callback, "login-sso-throttled")


def come_by_saml(tour: Tour) -> None:
    """A member whose sign-in the provider does not know yet, as one of SAML would send her."""
    tour.change(
        "UPDATE accounts_provider SET protocol = 'saml', sso_url = ?, certificates = ?"
        " WHERE account_id = (SELECT id FROM accounts_account WHERE slug = ?)",
        f"{ISSUER}/sso",
        keys("browser").certificate,
        tour.slug,
    )
    ada = tour.someone(tour.email("ada"))
    ada.page.route(f"{ISSUER}/**", lambda route: _answer(route, ada.email))
    # The page sends itself on by a script; without, it stays and has a button.
    ada.page.route(SCRIPTS, lambda route: route.abort())
    # A redirect is followed past any stand-in, so its address is read and opened.
    start = f"{tour.product.url}/sso/{tour.slug}/"
    ada.open(ada.context.request.get(start, max_redirects=0).headers["location"])
    ada.page.locator("button").click()
    ada.see("Go on here if this page stays")
    ada.look(ada.page, "login-sso-continue")
    ada.page.unroute(SCRIPTS)
    ada.press("Go on")
    ada.is_at(f"/sso/{tour.slug}/link/")
    ada.look(ada.page, "login-sso-link")
    ada.fill(password="not the password")
    ada.press("Continue")
    ada.look(ada.page, "login-sso-link-wrong")


def _answer(route: Route, email: str) -> None:
    """Stand in for the provider's own page, behind which the person has signed in."""
    url = route.request.url
    answer = plain.answer(url, keys("browser"), issuer=ISSUER, subject="4711", email=email)
    page = ANSWER.format(to=html.escape(plain.callback_of(url)), answer=answer)
    route.fulfill(content_type="text/html", body=page)
