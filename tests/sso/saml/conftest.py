"""The providers of SAML that the tests of this folder run, started once per process."""

import pytest

from accounts import saml
from accounts.models import Account, Protocol, Provider
from tests.sso.saml.idp import IdP

SLUGS = ("northwind", "umbrella")


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, IdP]:
    """One provider for each account; each knows both accounts, as one for many would."""
    unsaved = [Provider(account=Account(), slug=slug, protocol=Protocol.SAML) for slug in SLUGS]
    metadata = [saml.metadata(provider) for provider in unsaved]
    return {slug: IdP(slug, tmp_path_factory.mktemp(slug), metadata) for slug in SLUGS}


@pytest.fixture
def idp(started: dict[str, IdP]) -> IdP:
    return started["northwind"]
