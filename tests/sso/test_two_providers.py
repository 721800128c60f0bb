"""Two accounts with a provider each, one of them hostile: it gets nobody of the other's (S49)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import oidc_metadata
from accounts.models import Identity, Membership
from tests.services.idp import ec_key, signed
from tests.sso.kit import House, check_refused, known_ada, refusals, signed_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S49")]


def test_the_same_subject_at_another_provider_is_somebody_else(
    northwind: House, contoso: House
) -> None:
    known_ada(northwind)
    assert contoso.idp.person["sub"] == northwind.idp.person["sub"]
    check_refused(contoso.come_back(), contoso.client, code="not_invited")


def test_the_same_address_at_another_provider_is_outside(northwind: House, contoso: House) -> None:
    known_ada(northwind)
    contoso.idp.person = dict(northwind.idp.person)
    check_refused(contoso.come_back(), contoso.client, code="email_outside")


def test_the_same_address_in_a_domain_of_both_links_nobody(
    northwind: House, contoso: House
) -> None:
    """Even where support gave both accounts the domain, and new people may come in."""
    ada = known_ada(northwind)
    contoso.account.email_domains = ["northwind.example"]
    contoso.account.save()
    contoso.provider.allow_creation = True
    contoso.provider.save()
    contoso.idp.person = dict(northwind.idp.person)
    assert contoso.come_back()["Location"] == "/sso/contoso/link/"
    assert signed_in_as(contoso.client) == ""
    assert Identity.objects.get().provider == northwind.provider
    assert not Membership.objects.filter(user=ada, account=contoso.account).exists()


def test_copied_metadata_is_another_issuers(northwind: House, contoso: House) -> None:
    """Contoso's provider publishes Northwind's document as its own."""
    contoso.idp.metadata = northwind.idp.document()
    answer = contoso.client.get(contoso.start_url)
    check_refused(answer, contoso.client, code="issuer")


def test_the_others_endpoints_under_its_own_name_end_nowhere(
    northwind: House, contoso: House
) -> None:
    """Contoso names Northwind's sign-in page, to have the code sent to its own token endpoint."""
    known_ada(northwind)
    contoso.idp.metadata = {
        "authorization_endpoint": northwind.idp.document()["authorization_endpoint"]
    }
    url = contoso.leave()
    assert url.startswith(northwind.idp.issuer)
    answer = contoso.client.get(northwind.idp.authorize(url))
    check_refused(answer, contoso.client, code="answer_iss")
    assert "/token" not in contoso.idp.asked  # the code was handed to nobody


def test_keys_of_the_other_sign_for_its_own_issuer_alone(northwind: House, contoso: House) -> None:
    """Contoso points at Northwind's keys and passes on a token that Northwind signed."""
    known_ada(northwind)
    known_ada(contoso)
    contoso.idp.metadata = {"jwks_uri": northwind.idp.document()["jwks_uri"]}
    contoso.idp.bend = lambda header, claims: signed(
        header, {**claims, "iss": northwind.idp.issuer}, ec_key("first")
    )
    check_refused(contoso.come_back(), contoso.client, code="claims_iss")


def test_the_others_token_is_refused(northwind: House, contoso: House) -> None:
    """A token that Contoso made, at Northwind's callback: other keys, another issuer."""
    known_ada(northwind)
    contoso.idp.keys = [ec_key("contoso")]
    northwind.idp.bend = lambda header, claims: signed(
        {"alg": "ES256", "kid": "contoso"},
        {**claims, "iss": contoso.idp.issuer},
        ec_key("contoso"),
    )
    check_refused(northwind.come_back(), northwind.client, code="signature")


def test_crossed_codes_are_refused(northwind: House, contoso: House) -> None:
    known_ada(northwind)
    known_ada(contoso)
    browser = Client()
    other = parse_qs(urlsplit(contoso.idp.authorize(contoso.leave(browser))).query)["code"][0]
    check_refused(northwind.come_back(browser, code=other), browser, code="code_code")


def test_a_state_of_the_other_is_refused(northwind: House, contoso: House) -> None:
    known_ada(northwind)
    known_ada(contoso)
    browser = Client()
    other = parse_qs(urlsplit(contoso.leave(browser)).query)["state"][0]
    answer = northwind.come_back(browser, state=other)
    check_refused(answer, browser, code="state_of_other_provider")


@pytest.mark.parametrize("iss", ["contoso", "slash", "nothing"])
def test_an_answer_has_to_say_whose_it_is(iss: str, northwind: House, contoso: House) -> None:
    known_ada(northwind)
    said = {"contoso": contoso.idp.issuer, "slash": northwind.idp.issuer + "/", "nothing": ""}
    answer = northwind.come_back(iss=said[iss])
    check_refused(answer, northwind.client, code="answer_")


