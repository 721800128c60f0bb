"""Each page of the product is on the tour, so that whoever adds one has it looked at, too."""

import re
from pathlib import Path

BROWSER = Path(__file__).parent
TEMPLATES = BROWSER.parents[1] / "templates"
OWN = re.compile(r'{%\s*extends\s+"(?:base|layouts/|admin/)')
PICTURES = {
    "400.html": "fault-400",
    "403.html": "fault-403",
    "403_csrf.html": "fault-403-csrf",
    "404.html": "fault-404",
    "500.html": "fault-500",
    "503.html": "fault-503",
    "accounts/account.html": "account-owner",
    "accounts/account_leave.html": "account-leave",
    "accounts/admin/audit.html": "admin-audit",
    "accounts/home.html": "home",
    "accounts/link_throttled.html": "link-throttled",
    "accounts/login.html": "login",
    "accounts/not_me.html": "not-me",
    "accounts/outbox.html": "outbox",
    "accounts/password_reset.html": "password-reset",
    "accounts/password_reset_complete.html": "password-reset-complete",
    "accounts/password_reset_confirm.html": "password-reset-confirm",
    "accounts/password_reset_done.html": "password-reset-done",
    "accounts/password_stopped.html": "password-stopped",
    "accounts/settings_delete.html": "settings-delete",
    "accounts/settings_email.html": "settings-email",
    "accounts/settings_email_confirm.html": "email-confirm",
    "accounts/settings_password.html": "settings-password",
    "accounts/settings_profile.html": "settings-profile",
    "accounts/sso_choose.html": "login-sso",
    "accounts/sso_continue.html": "login-sso-continue",
    "accounts/sso_link.html": "login-sso-link",
    "accounts/sso_refused.html": "login-sso-refused",
    "accounts/sso_required.html": "account-sso-required",
    "accounts/sso_throttled.html": "login-sso-throttled",
    "enforcement/admin/account.html": "admin-account",
    "enforcement/admin/accounts.html": "admin-accounts",
    "enforcement/admin/action.html": "admin-pass",
    "enforcement/admin/desk.html": "desk",
    "enforcement/admin/person.html": "person",
    "enforcement/admin/person_add.html": "person-add",
    "enforcement/admin/provider.html": "provider",
    "enforcement/admin/provider_act.html": "provider-add",
    "enforcement/admin/provider_test.html": "provider-tested",
    "enforcement/admin/requirement.html": "admin-requirement",
    "enforcement/help.html": "help",
    "enforcement/invitation.html": "invitation-new",
    "enforcement/member_pass.html": "member-pass",
    "enforcement/pass_end.html": "pass-end",
    "enforcement/styleguide.html": "styleguide",
    "twofactor/backup_codes.html": "backup-codes",
    "twofactor/backup_codes_about.html": "backup-codes-about",
    "twofactor/device_remove.html": "device-remove",
    "twofactor/device_replace.html": "device-replace",
    "twofactor/link_invalid.html": "setup-link-invalid",
    "twofactor/link_of_other.html": "setup-link-of-another",
    "twofactor/not_required.html": "setup-not-required",
    "twofactor/reauthenticate.html": "reauthenticate",
    "twofactor/recovery.html": "recovery",
    "twofactor/security.html": "security",
    "twofactor/setup.html": "setup",
    "twofactor/setup_app.html": "setup-app",
    "twofactor/setup_mailbox.html": "setup-mailbox",
    "twofactor/setup_text.html": "setup-text",
    "twofactor/setup_text_confirm.html": "setup-text-confirm",
    "twofactor/throttled.html": "throttled",
    "twofactor/verify.html": "verify-app",
}
# A list for developers, each of whose mails is looked at by itself: test_pages.py.
ELSEWHERE = {"enforcement/styleguide_mail.html"}
MADE_UP = {  # names that the tour puts together
    *(f"fault-{name}" for name in ("400", "403", "403-csrf", "500", "503")),
    *(f"settings-{name}" for name in ("profile", "email", "password", "delete")),
}


def pages() -> set[str]:
    """Return each template that is a page of ours: neither a layout nor a part nor a mail."""
    found = {str(path.relative_to(TEMPLATES)): path for path in TEMPLATES.rglob("*.html")}
    return {
        name
        for name, path in found.items()
        if not re.search(r"^(admin|layouts|parts)/|/mail/|^base", name)
        and OWN.search(path.read_text())
    }


def test_every_page_is_toured() -> None:
    assert pages() == set(PICTURES) | ELSEWHERE


def test_the_tour_takes_each_of_these_pictures() -> None:
    tour = [*BROWSER.glob("tour*.py"), BROWSER / "walk.py", BROWSER / "desk.py"]
    source = "".join(path.read_text() for path in tour)
    assert {name for name in PICTURES.values() if f'"{name}"' not in source} <= MADE_UP
