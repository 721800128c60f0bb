"""One code at a time: what a try costs, right or wrong."""

from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any
from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.oath import TOTP

from accounts.models import User
from bench import people
from bench.measure import interleaved, medians
from twofactor import backup_codes, totp
from twofactor.models import TOTPDevice
from twofactor.redeem import CodeRejected, Kind, Try, redeemed


def hashes_of_try(given: Try) -> int:
    """Return how many password hashes one try costs."""
    real = backup_codes.slow_hash
    with mock.patch.object(backup_codes, "slow_hash", side_effect=real) as counted:
        try:
            with redeemed(given, now=timezone.now()):
                pass
        except CodeRejected:
            pass
        return int(counted.call_count)


def backup_code_try() -> dict[str, Any]:
    """Try a wrong backup code against ten; the usual way hashes it with each one's salt."""
    now = timezone.now()
    person = people.make_person()
    people.enrol(person, now=now - timedelta(hours=1))
    right = backup_codes.replace_codes(person, now=now)[0]
    wrong = backup_codes.shown(backup_codes.new_code())
    counts = {
        word: hashes_of_try(_backup(person.pk, code))
        for word, code in (("wrong", wrong), ("right", right), ("used", right))
    }
    if set(counts.values()) != {1}:
        raise AssertionError(f"A try costs {counts} hashes.")
    code = backup_codes.normalised(wrong)
    ours, usual = medians(
        interleaved(
            [lambda: _match(person, code), lambda: _ten_hashes(code)],
            rounds=5,
            block=1,
        )
    )
    return {
        "what": "a backup code tried against ten",
        "milliseconds": ours * 1000,
        "usual": "a salt for each code",
        "usual_milliseconds": usual * 1000,
        "note": "one hash each: a wrong, a right and a used code",
    }


def _backup(user_id: int, code: str) -> Try:
    return Try(
        user_id=user_id, kind=Kind.BACKUP, code=code, attempt="bench", address=people.ADDRESS
    )


def _match(person: User, code: str) -> None:
    backup_codes.matching(person, code)  # noqa: TID251 - measured, not redeemed


def _ten_hashes(code: str) -> None:
    for number in range(10):
        backup_codes.slow_hash(code, bytes([number]) * 16)


def app_step() -> dict[str, Any]:
    """Open the sealed key of an app and look at three time steps."""
    now = timezone.now()
    person = people.make_person()
    secret = people.enrol(person, now=now - timedelta(hours=1))
    device = TOTPDevice.objects.get(user=person)
    stock = TOTP(device.open_secret().encode(), step=30, digits=6)

    def verify() -> list[int]:
        return totp.matching_steps(device.open_secret(), "000000", now=now)  # noqa: TID251 - as above

    ours, usual = medians(
        interleaved([verify, lambda: stock.verify(0, tolerance=1)], rounds=200, block=10)
    )
    return {
        "what": "an app's code: unseal the key, three steps",
        "milliseconds": ours * 1000,
        "usual": "django-otp's, the key in clear",
        "usual_milliseconds": usual * 1000,
        "note": f"{_redeeming(person.pk, people.app_code(secret, now=now))} to redeem one",
    }


def _redeeming(user_id: int, code: str) -> str:
    given = Try(user_id=user_id, kind=Kind.APP, code=code, attempt="b", address=people.ADDRESS)
    with CaptureQueriesContext(connection) as captured:
        started = perf_counter()
        with redeemed(given, now=timezone.now()):
            pass
        took = perf_counter() - started
    return f"{len(captured)} queries and {median([took]) * 1000:.2g} ms, audit row included,"
