"""Through a real provider of SAML: in, in for the first time, asked anew, certificates changed."""

import base64
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from lxml import etree

from accounts import saml, saml_assertion
from accounts.models import Account, Identity, Membership, Protocol, Provider, User
from accounts.saml_names import ASSERTION, PERSISTENT
from accounts.sso_steps import Failed
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.sso.saml.forging import DATA, Forgery, all_of, with_value
from tests.sso.saml.idp import IdP, Person
from tests.sso.saml.keys import keys
from tests.sso.saml.way import Way, is_in, refusals

pytestmark = [pytest.mark.django_db, pytest.mark.idp, pytest.mark.xdist_group("saml")]

ADA = Person(subject="4711", email="ada@northwind.example", name="Ada Lovelace")
LONG = Forgery(
    before=all_of(
        with_value("Conditions", "NotOnOrAfter", "2099-01-01T00:00:00Z"),
        with_value(DATA, "NotOnOrAfter", "2099-01-01T00:00:00.1234567Z"),
    ),
    code="",
)


@pytest.fixture
def provider(idp: IdP) -> Provider:
    account = make_account("northwind", email_domains=["northwind.example"])
    return make_provider(
        account,
        now=timezone.now(),
        slug="northwind",
        protocol=Protocol.SAML,
        issuer=idp.entity_id,
        sso_url=idp.sso_url,
        certificates=idp.keys.certificate,
    )


@pytest.fixture
def ada(provider: Provider) -> User:
    user = make_user(ADA.email, password=None, name=ADA.name)
    Membership.objects.create(account=provider.account, user=user)
    identity = make_identity(provider, user, now=timezone.now())
    Identity.objects.filter(pk=identity.pk).update(subject=ADA.subject)
    return user


def test_a_member_comes_in_by_an_answer_that_xmlsec1_signed(
    client: Client, idp: IdP, provider: Provider, ada: User
) -> None:
    way = Way(client, provider, idp, to="/settings/")
    response = way.come_back(idp.answer(way.url, ADA))
    assert response["Location"] == "/settings/"
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert client.session["sso"] == [provider.pk]


def test_a_new_person_comes_in_where_the_account_allows_it(
    client: Client, idp: IdP, provider: Provider
) -> None:
    way = Way(client, provider, idp)
    way.come_back(way.answer(ADA))
    assert refusals() == ["not_invited"]
    Provider.objects.update(allow_creation=True)
    way = Way(client, provider, idp)
    way.come_back(way.answer(ADA))
    user = User.objects.get(email=ADA.email)
    assert user.name == ADA.name
    assert client.session["_auth_user_id"] == str(user.pk)
    assert Identity.objects.get(user=user).subject == ADA.subject


def test_whoever_proves_anew_is_asked_anew(
    client: Client, idp: IdP, provider: Provider, ada: User
) -> None:
    way = Way(client, provider, idp)
    assert idp.question(way.url).force_authn is None
    way.come_back(way.answer(ADA))
    again = Way(client, provider, idp, start="sso_prove")
    assert idp.question(again.url).force_authn == "true"
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    assert again.come_back(again.answer(ADA, asked_at=long_ago)).status_code == 403
    assert refusals() == ["not_asked_anew"]
    again = Way(client, provider, idp, start="sso_prove", to="/settings/")
    assert again.come_back(again.answer(ADA))["Location"] == "/settings/"


def test_two_certificates_count_while_they_change_over(
    client: Client, idp: IdP, provider: Provider, ada: User
) -> None:
    old, new = idp.keys, keys("northwind, new")

    def comes_in() -> bool:
        client.post("/logout/")
        way = Way(client, provider, idp)
        way.come_back(way.answer(ADA))
        return is_in(client)

    try:
        assert comes_in()
        Provider.objects.update(certificates=old.certificate + new.certificate)
        assert comes_in()
        idp.keys = new
        assert comes_in()
        Provider.objects.update(certificates=old.certificate)
        assert not comes_in()
    finally:
        idp.keys = old
    assert refusals() == ["signature_untrusted"]


def test_the_metadata_page_is_what_the_provider_was_set_up_with(
    client: Client, idp: IdP, provider: Provider
) -> None:
    """pysaml2 read the same bytes, and takes no request from whoever it does not know."""
    response = client.get("/sso/northwind/metadata/")
    assert response["Content-Type"] == "application/samlmetadata+xml"
    assert response.content == saml.metadata(provider)
    assert idp.question(Way(client, provider, idp).url).issuer.text == (
        "http://testserver/sso/northwind/metadata/"
    )


def test_only_a_provider_of_saml_has_metadata_and_takes_posts(client: Client) -> None:
    make_provider(make_account("umbrella"), now=timezone.now(), slug="umbrella")
    assert client.get("/sso/umbrella/metadata/").status_code == 404
    assert client.get("/sso/nobody/metadata/").status_code == 404
    assert client.post("/sso/umbrella/callback/", {"SAMLResponse": "x"}).status_code == 405


def test_a_provider_of_saml_takes_no_answer_from_an_address(
    client: Client, provider: Provider
) -> None:
    assert client.get("/sso/northwind/callback/?code=1&state=2").status_code == 405


