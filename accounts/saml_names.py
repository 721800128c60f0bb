"""Names that SAML 2.0 and XML signatures give to things, and who speaks to whom."""

from dataclasses import dataclass

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
PREFIXES = {"saml": ASSERTION, "samlp": PROTOCOL, "ds": SIGNATURE}

POST_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
# SHA-256 and stronger, by RSA or an elliptic curve. Neither SHA-1, nor a key that both sides share.
SIGNATURE_METHODS = frozenset(
    f"{_MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)
)
DIGEST_METHODS = frozenset({
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
})  # fmt: skip
CANONICAL = "http://www.w3.org/2001/10/xml-exc-c14n#"
# What may be done to an element before it is digested: nothing that could change what it says.
TRANSFORMS = frozenset({
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature", CANONICAL, f"{CANONICAL}WithComments",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who gives an answer, who it is for, and where it goes."""

    issuer: str
    entity_id: str
    callback: str
