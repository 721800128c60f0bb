"""Certificates for tests of what support enters."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def make_pem(
    name: str = "idp.example", *, now: datetime, good_for: timedelta = timedelta(days=365)
) -> str:
    """Return a certificate, as PEM, that a key on a curve signed for itself."""
    return _signed(ec.generate_private_key(ec.SECP256R1()), name, now=now, until=now + good_for)


def weak_pem(*, now: datetime) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
    return _signed(key, "weak.example", now=now, until=now + timedelta(days=365))


def private_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(PEM, form, no_password).decode()


def _signed(
    key: CertificateIssuerPrivateKeyTypes, name: str, *, now: datetime, until: datetime
) -> str:
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject_name=named,
        issuer_name=named,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now - timedelta(days=800),
        not_valid_after=until,
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM).decode()
