"""Providers that do as they are told, each known to an account; see tests/services/idp.py."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import oidc_metadata
from accounts.models import Account, Provider
from tests.factories import make_account, make_provider
from tests.services.idp import CLIENT_SECRET, Idp, running_idp
from tests.sso.kit import House


@pytest.fixture(scope="package")
def two_idps() -> Iterator[tuple[Idp, Idp]]:
    with ExitStack() as stack:
        yield (stack.enter_context(running_idp()), stack.enter_context(running_idp()))


@pytest.fixture
def private_allowed(settings: Settings) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    oidc_metadata.forget()


def provider_at(idp: Idp, account: Account) -> Provider:
    idp.clear()
    provider = make_provider(account, now=timezone.now(), issuer=idp.issuer, slug=account.slug)
    provider.seal_client_secret(CLIENT_SECRET)
    provider.save()
    return provider


@pytest.fixture
def northwind(two_idps: tuple[Idp, Idp], private_allowed: None, db: None) -> House:
    """An account with a provider, whose person is Ada."""
    return house(two_idps[0], "northwind")


@pytest.fixture
def contoso(two_idps: tuple[Idp, Idp], private_allowed: None, db: None) -> House:
    return house(two_idps[1], "contoso")


def house(idp: Idp, slug: str) -> House:
    account = make_account(slug, email_domains=[f"{slug}.example"])
    provider = provider_at(idp, account)
    idp.person = {
        "sub": "ada-at-the-provider",
        "email": f"ada@{slug}.example",
        "email_verified": True,
        "name": "Ada",
    }
    return House(account=account, provider=provider, idp=idp, client=Client())
