"""Secrets at rest: AES-256-GCM under keys derived from ``FIELD_KEYS``.

A sealed value names its key in front and is bound to one row: copied into another row, altered
by a bit or read without its key it is unreadable, never wrong.
"""

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts import keys

LABEL = "twofactor.sealed"
KEY_ID_BYTES = 8
NONCE_BYTES = 12

Sealed = bytes | memoryview


class Unreadable(Exception):
    """A sealed value whose key is gone, or that is not what was sealed for this row."""


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def seal(plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt ``plain`` under the newest key, for the row that ``bound_to`` names."""
    key_id, key = keys.derive(LABEL)[0]
    nonce = secrets.token_bytes(NONCE_BYTES)
    return key_id.encode() + nonce + _cipher(key).encrypt(nonce, plain, bound_to.encode())


def unseal(sealed: Sealed, *, bound_to: str) -> bytes:
    """Decrypt what was sealed for the row that ``bound_to`` names.

    :raises Unreadable: whatever is wrong with it.
    """
    sealed = bytes(sealed)  # PostgreSQL hands out memory views
    name = sealed[:KEY_ID_BYTES]
    nonce = sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
    for key_id, key in keys.derive(LABEL):
        if key_id.encode() == name:
            try:
                body = sealed[KEY_ID_BYTES + NONCE_BYTES :]
                return _cipher(key).decrypt(nonce, body, bound_to.encode())
            except (InvalidTag, ValueError) as error:
                raise Unreadable("A sealed value does not belong to its row.") from error
    raise Unreadable("The key of a sealed value is not among FIELD_KEYS.")


def is_current(sealed: Sealed) -> bool:
    """Whether ``sealed`` lies under the newest key."""
    return bytes(sealed)[:KEY_ID_BYTES] == newest_id()


def newest_id() -> bytes:
    return keys.derive(LABEL)[0][0].encode()
