"""ID tokens that must let nobody in: one row of the table each, one page and one audit row."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from tests.services.idp import CLIENT_ID, Bend, Claims, ec_key, rsa_key, signed
from tests.sso.kit import House, check_refused, known_ada, refusals, signed_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S48")]

OTHER = "https://other.example"


def change(**claims: Any) -> Bend:
    """Return an ID token with some claims of its own."""
    return lambda header, found: found.update(claims)


def shifted(**seconds: int) -> Bend:
    return lambda header, found: found.update(
        {name: int(time.time()) + more for name, more in seconds.items()}
    )


def without(name: str) -> Bend:
    def bend(header: Claims, claims: Claims) -> None:
        del claims[name]

    return bend


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def unsigned(header: Claims, claims: Claims) -> str:
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


def unsigned_under_the_kid(header: Claims, claims: Claims) -> str:
    return f"{encoded({**header, 'alg': 'None'})}.{encoded(claims)}."


def stripped(header: Claims, claims: Claims) -> str:
    return signed(header, claims, ec_key("first")).rpartition(".")[0] + "."


def by_the_public_key(header: Claims, claims: Claims) -> str:
    """HS256, keyed with what everybody can read; no library makes such a token any more."""
    text = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims)}"
    made = hmac.digest(rsa_key("rsa").as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{encoded(made)}"


def by_the_client_secret(header: Claims, claims: Claims) -> str:
    key = OctKey.import_key("a secret: shared with the provider/+")
    return signed({"alg": "HS256", "kid": header["kid"]}, claims, key)


def by_a_stranger(header: Claims, claims: Claims) -> str:
    """The right key id, another key."""
    return signed(header, claims, ec_key("stranger"))


def with_own_key(header: Claims, claims: Claims) -> str:
    """The key that signed it stands in the header."""
    key = ec_key("stranger")
    return signed({**header, "jwk": key.as_dict(private=False)}, claims, key)


def with_own_key_under_own_kid(header: Claims, claims: Claims) -> str:
    key = ec_key("stranger")
    header = {"alg": "ES256", "kid": "stranger", "jwk": key.as_dict(private=False)}
    return signed(header, claims, key)


def with_address_of_own_keys(header: Claims, claims: Claims) -> str:
    header = {"alg": "ES256", "kid": "stranger", "jku": "http://127.0.0.1:9/keys"}
    return signed(header, claims, ec_key("stranger"))


def by_another_kind_of_key(header: Claims, claims: Claims) -> str:
    """RS256 under the key id of an EC key."""
    return signed({"alg": "RS256", "kid": "first"}, claims, rsa_key("other"))


def tampered(header: Claims, claims: Claims) -> str:
    first, _, signature = signed(header, claims, ec_key("first")).split(".")
    claims["email"] = "owner@northwind.example"
    return f"{first}.{encoded(claims)}.{signature}"


def with_something_critical(header: Claims, claims: Claims) -> str:
    header = {**header, "crit": ["exp"], "exp": 1}
    return ".".join((encoded(header), encoded(claims), "AAAA"))


def no_token(header: Claims, claims: Claims) -> str:
    return "not a token"


def no_object(header: Claims, claims: Claims) -> str:
    return ".".join((encoded(header), encoded(["iss"]), "AAAA"))


def deep(header: Claims, claims: Claims) -> str:
    """Well signed, and nested until a parser gives up."""
    return jws.serialize_compact(header, b"[" * 50_000, ec_key("first"))


def huge(header: Claims, claims: Claims) -> None:
    claims["note"] = "x" * 200_000


TOKENS: dict[str, tuple[Bend | Callable[..., str], str]] = {
    "alg none": (unsigned, "signature"),
    "alg None under the key's id": (unsigned_under_the_kid, "signature"),
    "no signature": (stripped, "signature"),
    "HS256 with the public key": (by_the_public_key, "signature"),
    "HS256 with our secret": (by_the_client_secret, "signature"),
    "the right key id, another key": (by_a_stranger, "signature"),
    "its own key in the header": (with_own_key, "signature"),
    "its own key, its own key id": (with_own_key_under_own_kid, "signature"),
    "the address of its own keys": (with_address_of_own_keys, "signature"),
    "another kind of key": (by_another_kind_of_key, "signature"),
    "a changed payload": (tampered, "signature"),
    "something critical that we do not know": (with_something_critical, "signature"),
    "no token": (no_token, "signature"),
    "no object": (no_object, "signature"),
    "nested without end": (deep, "signature"),
    "without end": (huge, "code_too_long"),
    "another issuer": (change(iss=OTHER), "claims_iss"),
    "the issuer with a slash": (lambda h, c: c.update(iss=c["iss"] + "/"), "claims_iss"),
    "issuers as a list": (lambda h, c: c.update(iss=[c["iss"]]), "claims_iss"),
    "another audience": (change(aud="somebody-else"), "claims_aud"),
    "no audience in the list": (change(aud=[]), "claims_aud"),
    "an audience of another kind": (change(aud={"gatehouse": True}), "claims_aud"),
    "two audiences, no authorised party": (change(aud=[CLIENT_ID, "other"]), "claims_azp"),
    "two audiences, another party": (change(aud=[CLIENT_ID, "other"], azp="other"), "claims_azp"),
    "another party": (change(azp="other"), "claims_azp"),
    "expired": (shifted(iat=-600, exp=-90), "claims_exp"),
    "expires as a word": (change(exp="tomorrow"), "claims_exp"),
    "expires never": (change(exp=None), "claims_exp"),
    "issued in the future": (shifted(iat=120, exp=600), "claims_iat"),
    "issued as a word": (change(iat="now"), "claims_iat"),
    "not valid before tomorrow": (shifted(nbf=86_400), "claims_nbf"),
    "another nonce": (change(nonce="another"), "claims_nonce"),
    "an empty nonce": (change(nonce=""), "claims_nonce"),
    "a nonce as a list": (lambda h, c: c.update(nonce=[c["nonce"]]), "claims_nonce"),
    "no issuer": (without("iss"), "claims_iss"),
    "no audience": (without("aud"), "claims_aud"),
    "no subject": (without("sub"), "claims_sub"),
    "an empty subject": (change(sub=""), "claims_sub"),
    "a subject as a number": (change(sub=7), "claims_sub"),
    "a subject that no database takes": (change(sub="ada\0"), "claims_sub"),
    "a subject that is no text": (change(sub="\ud800"), "claims_sub"),
    "an instant beyond all years": (change(auth_time=10**20), "claims_auth_time"),
    "a subject without end": (change(sub="x" * 256), "claims_sub"),
    "no expiry": (without("exp"), "claims_exp"),
    "no time of issue": (without("iat"), "claims_iat"),
    "no nonce": (without("nonce"), "claims_nonce"),
    "another access token's hash": (change(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "claims_at_hash"),
    "a hash as a number": (change(at_hash=7), "claims_at_hash"),
}


@pytest.mark.parametrize(("bend", "code"), TOKENS.values(), ids=TOKENS)
def test_a_bad_id_token_lets_nobody_in(bend: Bend, code: str, northwind: House) -> None:
    known_ada(northwind)
    northwind.idp.bend = bend
    check_refused(northwind.come_back(), northwind.client, code=code)


def test_the_same_person_comes_in_by_a_good_one(northwind: House) -> None:
    ada = known_ada(northwind)
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email
    assert refusals() == []


def test_a_second_audience_is_fine_where_we_are_the_authorised_party(northwind: House) -> None:
    ada = known_ada(northwind)
    northwind.idp.bend = change(aud=[CLIENT_ID, "other"], azp=CLIENT_ID)
    northwind.come_back()
    assert signed_in_as(northwind.client) == ada.email
