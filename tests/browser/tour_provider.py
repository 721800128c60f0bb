"""The part of the tour that is about single sign-on: support enters a provider, people meet it."""

from tests.browser import desk
from tests.browser.tour import Tour
from tests.browser.walk import Person


def enter_a_provider(tour: Tour, root: Person) -> None:
    """Support enters the account's provider; who signs in is shown the way to it."""
    fill_in(tour, root)
    look_after(root)
    meet_it(tour)


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
        issuer="https://login.harbour.example",
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
    root.press("Test the sign-in")
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
