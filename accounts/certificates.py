"""The certificates by which a SAML provider's signatures are checked, as support enters them.

Called by ``accounts.provider_checks`` and by the pages that show when one expires.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

MOST = 2  # the one in use, and the one to come
RSA_BITS = 2048
BEGIN = "-----BEGIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    name: str
    expires_at: datetime
    fingerprint: str  # SHA-256
    is_strong: bool
    pem: str

    def has_expired(self, *, now: datetime) -> bool:
        return self.expires_at <= now


def read(text: str) -> tuple[Certificate, ...]:
    """Return what ``text`` holds: PEM, or the bare base64 of one that stands in metadata.

    :raises ValueError: if that is no certificate, none at all included.
    """
    if BEGIN in text:
        found = x509.load_pem_x509_certificates(text.encode())
    else:
        found = [x509.load_der_x509_certificate(_decoded(text))]
    return tuple(map(_told, found))


def holds_private_key(text: str) -> bool:
    return "PRIVATE KEY" in text.upper()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _told(found: x509.Certificate) -> Certificate:
    return Certificate(
        name=found.subject.rfc4514_string(),
        expires_at=found.not_valid_after_utc,
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        is_strong=_is_strong(found),
        pem=found.public_bytes(serialization.Encoding.PEM).decode(),
    )


def _is_strong(found: x509.Certificate) -> bool:
    key = found.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey)
