from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Notice
from tests.factories import make_user
from tests.twofactor.people import Enrolled, attempt_of, enrol_app, redeem
from twofactor import backup_codes, devices, enrolment
from twofactor.models import BackupCode
from twofactor.redeem import CodeRejected, Kind, Reason

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Enrolled:
    return enrol_app(now=now)


@pytest.mark.proves("S21", "B56")
def test_ten_codes_of_eighty_bits_without_look_alikes(ada: Enrolled) -> None:
    assert len(set(ada.codes)) == 10
    assert len(backup_codes.SYMBOLS) ** backup_codes.LENGTH >= 2**80
    for alike in (
        "0O",
        "0D",
        "0Q",
        "OQ",
        "OD",
        "1I",
        "1L",
        "IL",
        "17",
        "2Z",
        "5S",
        "6G",
        "8B",
        "UV",
    ):
        assert len(set(backup_codes.SYMBOLS) & set(alike)) <= 1


@pytest.mark.proves("S21")
def test_symbols_are_even_and_codes_never_repeat() -> None:
    made = [backup_codes.new_code() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    counts, symbols = Counter("".join(made)), len(backup_codes.SYMBOLS)
    expected = len(made) * backup_codes.LENGTH / symbols
    chi_square = sum((counts[symbol] - expected) ** 2 / expected for symbol in backup_codes.SYMBOLS)
    assert chi_square < 55  # 21 degrees of freedom: exceeded once in ten thousand runs


@pytest.mark.proves("S23")
def test_a_used_backup_code_is_refused_and_the_others_work(ada: Enrolled, now: datetime) -> None:
    for code in ada.codes[:3]:
        assert redeem(attempt_of(ada.user, code, kind=Kind.BACKUP), now=now) is Kind.BACKUP
    with pytest.raises(CodeRejected) as error:
        redeem(attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP), now=now)
    assert error.value.reason is Reason.REUSED
    assert backup_codes.codes_left(ada.user) == 7


def test_the_mail_says_how_many_are_left(ada: Enrolled, now: datetime) -> None:
    redeem(attempt_of(ada.user, ada.codes[0].lower(), kind=Kind.BACKUP), now=now)
    notice = Notice.objects.get(kind="code_used", user=ada.user)
    assert notice.context["left"] == 9


@pytest.mark.proves("S22")
def test_a_try_costs_one_hash_whatever_the_outcome(
    ada: Enrolled, now: datetime, monkeypatch: Any
) -> None:
    hashes: list[str] = []
    slow_hash = backup_codes.slow_hash

    def counted(code: str, salt: bytes) -> bytes:
        hashes.append(code)
        return slow_hash(code, salt)

    monkeypatch.setattr(backup_codes, "slow_hash", counted)
    foreign = backup_codes.shown(backup_codes.new_code())
    without = make_user()
    tries = [(ada.user, code) for code in (ada.codes[0], ada.codes[0], foreign)]
    for user, code in [*tries, (without, foreign)]:
        hashes.clear()
        with suppress(CodeRejected):
            redeem(attempt_of(user, code, kind=Kind.BACKUP), now=now)
        assert len(hashes) == 1
    hashes.clear()
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, "x" * 1_000_000, kind=Kind.BACKUP), now=now)
    assert not hashes


@pytest.mark.proves("S24")
def test_new_codes_void_all_old_ones(ada: Enrolled, now: datetime) -> None:
    new = enrolment.new_codes(ada.user, stamp_read=ada.user.stamp, now=now)
    assert not set(new) & set(ada.codes)
    with pytest.raises(CodeRejected):
        redeem(attempt_of(ada.user, ada.codes[0], kind=Kind.BACKUP), now=now)
    assert redeem(attempt_of(ada.user, new[0], kind=Kind.BACKUP), now=now) is Kind.BACKUP


@pytest.mark.proves("S22")
def test_no_code_lies_in_the_database(ada: Enrolled) -> None:
    stored = b"".join(bytes(code.sealed_hash) for code in BackupCode.objects.all())
    for code in ada.codes:
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored


@pytest.mark.proves("S24", "B58")
def test_codes_alone_are_no_second_factor(ada: Enrolled, now: datetime) -> None:
    assert ada.app is not None
    ada.app.delete()
    assert backup_codes.codes_left(ada.user) == 10
    assert not devices.has_device(ada.user)


def test_the_tick_counts_once(ada: Enrolled, now: datetime) -> None:
    assert backup_codes.are_unsaved(ada.user)
    backup_codes.mark_saved(ada.user, now=now)
    assert not backup_codes.are_unsaved(ada.user)


def test_the_parameters_are_those_that_owasp_asks_for() -> None:
    source = Path(backup_codes.__file__).read_text()
    assert "TIME_COST, MEMORY_KIB = 2, 19 * 1024" in source
