"""Support staff, owners and the admin's addresses, for the tests of the admin."""

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEvent, Notice, User
from tests.enforcement.kit import enrolled_person, sign_in, sign_in_with_code


def support_browser(email: str = "support@gatehouse.example", **fields: Any) -> Client:
    """Support staff, signed in with a code just now."""
    return sign_in_with_code(enrolled_person(email=email, is_staff=True, **fields))


def root_browser() -> Client:
    return support_browser("root@gatehouse.example", is_superuser=True)


def owner_browser(owner: User) -> Client:
    """An owner without a device: the password alone."""
    return sign_in(owner)


def account_page(account: Account) -> str:
    return reverse("admin:accounts_account_change", args=[account.pk])


def requirement_page(account: Account) -> str:
    return reverse("admin:accounts_account_requirement", args=[account.pk])


def person_page(person: User, action: str = "change") -> str:
    return reverse(f"admin:accounts_user_{action}", args=[person.pk])


def row_page(row: AuditEvent | Notice) -> str:
    return reverse(f"admin:accounts_{row._meta.model_name}_change", args=[row.pk])


def switch(client: Client, account: Account, state: str = "on", **fields: Any) -> Any:
    """Press the button of a preview that was opened at this instant."""
    given = {"confirm": state, "preview_at": timezone.now().isoformat(), **fields}
    return client.post(requirement_page(account), given)