def test_an_answer_that_comes_without_cookies_goes_on_from_our_own_page(
    client: Client, idp: IdP, provider: Provider, ada: User
) -> None:
    """A browser sends no cookie of ours with what another site posts; our own page then does."""
    way = Way(client, provider, idp)
    bare = Client(enforce_csrf_checks=True)
    client.handler.enforce_csrf_checks = True
    page = Way.come_back(_of(bare, way), way.answer(ADA), RelayState="/")
    assert page.status_code == 200
    assert not page.cookies
    fields = _fields(page)
    assert set(fields) == {"SAMLResponse", "RelayState", "again"}
    response = client.post("/sso/northwind/callback/", fields)
    assert response.status_code == 302
    assert is_in(client)


def test_without_cookies_at_all_the_second_time_is_refused(
    idp: IdP, client: Client, provider: Provider, ada: User
) -> None:
    way = Way(client, provider, idp)
    bare = Client()
    page = Way.come_back(_of(bare, way), way.answer(ADA))
    response = bare.post("/sso/northwind/callback/", _fields(page))
    assert response.status_code == 403
    assert refusals() == ["state_of_other_browser"]


def _of(client: Client, way: Way) -> Way:
    """Return ``way`` as another client goes it."""
    other = object.__new__(Way)
    other.__dict__ = {**way.__dict__, "client": client}
    return other


def _fields(page: Any) -> dict[str, str]:
    form = etree.HTML(page.content.decode()).find(".//form[@data-goes-on]")
    return {each.get("name"): each.get("value", "") for each in form.iter("input")}


@pytest.mark.proves("S51")
def test_an_assertion_is_good_for_five_minutes_whatever_it_says(
    client: Client, idp: IdP, provider: Provider
) -> None:
    """Entra ID makes all of its assertions for an hour."""
    way = Way(client, provider, idp)
    given = _encoded(way.answer(ADA, LONG))
    made_at = datetime.now(UTC).replace(microsecond=0)
    late = made_at + timedelta(minutes=5)
    assert saml.read(provider, given, now=late - timedelta(seconds=2)).claims.email == ADA.email
    with pytest.raises(Failed, match="expired"):
        saml.read(provider, given, now=late)


def _encoded(xml: str) -> str:
    return base64.b64encode(xml.encode()).decode()


CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
NAMED = {
    "Okta": {"email": ADA.email, "firstName": "Ada", "lastName": "Lovelace"},
    "Entra ID": {
        f"{CLAIMS}/emailaddress": ADA.email,
        f"{CLAIMS}/name": "ada@northwind.onmicrosoft.example",
        "http://schemas.microsoft.com/identity/claims/displayname": "Ada Lovelace",
    },
    "Google": {"email": ADA.email, "firstName": "Ada", "lastName": "Lovelace"},
    "Keycloak": {
        "urn:oid:1.2.840.113549.1.9.1": ADA.email,
        "urn:oid:2.5.4.42": "Ada",
        "urn:oid:2.5.4.4": "Lovelace",
    },
}


def assertion(attributes: dict[str, str]) -> Any:
    """Return an assertion about Ada that holds ``attributes``."""
    values = "".join(
        f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue>'
        "</saml:Attribute>"
        for name, value in attributes.items()
    )
    return etree.fromstring(
        f'<saml:Assertion xmlns:saml="{ASSERTION}"><saml:Subject><saml:NameID '
        f'Format="{PERSISTENT}">4711</saml:NameID></saml:Subject>'
        '<saml:AuthnStatement AuthnInstant="2026-11-28T08:00:00Z"/>'
        f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>"
    )


@pytest.mark.parametrize("attributes", NAMED.values(), ids=NAMED)
def test_address_and_name_are_found_as_each_provider_calls_them(
    attributes: dict[str, str],
) -> None:
    account = Account(email_domains=["northwind.example"])
    claims = saml_assertion.claims_of(assertion(attributes), Provider(account=account))
    assert (claims.email, claims.name) == (ADA.email, "Ada Lovelace")
    assert claims.email_verified is True


def test_an_address_outside_of_the_accounts_domains_is_verified_by_nobody() -> None:
    account = Account(email_domains=["northwind.example"])
    given = assertion({"email": "ada@umbrella.example"})
    assert not saml_assertion.claims_of(given, Provider(account=account)).email_verified


def test_a_person_is_named_by_the_attribute_that_the_provider_was_entered_with() -> None:
    account = Account(email_domains=["northwind.example"])
    provider = Provider(account=account, subject_attribute="employeeNumber")
    given = assertion({"email": ADA.email, "employeenumber": "E-7"})
    assert saml_assertion.claims_of(given, provider).subject == "E-7"
    with pytest.raises(Failed, match="who the person is"):
        saml_assertion.claims_of(assertion({"email": ADA.email}), provider)


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accounts.saml_toolkit", None)


@pytest.mark.usefixtures("no_extra")
def test_without_the_extra_nobody_is_sent_to_a_provider_of_saml(
    client: Client, provider: Provider
) -> None:
    assert not saml.is_installed()
    response = client.get("/sso/northwind/")
    assert response.status_code == 403
    assert refusals() == ["setup_not_installed"]


def test_what_was_seen_is_forgotten_when_it_can_come_no_more(provider: Provider) -> None:
    now = timezone.now()
    saml.remember(provider, "id-1", now=now)
    saml.forget_old(now=now + timedelta(minutes=59))
    with pytest.raises(Failed, match="given before"):
        saml.remember(provider, "id-1", now=now)
    saml.forget_old(now=now + timedelta(hours=1))
    saml.remember(provider, "id-1", now=now)
