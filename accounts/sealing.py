"""Secrets at rest: AES-256-GCM under keys derived from ``FIELD_KEYS``.

A sealed value names its key in front and is bound to one row: copied into another row, altered
by a bit or read without its key it is unreadable, never wrong.
"""

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from accounts import keys

LABEL = "twofactor.sealed"
KEY_ID_BYTES = 8
NONCE_BYTES = 12

Sealed = bytes | memoryview


class Unreadable(Exception):
    """A sealed value whose key is gone, or that is not what was sealed for this row."""


@lru_cache(maxsize=4)
def _ciphers_of(field_keys: tuple[str, ...]) -> dict[bytes, AESGCM]:
    """Return the ciphers by the names of their keys, the newest first."""
    return {key_id.encode(): AESGCM(key) for key_id, key in keys.derive(LABEL)}


def _ciphers() -> dict[bytes, AESGCM]:
    return _ciphers_of(tuple(settings.FIELD_KEYS))


def seal(plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt ``plain`` under the newest key, for the row that ``bound_to`` names."""
    key_id, cipher = next(iter(_ciphers().items()))
    nonce = secrets.token_bytes(NONCE_BYTES)
    return key_id + nonce + cipher.encrypt(nonce, plain, bound_to.encode())


def unseal(sealed: Sealed, *, bound_to: str) -> bytes:
    """Decrypt what was sealed for the row that ``bound_to`` names.

    :raises Unreadable: whatever is wrong with it.
    """
    sealed = bytes(sealed)  # PostgreSQL hands out memory views
    nonce = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
    body = sealed[KEY_ID_BYTES + NONCE_BYTES :]
    cipher = _ciphers().get(sealed[:KEY_ID_BYTES])
    if cipher is None:
        raise Unreadable("The key of a sealed value is not among FIELD_KEYS.")
    try:
        return cipher.decrypt(nonce, body, bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise Unreadable("A sealed value does not belong to its row.") from error


def is_current(sealed: Sealed) -> bool:
    """Whether ``sealed`` lies under the newest key."""
    return bytes(sealed)[:KEY_ID_BYTES] == next(iter(_ciphers()))
