"""Support tries a provider of SAML: what comes back is told, and signs nobody in."""

import base64
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import saml
from accounts.models import AuditEvent, Protocol, Provider
from accounts.sso_steps import Failed, Step
from enforcement.admin_provider_trial import GO
from tests.enforcement.desk import support_browser
from tests.factories import make_account, make_provider
from tests.sso.saml import plain
from tests.sso.saml.keys import keys

pytestmark = pytest.mark.django_db

TRY = {GO: "1"}
ISSUER = "urn:northwind:idp"


@pytest.fixture
def provider(db: None) -> Provider:
    return make_provider(
        make_account("northwind", email_domains=["northwind.example"]),
        now=timezone.now(),
        slug="northwind",
        protocol=Protocol.SAML,
        issuer=ISSUER,
        sso_url="https://login.northwind.example/sso",
        certificates=keys("trial").certificate,
        allow_creation=True,
    )


@pytest.fixture
def desk(provider: Provider) -> Client:
    return support_browser()


def page_of(provider: Provider) -> str:
    return reverse("admin:accounts_provider_test", args=[provider.pk])


def answered(desk: Client, provider: Provider, *, by: str = "trial", bad: str = "") -> Any:
    """Go there and come back; return the page that tells of it."""
    left: Any = desk.get(page_of(provider), TRY)
    given = bad or plain.answer(
        left["Location"], keys(by), issuer=ISSUER, subject="4711", email="ada@northwind.example"
    )
    callback = reverse("sso_callback", args=[provider.slug])
    back = desk.post(callback, {"SAMLResponse": given})
    assert back["Location"] == page_of(provider), back.content.decode()
    return desk.get(page_of(provider))


def results(answer: Any) -> list[str]:
    return [line.result for line in answer.context["lines"]]


def test_each_step_is_told_and_who_would_come_in(desk: Client, provider: Provider) -> None:
    answer = answered(desk, provider)
    assert results(answer) == ["ok"] * 4
    shown = unescape(answer.content.decode())
    assert "become a member of Northwind" in shown
    assert "4711" in shown
    assert "SAMLResponse" not in str(dict(desk.session))
    assert AuditEvent.objects.get(event="provider_tested").after["would_come_in"] is True  # type: ignore[index]


def test_the_step_that_fails_is_told(desk: Client, provider: Provider) -> None:
    answer = answered(desk, provider, by="somebody else")
    assert results(answer) == ["ok", "ok", "failed", "not_reached"]
    assert "Compare the certificate" in answer.content.decode()
    answer = answered(desk, provider, bad=base64.b64encode(b"<!DOCTYPE a><a/>").decode())
    assert results(answer) == ["ok", "failed", "not_reached", "not_reached"]
    assert not AuditEvent.objects.filter(event="sso_refused").exists()


def test_where_no_test_is_under_way_an_answer_is_refused_as_ever(
    desk: Client, provider: Provider
) -> None:
    answered(desk, provider)
    callback = reverse("sso_callback", args=[provider.slug])
    assert desk.post(callback, {"SAMLResponse": "AAAA"}).status_code == 403
    assert AuditEvent.objects.filter(event="sso_refused").exists()


def test_without_the_extra_support_is_told_what_lacks(
    desk: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*args: Any, **kwargs: Any) -> str:
        raise Failed(Step.SETUP, "not_installed", "The extra for SAML is missing.")

    monkeypatch.setattr(saml, "request_url", missing)
    assert desk.get(page_of(provider), TRY)["Location"] == page_of(provider)
    answer = desk.get(page_of(provider))
    assert results(answer)[0] == "failed"
    assert "requirements-saml.txt" in answer.content.decode()
