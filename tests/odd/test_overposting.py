"""Every column of every model posted to every form: nothing but what the form is for changes.

Each form is sent twice from the same state, as it is filled in by a person and with the columns
beside. Both must leave the same rows, and change no other columns than those written down here.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.apps import apps
from django.db import models, transaction
from django.urls import resolve

from tests.accounts.pem import make_pem
from tests.factories import PASSWORD, make_account
from tests.journeys.clock import START
from tests.journeys.post import code_in, mails_to, run_jobs
from tests.journeys.world import Northwind
from tests.odd.pages import OPENINGS, Blank, blanks
from tests.odd.world import KEPT, undone
from tests.twofactor.people import STEP
from twofactor import sent_codes
from twofactor.models import SentCode, TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S54")]

MODELS: list[Any] = [
    model
    for label in ("accounts", "twofactor", "enforcement")
    for model in apps.get_app_config(label).get_models()
]
# Drawn anew by each try, so that they can't be compared; but what was posted they must not be.
DRAWN = {
    "password", "stamp", "session_salt", "mailbox_nonce", "nonce", "token_hash", "session_key",
    "session_data", "uid", "secret", "salt", "sealed_hash", "code_hash", "attempt", "number",
    "request_id", "proof", "hash", "previous", "client_secret",
}  # fmt: skip
TOKEN = re.compile(r"(?=[\w-]*[0-9A-Z])[\w-]{22,}")
# What each form is for. What it writes elsewhere (mails owed, the audit) is compared, too.
ENROLLED = {
    "+BackupCode", "+BackupCodeSet", "User.ended_reason", "User.enrolled_at", "User.last_login",
    "User.mailbox_nonce", "User.stamp",
}  # fmt: skip
APPROVED = {"Approval.closed_as", "Approval.closed_at", "Approval.closed_by_id"}
CHANGES: dict[str, set[str]] = {
    "login": {"User.last_login"},
    "language": set(),
    "sso_choose": set(),
    "sso_link": {"+Identity", "User.last_login", "User.last_provider_id"},
    "login_cancel": {"-TOTPDevice"},
    "logout": set(),
    "password_reset": set(),
    "password_reset_confirm": {
        "User.password", "User.password_reset_at", "User.stamp", "User.ended_reason",
    },
    "invitation": {"+User", "+Membership", "Invitation.accepted_at"},
    "verify": {"TOTPDevice.last_step", "User.last_login"},
    "recovery": set(),  # nobody here has the codes
    "help": {"+PassRequest"},
    "setup": set(),
    "setup_mailbox": set(),
    "setup_app": ENROLLED | {f"TOTPDevice.{name}" for name in (
        "attempt", "confirmed", "confirmed_at", "last_step")},
    "setup_text": {"+SMSDevice"},
    "setup_text_confirm": ENROLLED | {f"SMSDevice.{name}" for name in (
        "attempt", "confirmed", "confirmed_at")},
    "setup_text_send": set(),
    "backup_codes": {"BackupCodeSet.saved_at"},
    "reauthenticate": {"TOTPDevice.last_step"},
    "sessions_end_all": {"User.ended_reason", "User.session_salt", "User.stamp"},
    "settings_email": set(),  # the new address is asked first
    "settings_password": {"User.password", "User.stamp", "User.ended_reason"},
    "settings_profile": {"User.name"},
    "account_invite": {"+Invitation"},
    "member_pass": {"+PassRequest"},
    "member_remove": {"-Membership"},
    "member_role": {"Membership.role"},
    "admin:accounts_account_change": {"Account.name", "Account.plan", "Account.email_domains"},
    "admin:accounts_account_change, an owner's": {"Account.name"},
    "admin:accounts_account_export": set(),
    "admin:accounts_account_export, an owner's": set(),
    "admin:accounts_account_requirement": {"+Policy"},
    "admin:accounts_account_requirement, an owner's": {
        "+Policy", "Policy.ended_at", "Policy.ended_by_id",
    },
    "admin:accounts_account_advise, an owner's": set(),  # mails owed, as are the next two
    "admin:accounts_account_remind, an owner's": {"Policy.reminder_asked_at"},
    "admin:accounts_account_send_again, an owner's": set(),
    "admin:accounts_account_provider": {"+Provider", "Account.email_domains"},
    "admin:accounts_provider_edit": {
        "Account.email_domains", "Provider.client_id", "Provider.name",
    },
    "admin:accounts_provider_secret": {"Provider.client_secret"},
    "admin:accounts_provider_replace": {
        "+Provider", "Account.email_domains", "Identity.stamp_at_end", "Provider.off_at",
    },
    "admin:accounts_provider_off": {"Identity.stamp_at_end", "Provider.off_at"},
    "admin:accounts_provider_cut_off": {"Provider.cut_off_at"},
    "admin:accounts_provider_unlink": {
        "-Identity", "User.ended_reason", "User.session_salt", "User.stamp",
    },
    "admin:accounts_user_add": {"+User"},
    "admin:accounts_user_pass": {"+Pass", "User.pass_until"},
    "admin:accounts_user_reset": {
        "-BackupCode", "-BackupCodeSet", "-TOTPDevice", "User.ended_reason", "User.stamp",
    },
    "admin:accounts_user_staff": {"User.is_staff"},
    "admin:accounts_user_approve": {"+Pass", "User.pass_until"} | APPROVED,
    "admin:accounts_user_decline": APPROVED,
    "admin:accounts_user_address": {
        "User.email", "User.ended_reason", "User.mailbox_nonce", "User.stamp",
    },
    "admin:accounts_user_sign_out": {"User.ended_reason", "User.session_salt", "User.stamp"},
    "admin:accounts_user_deactivate": {
        "User.ended_reason", "User.is_active", "User.session_salt", "User.stamp",
    },
}  # fmt: skip
FILLED = {
    "email": "guest@northwind.example", "password": PASSWORD, "old_password": PASSWORD,
    "new_password1": "another long battery", "new_password2": "another long battery",
    "name": "New Name", "phone": "+12025550199", "country": "US", "role": "admin",
    "reason": "They rang.", "ticket": "T-1", "message": "Please.", "method": "app", "saved": "on",
    "is_staff": "on", "email_domains": "northwind.example", "language": "en",
    "plan": "team", "issuer": "https://login.example", "client_id": "another",
    "secret": "shared with it", "sso_url": "https://login.example/sso",
    "certificates": make_pem(now=START),
}  # fmt: skip
KNOWN = {"login", "password_reset"}  # where the address is of somebody who is there


def filled(blank: Blank, world: Northwind) -> dict[str, str]:
    """Fill in a form so that it is taken."""
    view = view_of(blank)
    given = {name: FILLED[name] for name in blank.names if name in FILLED}
    if view in KNOWN:
        given["email"] = world.ada.email
    if "code" in blank.names:
        given["code"] = code_for(view, world)
    return {**blank.fields, **given}


def code_for(view: str, world: Northwind) -> str:
    """Return the code that the form asks for, from where the person would read it."""
    if "mailbox" in view:
        run_jobs()
        return code_in(mails_to(world.ada.email, "Your code")[-1])
    if view == "setup_text_confirm":
        return sent_codes.code_of(SentCode.objects.latest("pk"))
    is_new = view == "setup_app"
    device = TOTPDevice.objects.filter(confirmed_at__isnull=is_new).latest("pk")
    # The code of now was given at sign-in.
    at = world.clock.now + (STEP if view == "reauthenticate" else timedelta())
    return pyotp.TOTP(device.open_secret()).at(at)


def view_of(blank: Blank) -> str:
    return resolve(blank.action.partition("?")[0]).view_name


def purpose_of(blank: Blank, opening: str) -> str:
    """Name a form; those of the admin are others to an owner than to a superuser."""
    view = view_of(blank)
    return (
        f"{view}, an owner's" if opening.startswith("owner") and view.startswith("admin:") else view
    )


Newest = dict[Any, str]


def newest() -> Newest:
    """Return the key of the newest row of each model that a column leads to."""
    led_to = {field.related_model for field in columns() if field.is_relation}
    rows = {model: model.objects.order_by("-pk").first() for model in led_to}
    return {model: str(getattr(row, "pk", 1)) for model, row in rows.items()}


def columns() -> list[Any]:
    return [field for model in MODELS for field in model._meta.concrete_fields]


def beside(choice: int, newest: Newest) -> dict[str, str]:
    """Return a value for each column of each model that would do harm if it were taken."""
    found = {}
    for field in columns():
        found[field.name] = found[field.attname] = harmful(field, choice, newest)
    return found | {"groups": "1", "user_permissions": "1", "pk": "1"}


def harmful(field: Any, choice: int, newest: Newest) -> str:
    if field.choices:
        return str(field.choices[choice][0])
    if isinstance(field, models.BooleanField):
        return "on" if choice else ""
    if isinstance(field, models.DateTimeField):
        return "2031-01-01T00:00:00Z"
    if field.is_relation:
        return newest[field.related_model]
    if isinstance(field, models.IntegerField):
        return "4242"
    return "posted@evil.example" if "mail" in field.name else "posted"


Rows = dict[str, list[dict[str, Any]]]


def stored() -> Rows:
    return {model.__name__: list(model.objects.values()) for model in MODELS}


def told(found: Rows, posted: dict[str, str]) -> dict[str, list[str]]:
    """Return all rows, in words, with what is drawn left out unless it is what was posted."""
    return {name: sorted(_told(rows, posted)) for name, rows in found.items()}


def _told(rows: list[dict[str, Any]], posted: dict[str, str]) -> Iterator[str]:
    for row in rows:
        drawn = {name: row[name] for name in DRAWN & set(row)}
        is_posted = {name for name, value in drawn.items() if str(value) == posted.get(name)}
        told = {name: row[name] for name in row if name not in DRAWN} | {"taken": is_posted}
        yield TOKEN.sub("(token)", repr(told))


def kept(found: Rows) -> dict[tuple[str, Any], dict[str, Any]]:
    names = [model.__name__ for model in KEPT]
    return {(name, row["id"]): row for name in names for row in found[name]}


def changed(before: Any, after: Any) -> set[str]:
    """Return the columns that differ, and the models with rows more or fewer."""
    both = before.keys() & after.keys()
    columns = {
        f"{key[0]}.{name}"
        for key in both
        for name in before[key]
        if before[key][name] != after[key][name]
    }
    more = {f"+{model}" for model, _ in after.keys() - before.keys()}
    return columns | more | {f"-{model}" for model, _ in before.keys() - after.keys()}


def forms(world: Northwind) -> Iterator[tuple[str, Blank]]:
    """Return each form once that anybody can come to stand before, while it can be sent."""
    for opening in OPENINGS:
        seen = set()
        with transaction.atomic():
            world.clock.set(START)
            make_account("elsewhere")
            for standpoint in opening(world):
                for blank in blanks(standpoint, buttons=True):
                    if (place := (blank.action, *sorted(blank.names))) not in seen:
                        seen.add(place)
                        yield opening.__name__, blank
            transaction.set_rollback(True)


def sent(blank: Blank, given: dict[str, str]) -> tuple[int, Rows]:
    """Send a form; return the answer's status and what was stored then, and take it back."""
    with undone(blank.client):
        answer = blank.client.post(blank.action, given)
        return answer.status_code, stored()


def test_no_form_takes_a_column_that_it_is_not_for(northwind: Northwind) -> None:
    """Neither with the least value that each column may have, nor with the most."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for opening, blank in forms(northwind):
        given, before = filled(blank, northwind), kept(stored())
        status, plain = sent(blank, given)
        rows_led_to = newest()
        place = f"{opening}: {view_of(blank)}"
        for choice in (0, -1):
            odd = {
                k: value for k, value in beside(choice, rows_led_to).items() if k not in blank.names
            }
            laden_status, laden = sent(blank, {**odd, **given})
            assert status == laden_status, place
            expected, after = told(plain, odd), told(laden, odd)
            for model, rows in expected.items():
                assert after[model] == rows, (place, model)
            found[purpose_of(blank, opening)] |= changed(before, kept(laden))
    assert dict(found) == CHANGES