def test_who_says_nothing_of_it_need_not_name_itself(northwind: House) -> None:
    """Older providers do not; a callback of its own for each provider is what is left."""
    ada = known_ada(northwind)
    northwind.idp.metadata = {"authorization_response_iss_parameter_supported": False}
    northwind.come_back(iss="")
    assert signed_in_as(northwind.client) == ada.email


def test_each_provider_has_a_callback_of_its_own(northwind: House, contoso: House) -> None:
    found = [
        parse_qs(urlsplit(house.leave()).query)["redirect_uri"] for house in (northwind, contoso)
    ]
    assert found[0] != found[1]


def test_a_person_of_both_passes_both(northwind: House, contoso: House) -> None:
    ada = known_ada(northwind)
    contoso.account.email_domains = ["northwind.example"]
    contoso.account.save()
    Membership.objects.create(account=contoso.account, user=ada)
    Identity.objects.create(
        provider=contoso.provider,
        user=ada,
        subject="ada-at-contoso",
        created_at=ada.joined_at,
        last_at=ada.joined_at,
    )
    contoso.idp.person = {**northwind.idp.person, "sub": "ada-at-contoso"}
    browser = Client()
    northwind.come_back(browser)
    contoso.come_back(browser)
    assert browser.session["sso"] == [northwind.provider.pk, contoso.provider.pk]
    assert signed_in_as(browser) == ada.email


ODD_DOCUMENTS: dict[str, dict[str, Any]] = {
    "no issuer": {"issuer": None},
    "another issuer": {"issuer": "https://accounts.example"},
    "the issuer with a slash": {"issuer": "http://127.0.0.1/"},
    "no token endpoint": {"token_endpoint": None},
    "endpoints as lists": {"token_endpoint": ["https://a.example/"]},
    "a sign-in page that is a script": {"authorization_endpoint": "javascript:alert(1)"},
    "a sign-in page without a host": {"authorization_endpoint": "https:///authorize"},
    "a sign-in page with a line break": {"authorization_endpoint": "https://a.example/\r\nX: y"},
    "a userinfo on a disk": {"userinfo_endpoint": "file:///etc/passwd"},
    "no keys": {"jwks_uri": None},
    "symmetric signatures alone": {"id_token_signing_alg_values_supported": ["HS256", "none"]},
}


def test_a_document_that_is_nested_without_end_is_refused(northwind: House) -> None:
    northwind.idp.raw = b'{"issuer": ' + b"[" * 50_000
    check_refused(northwind.client.get(northwind.start_url), northwind.client, code="discovery")


@pytest.mark.parametrize("document", ODD_DOCUMENTS.values(), ids=ODD_DOCUMENTS)
def test_an_odd_document_sends_nobody_anywhere(document: dict[str, Any], northwind: House) -> None:
    northwind.idp.metadata = document
    answer = northwind.client.get(northwind.start_url)
    assert answer.status_code == 403
    assert len(refusals()) == 1


def test_signatures_that_the_document_does_not_offer_are_refused(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.metadata = {"id_token_signing_alg_values_supported": ["RS256"]}
    check_refused(northwind.come_back(), northwind.client, code="signature")


def test_a_new_key_is_fetched_when_it_is_needed(northwind: House) -> None:
    ada = known_ada(northwind)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        northwind.come_back()
        northwind.idp.keys = [ec_key("second")]
        clock.shift(oidc_metadata.REFETCH_AFTER)
        northwind.come_back(browser := Client())
    assert signed_in_as(browser) == ada.email
    assert northwind.idp.asked.count("/keys") == 2


def test_made_up_key_ids_make_us_ask_once_in_half_a_minute(northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.bend = lambda header, claims: signed(
        {"alg": "ES256", "kid": "made up"}, claims, ec_key("stranger")
    )
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            assert northwind.come_back().status_code == 403
        assert northwind.idp.asked.count("/keys") == 1
        clock.shift(oidc_metadata.REFETCH_AFTER)
        assert northwind.come_back().status_code == 403
    assert northwind.idp.asked.count("/keys") == 2


def test_a_key_that_was_withdrawn_is_good_for_ten_minutes_at_most(northwind: House) -> None:
    known_ada(northwind)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        northwind.come_back()
        northwind.idp.keys = [ec_key("second")]
        northwind.idp.bend = lambda header, claims: signed(
            {"alg": "ES256", "kid": "first"}, claims, ec_key("first")
        )
        clock.shift(oidc_metadata.KEPT_FOR)
        check_refused(northwind.come_back(browser := Client()), browser, code="signature")
