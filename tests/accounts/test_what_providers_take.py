"""What can be entered about an identity provider, and what is refused."""

import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import certificates, provider_checks, providers
from accounts.models import (
    Account,
    Protocol,
    Provider,
)
from accounts.provider_checks import NotValid
from accounts.providers import NotAllowed
from tests.accounts.entered import (
    DETAILS,
    ORIGIN,
    SECRET,
    last,
    saml_details,
    saml_origin,
)
from tests.accounts.pem import make_pem, private_pem, weak_pem
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_a_domain_belongs_to_one_account_with_a_live_provider(
    provider: Provider, acting: dict[str, Any]
) -> None:
    southwind = make_account("southwind", email_domains=["northwind.example"])
    new = {"account": southwind, "origin": ORIGIN, "secret": SECRET, **acting}
    with pytest.raises(NotValid, match="belongs to another account"):
        providers.add(details=DETAILS, **new)
    providers.switch_off(provider=provider, **acting)
    assert providers.add(details=DETAILS, **new).is_live


@pytest.mark.parametrize(
    "domains", [[], ["gmail.com"], ["northwind"], ["a b.example"], ["ok.example", "-x.example"]]
)
def test_odd_domains_are_refused(domains: list[str], northwind: Account) -> None:
    with pytest.raises(NotValid) as refused:
        provider_checks.check_domains(northwind, domains)
    assert refused.value.field == "email_domains"


ISSUERS_REFUSED = [
    "", "login.example", "http://login.example", "ftp://login.example", "https://",
    "https://me:word@login.example", "https://login.example/?a=b", "https://login.example/#a",
    "https://login.example/.well-known/openid-configuration", "https://login.example:x",
    "https://localhost/realm", "https://idp.internal", "https://intranet", "https://127.0.0.1",
    "https://127.1", "https://0x7f.0.0.0x1", "https://10.0.0.7/", "https://169.254.169.254/",
    "https://[::1]/", "https://[fe80::1]/", "https://100.64.0.1/", "https://nas.home.arpa",
    "https://login.microsoftonline.com/common/v2.0", "https://login.example/a b",
    "https://login.example\\@evil.example", "https://login.example/\u202e", "https://[", "x" * 600,
    "https://login.example/" + "x" * 600,
]  # fmt: skip


@pytest.mark.parametrize("issuer", ISSUERS_REFUSED)
def test_odd_issuers_are_refused(issuer: str) -> None:
    with pytest.raises(NotValid) as refused:
        provider_checks.check_issuer(Protocol.OIDC, issuer)
    assert refused.value.field == "issuer"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://accounts.google.com",
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "https://northwind.eu.auth0.com/",
        "https://login.northwind.example:8443/realms/all",
        "https://8.8.8.8/",
    ],
)
def test_issuers_as_the_large_providers_have_them_are_taken(issuer: str) -> None:
    provider_checks.check_issuer(Protocol.OIDC, issuer)


def test_a_provider_on_this_machine_is_taken_where_the_operator_allows_it(settings: Any) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    provider_checks.check_issuer(Protocol.OIDC, "http://127.0.0.1:9000")
    provider_checks.check_sign_in_url("http://localhost:9000/sso")


@pytest.mark.parametrize("issuer", ["urn:northwind:idp", "https://idp.example/metadata?x=y"])
def test_an_entity_id_is_any_name_in_one_piece(issuer: str) -> None:
    provider_checks.check_issuer(Protocol.SAML, issuer)


@pytest.mark.parametrize("issuer", ["", "two words", "line\nbreak", "hid\u200bden", "x" * 501])
def test_odd_entity_ids_are_refused(issuer: str) -> None:
    with pytest.raises(NotValid):
        provider_checks.check_issuer(Protocol.SAML, issuer)


def test_without_its_extra_no_provider_of_saml_is_added(
    northwind: Account, acting: dict[str, Any], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accounts.saml_toolkit", None)
    details = saml_details(make_pem(now=now))
    with pytest.raises(NotValid, match="SAML is not installed here"):
        providers.add(account=northwind, origin=saml_origin(), details=details, **acting)
    assert not Provider.objects.exists()


def test_saml_takes_one_certificate_or_two(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    one, two = make_pem("one.example", now=now), make_pem("two.example", now=now)
    provider = providers.add(
        account=northwind, origin=saml_origin(), details=saml_details(one), **acting
    )
    providers.change(provider=provider, details=saml_details(one + two), **acting)
    provider.refresh_from_db()
    names = [each.name for each in certificates.read(provider.certificates)]
    assert names == ["CN=one.example", "CN=two.example"]
    fingerprints = last("provider_changed").after["certificates"]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in fingerprints)
    assert len(fingerprints) == 2
    with pytest.raises(NotAllowed, match="certificates"):
        providers.rotate_secret(provider=provider, secret="x", **acting)


def test_a_certificate_as_it_stands_in_metadata_is_taken(now: datetime) -> None:
    pem = make_pem(now=now)
    bare = "\n".join(pem.splitlines()[1:-1])
    assert provider_checks.checked_certificates(bare, now=now) == pem


def certificates_refused(now: datetime) -> list[str]:
    pem = make_pem(now=now)
    return [
        "", "no certificate", "AAAA", pem * 3, pem[:200], private_pem(), pem + private_pem(),
        make_pem(now=now, good_for=timedelta()), weak_pem(now=now), "é" * 30,
    ]  # fmt: skip


def test_odd_certificates_are_refused(now: datetime) -> None:
    for text in certificates_refused(now):
        with pytest.raises(NotValid) as refused:
            provider_checks.checked_certificates(text, now=now)
        assert refused.value.field == "certificates"
        assert "PRIVATE KEY-----" not in str(refused.value)


def test_a_certificate_that_has_expired_hinders_no_other_change(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    details = saml_details(make_pem(now=now, good_for=timedelta(days=1)))
    provider = providers.add(account=northwind, origin=saml_origin(), details=details, **acting)
    later = {**acting, "now": now + timedelta(days=2)}
    renamed = replace(details, name="Renamed", certificates=provider.certificates)
    assert providers.change(provider=provider, details=renamed, **later) == ["name"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "x" * 256}, "client_id"),
    ],
)
def test_odd_names_are_refused(
    changed: dict[str, str], field: str, northwind: Account, acting: dict[str, Any]
) -> None:
    details = replace(DETAILS, **changed)  # type: ignore[arg-type]
    with pytest.raises(NotValid) as refused:
        providers.add(account=northwind, origin=ORIGIN, details=details, secret=SECRET, **acting)
    assert refused.value.field == field
    assert not Provider.objects.exists()


@pytest.mark.parametrize("secret", ["", "two\nlines", "x" * 1001])
def test_odd_secrets_are_refused(secret: str, northwind: Account, acting: dict[str, Any]) -> None:
    with pytest.raises(NotValid) as refused:
        providers.add(account=northwind, origin=ORIGIN, details=DETAILS, secret=secret, **acting)
    assert refused.value.field == "secret"
    assert len(str(refused.value)) < 100


def test_only_saml_names_people_by_an_attribute(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    with pytest.raises(NotValid):
        providers.add(
            account=northwind,
            origin=replace(ORIGIN, subject_attribute="employeeNumber"),
            details=DETAILS,
            secret=SECRET,
            **acting,
        )
    provider = providers.add(
        account=northwind,
        origin=replace(saml_origin(), subject_attribute="employeeNumber"),
        details=saml_details(make_pem(now=now)),
        **acting,
    )
    assert provider.subject_attribute == "employeeNumber"
