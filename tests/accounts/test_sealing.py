from typing import Any

import pytest

from accounts import sealing

ROW = "totp:1:1"
OTHER_ROW = "totp:2:1"


def test_what_was_sealed_can_be_read_for_its_row() -> None:
    assert sealing.unseal(sealing.seal(b"secret", bound_to=ROW), bound_to=ROW) == b"secret"


def test_it_can_not_be_read_for_another_row() -> None:
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealing.seal(b"secret", bound_to=ROW), bound_to=OTHER_ROW)


@pytest.mark.parametrize("at", range(0, 42, 3))
def test_a_flipped_bit_makes_it_unreadable(at: int) -> None:
    sealed = bytearray(sealing.seal(b"secret", bound_to=ROW))
    sealed[at] ^= 1
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(bytes(sealed), bound_to=ROW)


@pytest.mark.parametrize("sealed", [b"", b"short", b"12345678" + b"x" * 8])
def test_rubbish_is_unreadable(sealed: bytes) -> None:
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed, bound_to=ROW)


def test_an_older_key_is_read_until_it_is_removed(settings: Any) -> None:
    old, new = "an-old-key-of-more-than-32-characters", "a-new-key-of-more-than-32-characters"
    settings.FIELD_KEYS = [old]
    sealed = sealing.seal(b"secret", bound_to=ROW)
    settings.FIELD_KEYS = [new, old]
    assert sealing.unseal(sealed, bound_to=ROW) == b"secret"
    assert not sealing.is_current(sealed)
    settings.FIELD_KEYS = [new]
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed, bound_to=ROW)


def test_no_nonce_comes_twice() -> None:
    nonces = {sealing.seal(b"x", bound_to=ROW)[8:20] for _ in range(10_000)}
    assert len(nonces) == 10_000
