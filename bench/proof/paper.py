"""Backup codes in numbers: how even they are, and whether the time of a try tells anything."""

from collections import Counter
from datetime import timedelta
from math import sqrt
from statistics import median
from time import perf_counter

from django.utils import timezone

from accounts.models import AddressFailure
from bench import people
from twofactor import backup_codes
from twofactor.models import CodeFailure
from twofactor.redeem import CodeRejected, Kind, Try, redeemed

MOST_APART = 5  # milliseconds between the medians
ONE_IN_A_THOUSAND = 3.0902  # standard deviations


class Uneven(AssertionError):
    """Codes repeat or prefer symbols, or the time of a try tells what it was."""


def even(number: int) -> str:
    """Make ``number`` codes; none may repeat, and no symbol may be more frequent than another.

    :raises Uneven: also once in a thousand runs of a perfect source.
    """
    made = [backup_codes.new_code() for _ in range(number)]
    repeated = number - len(set(made))
    found = _chi_square(Counter("".join(made)))
    most = _critical(len(backup_codes.SYMBOLS) - 1)
    if repeated or found > most:
        raise Uneven(f"{repeated} of {number:,} codes repeat; chi-square {found:.1f} of {most:.1f}")
    return f"{number:,} codes: none twice, chi-square of the symbols {found:.1f} below {most:.1f}"


def _chi_square(counts: Counter[str]) -> float:
    expected = counts.total() / len(backup_codes.SYMBOLS)
    return sum((counts[symbol] - expected) ** 2 / expected for symbol in backup_codes.SYMBOLS)


def _critical(freedom: int) -> float:
    """Return what chi-square exceeds once in a thousand times (Wilson and Hilferty)."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + ONE_IN_A_THOUSAND * sqrt(part)) ** 3)


def times(number: int) -> str:
    """Try wrong, used and other people's codes in turn, ``number`` of each.

    :raises Uneven: if the medians of their times lie apart.
    """
    person, other = people.make_person(), people.make_person()
    now = timezone.now()
    for each in (person, other):
        people.enrol(each, now=now - timedelta(hours=1))
    used = backup_codes.replace_codes(person, now=now)[0]
    tried = {
        "wrong": backup_codes.shown(backup_codes.new_code()),
        "used": used,
        "somebody else's": backup_codes.replace_codes(other, now=now)[0],
    }
    _try(person.pk, used)
    took: dict[str, list[float]] = {kind: [] for kind in tried}
    for _ in range(number):
        for kind, code in tried.items():
            took[kind].append(_try(person.pk, code))
    medians = {kind: median(taken) * 1000 for kind, taken in took.items()}
    told = ", ".join(f"{kind}: {taken:.1f} ms" for kind, taken in medians.items())
    if max(medians.values()) - min(medians.values()) > MOST_APART:
        raise Uneven(f"Medians of {number:,} tries each: {told}")
    return f"medians of {number:,} tries each lie within {MOST_APART} ms ({told})"


def _try(user_id: int, code: str) -> float:
    """Return how long one try took, with the budgets as they were before it."""
    given = Try(user_id=user_id, kind=Kind.BACKUP, code=code, attempt="a", address=people.ADDRESS)
    began = perf_counter()
    try:
        with redeemed(given, now=timezone.now()):
            pass
    except CodeRejected:
        pass
    took = perf_counter() - began
    CodeFailure.objects.all().delete()
    AddressFailure.objects.all().delete()
    return took
