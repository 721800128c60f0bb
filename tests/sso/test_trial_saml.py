"""Support tries a provider of SAML: each step is told, whichever fails, and nobody is signed in."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Identity, Protocol, Provider, User
from enforcement.admin_provider_trial import GO, SAML_TITLES
from tests.enforcement.desk import support_browser
from tests.factories import make_account, make_provider
from tests.sso.kit import refusals
from tests.sso.saml import plain
from tests.sso.saml.forging import AUDIENCE, Forgery, Signing, with_text
from tests.sso.saml.keys import Keys, keys

pytestmark = [pytest.mark.django_db, pytest.mark.idp]

ISSUER = "https://idp.example/metadata"
HONEST = Forgery(code="")


@pytest.fixture
def desk() -> Client:
    return support_browser()


@pytest.fixture
def provider() -> Provider:
    account = make_account("northwind", email_domains=["northwind.example"])
    return make_provider(
        account,
        now=timezone.now(),
        slug="northwind",
        protocol=Protocol.SAML,
        issuer=ISSUER,
        sso_url="https://idp.example/sso",
        certificates=keys("trial").certificate,
        allow_creation=True,
    )


def tried(
    desk: Client, provider: Provider, forgery: Forgery = HONEST, *, signed_by: Keys | None = None
) -> Any:
    """Go there and come back; return the page that tells of it."""
    page = reverse("admin:accounts_provider_test", args=[provider.pk])
    left: Any = desk.get(page, {GO: "1"})
    if left["Location"] != page:
        xml = plain.unsigned(
            left["Location"], issuer=ISSUER, subject="4711", email="ada@northwind.example"
        )
        given = plain.encoded(forgery.made(xml, signed_by or keys("trial")))
        callback = reverse("sso_callback", args=[provider.slug])
        back: Any = desk.post(callback, {"SAMLResponse": given})
        assert back["Location"] == page
    return desk.get(page)


def results(answer: Any) -> list[str]:
    return [line.result for line in answer.context["lines"]]


def test_each_step_that_goes_well_is_told_and_nobody_is_made_or_signed_in(
    desk: Client, provider: Provider
) -> None:
    before = User.objects.count(), desk.session["_auth_user_id"]
    answer = tried(desk, provider)
    assert results(answer) == ["ok"] * len(SAML_TITLES)
    assert "ada@northwind.example" in answer.content.decode()
    assert answer.context["trial"].would_come_in
    assert (User.objects.count(), desk.session["_auth_user_id"]) == before
    assert not Identity.objects.exists()


FAULTS = {
    "answer": (Forgery(written=lambda xml: xml[:-20], code=""), None),
    "signature": (HONEST, "mallory's own"),
    "claims": (Forgery(before=with_text(AUDIENCE, "https://other.example"), code=""), None),
}


@pytest.mark.parametrize("step", FAULTS)
def test_the_step_that_fails_is_told_and_no_refusal_is_written(
    desk: Client, provider: Provider, step: str
) -> None:
    forgery, signed_by = FAULTS[step]
    answer = tried(desk, provider, forgery, signed_by=keys(signed_by) if signed_by else None)
    number = list(SAML_TITLES).index(step)
    rest = len(SAML_TITLES) - number - 1
    assert results(answer) == ["ok"] * number + ["failed"] + ["not_reached"] * rest
    row: Any = AuditEvent.objects.filter(event="provider_tested").latest("pk")
    assert row.after["step"] == step
    assert not refusals()


def test_an_unsigned_assertion_is_told_with_what_to_mend(desk: Client, provider: Provider) -> None:
    answer = tried(desk, provider, Forgery(signing=Signing(assertion=False), code=""))
    assert "The assertion is not signed." in answer.content.decode()
    assert "What to mend:" in answer.content.decode()
