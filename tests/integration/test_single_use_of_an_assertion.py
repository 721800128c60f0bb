"""Answers of SAML that come in parallel, on PostgreSQL: the ID of an assertion is good once."""

from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Protocol, Provider
from tests.factories import make_account, make_provider
from tests.integration.test_single_use_of_a_way import statuses
from tests.integration.threads import at_once
from tests.sso.kit import refusals
from tests.sso.saml import plain
from tests.sso.saml.forging import Forgery, with_value
from tests.sso.saml.keys import keys

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.idp,
    pytest.mark.proves("S51"),
    pytest.mark.django_db(transaction=True),
]
WAYS = 6
CALLBACK = "/sso/northwind/callback/"
SAME = Forgery(before=with_value(".", "ID", "id-same"), code="answer_replayed")


@pytest.fixture(autouse=True)
def provider() -> Provider:
    """One that lets new people into its account."""
    account = make_account("northwind", email_domains=["northwind.example"])
    return make_provider(
        account,
        now=timezone.now(),
        slug="northwind",
        protocol=Protocol.SAML,
        issuer="https://idp.example/metadata",
        sso_url="https://idp.example/sso",
        certificates=keys("races").certificate,
        allow_creation=True,
    )


def answered(browser: Client, provider: Provider, forgery: Forgery, subject: str) -> dict[str, str]:
    """Go to the provider; return what it posts for ``subject``."""
    left: Any = browser.get("/sso/northwind/")
    xml = plain.unsigned(
        left["Location"],
        issuer=provider.issuer,
        subject=subject,
        email=f"{subject}@northwind.example",
    )
    return {"SAMLResponse": plain.encoded(forgery.made(xml, keys("races")))}


def test_of_parallel_ways_that_one_id_answers_exactly_one_comes_in(provider: Provider) -> None:
    browsers = [Client() for _ in range(WAYS)]
    calls = [
        partial(browser.post, CALLBACK, answered(browser, provider, SAME, f"person{number}"))
        for number, browser in enumerate(browsers)
    ]
    assert statuses(at_once(calls)).count(302) == 1, refusals()
    assert refusals() == [SAME.code] * (WAYS - 1)
