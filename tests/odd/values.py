"""A thousand values that nobody should send, the same in every run.

`make test` gives each place a share of them that differs from place to place; ODD_VALUES=1000,
as `make proof` sets it, gives each place all.
"""

import os
import random
import zlib
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

COUNT = 1000
USUAL = 4
SHARE = int(os.environ.get("ODD_VALUES", USUAL))
SEED = 2119

NAMED = [
    "",
    " ",
    "\t\r\n",
    "\x00",
    "a\x00b",
    "\x1b[31mred\x1b[0m",
    "\x7f\x85\u2028\u2029",
    "\ufffe\uffff",
    "0",
    "-1",
    "+1",
    "1e9",
    "12345.0",
    "1_000",
    "NaN",
    "Infinity",
    "null",
    "None",
    "true",
    "undefined",
    "9" * 30,
    "9" * 5000,
    "²",
    "١٢٣٤٥٦",
    "１２３４５６",
    "𝟏𝟐𝟑𝟒𝟓𝟔",
    "12345",
    "1234567",
    "0x1F4A9",
    "x" * 255,
    "x" * 1001,
    "x" * 100_000,
    "é" * 300,
    "\u0301" * 50,
    "👩‍👩‍👧‍👦" * 40,
    "\u202egnp.exe",
    "שלום עולם",
    "[]",
    "{}",
    '["a"]',
    '{"$gt": ""}',
    "a[]=1",
    "a;b",
    "a&b=c",
    "%00",
    "%2e%2e%2f",
    "%ff%fe",
    "%",
    "../../../../etc/passwd",
    "..\\..\\boot.ini",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "https:///evil.example",
    "http://[::1",
    "file:///etc/passwd",
    "data:text/html,x",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE accounts_user; --",
    "{{ settings.SECRET_KEY }}",
    "{% load x %}",
    "${7*7}",
    "%(name)s",
    "%s%n",
    "{0.__class__}",
    "a\r\nBcc: thief@evil.example",
    "a\nSet-Cookie: x=y",
    "=1+1",
    "@SUM(A1)",
    "-2+3",
    "\\",
    "'",
    '"',
    "`id`",
    "a@b",
    "@",
    "a@b@c",
    "a@-b.example",
    "a b@c.example",
    "a@b..example",
    "ａ@ｂ.example",
    "a" * 250 + "@b.example",
    "a@" + "b" * 300 + ".example",
    '"a b"@c.example',
    "a@[127.0.0.1]",
    "ı@example.com",
    "a@xn--.example",
    "+",
    "+1",
    "00",
    "+999999999999",
    "(0)",
    "110",
    "+1 900 555 0100",
    "tel:+12025550123",
    "+1202555012x",
    "all",
    "owner",
    "northwind",
    "on",
    "app",
    "text",
    "UTC",
    "Europe/Nowhere",
    "../UTC",
    "en-XX",
    "2026-13-45T99:99",
]


def _digits(chance: random.Random) -> str:
    return "".join(chance.choice("0123456789+-. ٣९") for _ in range(chance.randint(1, 12)))


def _letters(chance: random.Random) -> str:
    letters = (chance.choice((chance.randrange(0xD800), chance.randrange(0xE000, 0x110000)))
               for _ in range(chance.randint(1, 40)))  # fmt: skip
    return "".join(chr(letter) for letter in letters)


def _controls(chance: random.Random) -> str:
    return "".join(chr(chance.randrange(160)) for _ in range(chance.randint(1, 20)))


def _spliced(chance: random.Random) -> str:
    return chance.choice(NAMED)[:300] + chance.choice(NAMED)[:300]


def _repeated(chance: random.Random) -> str:
    return (chance.choice(NAMED)[:50] or " ") * chance.randint(2, 60)


KINDS: list[Callable[[random.Random], str]] = [_digits, _letters, _controls, _spliced, _repeated]


def thousand() -> list[str]:
    """Return the thousand: those with a name, then generated ones, none twice."""
    chance = random.Random(SEED)
    found = dict.fromkeys(NAMED)
    while len(found) < COUNT:
        found.setdefault(chance.choice(KINDS)(chance))
    return list(found)


THOUSAND = thousand()


def share_for(place: str, *, count: int = SHARE) -> list[str]:
    """Return ``count`` of the thousand for one place; another place gets others."""
    chance = random.Random(zlib.crc32(place.encode()))
    return chance.sample(THOUSAND, min(count, COUNT))


T = TypeVar("T")


def dealt(place: str, tries: list[T]) -> list[T]:
    """Return this database's half of ``tries``: the other's run has the rest.

    Which half differs from place to place. In the long run each database has all of them.
    """
    if SHARE > USUAL:
        return tries
    turn = zlib.crc32(place.encode()) + (connection.vendor == "postgresql")
    return tries[turn % 2 :: 2]


def without_nul(values: list[str]) -> list[str]:
    """Where the system itself takes no NUL: arguments and variables of a process."""
    return [value for value in values if "\x00" not in value]
