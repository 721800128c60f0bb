"""Addresses from providers that a row has no room for."""

import pytest

from accounts import sso_admission
from accounts.claims import Claims, Refused
from accounts.emails import LONGEST_EMAIL, canonical_email, domain_of
from tests.factories import make_account, make_provider
from tests.journeys.clock import START

pytestmark = pytest.mark.django_db


def test_an_address_that_grows_as_it_is_stored_is_refused() -> None:
    """A capital I with a dot becomes two letters in lower case."""
    email = "ada@" + ".".join(["\u0130" * 30] * 5) + ".example"
    assert len(email) < LONGEST_EMAIL < len(canonical_email(email))
    domain = domain_of(canonical_email(email))
    provider = make_provider(make_account(email_domains=[domain]), now=START)
    claims = Claims(subject="1", email=email, email_verified=True)
    with pytest.raises(Refused) as refused:
        sso_admission.check_address(provider, claims)
    assert refused.value.code == "email_unverified"
