"""What owners and support do in the admin, as they would: by its links and buttons."""

from playwright.sync_api import expect

from tests.browser.walk import Person


def prove_if_asked(who: Person) -> None:
    """Give password and code again where the last proof is more than ten minutes old."""
    if "/reauthenticate/" in who.page.url:
        assert who.app
        who.fill(password=who.password, code=who.app.code())
        who.press("Continue")


def open_account(who: Person, name: str) -> None:
    who.open("/admin/")
    who.look(who.page, "admin-desk")
    who.page.locator("main a[href$='/admin/accounts/account/']").first.click()
    who.look(who.page, "admin-accounts")
    who.follow(name)


def switch_on(owner: Person, account: str) -> None:
    """Look at what would change, then require it."""
    open_account(owner, account)
    owner.look(owner.page, "admin-account")
    owner.follow("Preview and switch on…")
    owner.see("The mails, as they will be sent", "Deadline, if switched on now")
    owner.look(owner.page, "admin-requirement")
    owner.press("Require it from now on")
    owner.see(account, "requires two-factor authentication. The members are mailed")
    owner.look(owner.page, "admin-account-required")


def open_person(support: Person, email: str) -> None:
    support.open(f"/admin/accounts/user/?q={email}")
    support.look(support.page, "admin-people")
    support.page.locator(f"#result_list a:has-text('{email}')").click()
    expect(support.page.locator("h1")).to_be_visible()


def grant_pass(support: Person, email: str, *, reason: str) -> None:
    open_person(support, email)
    support.look(support.page, "admin-person")
    support.follow("Grant a pass…")
    prove_if_asked(support)
    support.look(support.page, "admin-pass")
    support.fill(reason=reason)
    support.press("Grant the pass")
    support.see("can sign in with the password alone until")
    support.look(support.page, "admin-person-on-pass")


def revoke_pass(support: Person, email: str) -> None:
    open_person(support, email)
    support.follow("Revoke the pass…")
    support.look(support.page, "admin-pass-revoke")
    support.press("Revoke the pass")
    support.see("has ended.")


def first_sign_in(staff: Person) -> None:
    """Staff of the site are due at once: their first sign-in goes through set-up."""
    staff.give_password()
    staff.prove_mailbox()
    staff.set_up_app()
    staff.is_at("/")


def look_at_the_account(owner: Person) -> None:
    """Look at all that an owner's page can show: figures, filters, a narrowed list, a reminder."""
    owner.find("The figures as a table").click()
    owner.find("Search and filter").click()
    owner.look(owner.page, "admin-account-figures")
    owner.page.locator("#narrow-outcome").select_option("must_act")
    owner.press("Show")
    owner.see("fit.")
    owner.look(owner.page, "admin-account-narrowed")
    owner.press("Remind them now")
    owner.see("a reminder is on its way")
    owner.press("Remind them now")
    owner.see("Nobody was mailed: the last reminder went out")
    owner.look(owner.page, "admin-account-reminded")
    with owner.page.expect_download() as taken:
        owner.press("CSV file")
    assert owner.email in taken.value.path().read_text()
