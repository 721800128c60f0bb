"""The published vectors, each right and each with one digit altered, through what we accept by."""

import hashlib
from base64 import b32encode
from datetime import UTC, datetime
from pathlib import Path

import cryptography_vectors
import pyotp
import pytest

from twofactor.totp import STEP_SECONDS, matching_step

FOLDER = Path(cryptography_vectors.__file__).parent / "twofactor"
MODES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


def vectors(name: str) -> list[dict[str, str]]:
    """Read the blocks of a vector file."""
    found: list[dict[str, str]] = []
    for line in (FOLDER / name).read_text().splitlines():
        key, _, value = line.partition(" = ")
        if key == "COUNT":
            found.append({})
        if value:
            found[-1][key] = value
    return found


TOTP = vectors("rfc-6238.txt")
OURS = [vector for vector in TOTP if vector["MODE"] == "SHA1"]
OTHERS = [vector for vector in TOTP if vector["MODE"] != "SHA1"]
HOTP = vectors("rfc-4226.txt")


def secret_of(vector: dict[str, str]) -> str:
    return b32encode(vector["SECRET"].encode()).decode()


def altered(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 1) % 10)


@pytest.mark.proves("S01")
def test_there_are_as_many_vectors_as_published() -> None:
    assert (len(OURS), len(OTHERS), len(HOTP)) == (6, 12, 10)


@pytest.mark.proves("S01")
@pytest.mark.parametrize("vector", OURS, ids=lambda vector: vector["TIME"])
def test_rfc_6238_sha1(vector: dict[str, str]) -> None:
    secret, time = secret_of(vector), int(vector["TIME"])
    now, code = datetime.fromtimestamp(time, UTC), vector["TOTP"][-6:]
    assert matching_step(secret, code, last_step=-1, now=now) == time // STEP_SECONDS
    assert matching_step(secret, altered(code), last_step=-1, now=now) is None
    eight = pyotp.TOTP(secret, digits=8)
    assert eight.verify(vector["TOTP"], for_time=time)
    assert not eight.verify(altered(vector["TOTP"]), for_time=time)


@pytest.mark.proves("S01")
@pytest.mark.parametrize("vector", OTHERS, ids=lambda vector: vector["MODE"] + vector["TIME"])
def test_rfc_6238_other_hashes(vector: dict[str, str]) -> None:
    time = int(vector["TIME"])
    app = pyotp.TOTP(secret_of(vector), digits=8, digest=MODES[vector["MODE"]])
    assert app.verify(vector["TOTP"], for_time=time)
    assert not app.verify(altered(vector["TOTP"]), for_time=time)


@pytest.mark.proves("S01")
@pytest.mark.parametrize("vector", HOTP, ids=lambda vector: vector["COUNTER"])
def test_rfc_4226(vector: dict[str, str]) -> None:
    secret, counter, code = secret_of(vector), int(vector["COUNTER"]), vector["HOTP"]
    now = datetime.fromtimestamp(counter * STEP_SECONDS, UTC)
    assert matching_step(secret, code, last_step=-1, now=now) == counter
    assert matching_step(secret, altered(code), last_step=-1, now=now) is None
