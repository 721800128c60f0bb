"""Every key the product uses besides Django's own, derived from ``FIELD_KEYS`` by label.

One key per purpose: a leak of one says nothing about another. The newest key signs and encrypts;
the older ones are still read, so that keys can be rotated without a stop.
"""

import hashlib
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32


@lru_cache(maxsize=256)
def _derived(master: str, label: str) -> bytes:
    """RFC 5869 with SHA-256; the label is the ``info``."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label.encode()).derive(
        master.encode()
    )


def key_id(master: str) -> str:
    """A name for a master key that tells nothing about it; stored with what it sealed."""
    return hashlib.sha256(_derived(master, "key-id")).hexdigest()[:8]


def derive(label: str) -> list[tuple[str, bytes]]:
    """Return (key id, key of 32 bytes) for ``label``, newest first."""
    return [(key_id(master), _derived(master, label)) for master in settings.FIELD_KEYS]


def _digest(key: bytes, parts: tuple[object, ...]) -> bytes:
    # Each part carries its length, so that no two lists of parts read alike.
    texts = [str(part).encode() for part in parts]
    message = b"".join(len(text).to_bytes(4, "big") + text for text in texts)
    return hmac.digest(key, message, "sha256")


def mac(label: str, *parts: object) -> bytes:
    """Return HMAC-SHA256 over ``parts`` under the newest key for ``label``."""
    return _digest(derive(label)[0][1], parts)


def macs(label: str, *parts: object) -> list[bytes]:
    """The same under every key, newest first: what an older row may hold."""
    return [_digest(key, parts) for _, key in derive(label)]


def is_mac(given: bytes, label: str, *parts: object) -> bool:
    """Compare ``given`` in constant time with what any of the keys gives."""
    return any(hmac.compare_digest(given, made) for made in macs(label, *parts))


def is_hex_mac(given: str, label: str, *parts: object) -> bool:
    """The same for one written in hexadecimal, as links carry it."""
    return any(
        hmac.compare_digest(made.hex().encode(), given.encode()) for made in macs(label, *parts)
    )


def pseudonym(text: str) -> str:
    """A stand-in for ``text`` that only the keys' holder can connect with it."""
    return mac("pseudonym", text).hex()[:32]
