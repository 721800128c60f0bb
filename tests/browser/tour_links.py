"""The part of the tour that begins in a mailbox: links that are good, used, too old or taken back,
and what whoever tries out links is told.
"""

from datetime import UTC, datetime

from tests.browser.product import link_in
from tests.browser.tour import Tour, look_when_told_to_wait
from tests.browser.walk import Person

LONG_AGO = "2026-01-01 00:00:00"


def links(tour: Tour) -> None:
    owner, lea = tour.cast("owner", "lea")
    invitations(tour, owner)
    lea.follow_mail("two-factor")
    lea.give_password()
    lea.set_up_app()
    another_address(tour, lea)
    link_of_another(tour, owner)
    it_was_not_me(lea)
    a_new_password(lea)
    a_stopped_password(tour, lea)
    too_many_tries(tour)


def invitations(tour: Tour, owner: Person) -> None:
    """One that nobody took in time, and one that was taken back."""
    if "/login/" in owner.page.url or owner.page.url == "about:blank":
        owner.give_password()
        owner.page.wait_for_url("**/")
    stranger = tour.someone(tour.email("nobody"))
    for name, column in {"late": "expires_at", "gone": "revoked_at"}.items():
        owner.open(f"/accounts/{tour.slug}/")
        owner.fill(email=tour.email(name))
        owner.press("Send the invitation")
        guest = tour.someone(tour.email(name))
        link = link_in(guest.mail("invites you"), "/invitations/")
        statement = f"UPDATE accounts_invitation SET {column} = ? WHERE email = ?"  # noqa: S608
        tour.change(statement, LONG_AGO, guest.email)
        stranger.open(link)
        assert stranger.page.locator("main form[method=post]").count() == 0
        stranger.look(stranger.page, f"invitation-{name}")


def another_address(tour: Tour, lea: Person) -> None:
    lea.open("/settings/email/")
    lea.fill(email=tour.email("lea.new"))
    lea.press("Send the mail")
    lea.look(lea.page, "settings-email-awaited")
    mailbox = tour.someone(tour.email("lea.new"))
    lea.open(link_in(mailbox.mail(""), "/settings/email/confirm/"))
    assert lea.page.locator("main form[method=post]").count() == 1
    lea.look(lea.page, "email-confirm")


def link_of_another(tour: Tour, owner: Person) -> None:
    ada = tour.someone(tour.email("ada"))
    owner.open(link_in(ada.mail("two-factor"), "/two-factor/setup/link"))
    owner.look(owner.page, "setup-link-of-another")


def it_was_not_me(lea: Person) -> None:
    link = link_in(lea.mail("is set up"), "/not-me/")
    lea.open(link)
    lea.look(lea.page, "not-me")
    lea.press("It wasn't me: stop it")
    lea.see("Thank you, it is stopped")
    lea.look(lea.page, "not-me-done")
    lea.open(link)
    lea.look(lea.page, "not-me-used")


def a_new_password(lea: Person) -> None:
    lea.open("/password/reset/")
    lea.fill(email=lea.email)
    lea.press("Mail me the link")
    lea.open(link_in(lea.mail("Choose a new password"), "/password/reset/"))
    lea.look(lea.page, "password-reset-confirm")
    lea.password = "another gate for another day"
    lea.fill(new_password1=lea.password, new_password2=lea.password)
    lea.press("Save the password")
    lea.page.wait_for_url("**/complete/")
    lea.look(lea.page, "password-reset-complete")


def a_stopped_password(tour: Tour, lea: Person) -> None:
    tour.change(
        "UPDATE accounts_user SET password_stopped_at = ? WHERE email = ?",
        str(datetime.now(UTC).replace(tzinfo=None)),
        lea.email,
    )
    lea.give_password()
    lea.look(lea.page, "password-stopped")


def too_many_tries(tour: Tour) -> None:
    """What an address is told that tries out links."""
    look_when_told_to_wait(tour, "/not-me/0/", "link-throttled")
