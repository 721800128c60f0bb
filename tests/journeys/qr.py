"""Read a QR code (ISO/IEC 18004) off the modules of a picture, as the camera of a phone would.

It knows nothing of how the product drew the code: version, mask and error level are read from the
picture itself. The tables of block sizes and masks are those of the standard, out of ``qrcode``.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

from qrcode.base import rs_blocks
from qrcode.util import length_in_bits, mask_func, pattern_position

Matrix = list[list[bool]]

FORMAT_MASK = 0b101010000010010
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
NUMBER, LETTERS, BYTES = 1, 2, 4


def matrix_of(page: str) -> Matrix:
    """Return the modules of the SVG in a page, in which each run of dark ones is a stroke."""
    svg = re.findall(r'<svg class="qr".*?</svg>', page, re.DOTALL)[0]
    size = int(re.findall(r'viewBox="0 0 (\d+) \1"', svg)[0])
    modules = [[False] * size for _ in range(size)]
    strokes = re.findall(r'<path stroke="#000" d="([^"]*)"', svg)[0]
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", strokes):
        for at in range(int(x), int(x) + int(length)):
            modules[int(y)][at] = True
    quiet = next(index for index, row in enumerate(modules) if any(row))
    assert quiet >= 4, "The standard asks for four light modules around the code."
    return [row[quiet : size - quiet] for row in modules[quiet : size - quiet]]


def decode(modules: Matrix) -> str:
    size = len(modules)
    version = (size - 17) // 4
    level, mask = _format_of(modules)
    bits = list(_data_bits(modules, version, mask))
    words = [_number(bits[at : at + 8]) for at in range(0, len(bits) - 7, 8)]
    return _text(_without_interleaving(words, version, level), version)


def _number(bits: list[int]) -> int:
    return int("".join(map(str, bits)), 2) if bits else 0


def _format_of(modules: Matrix) -> tuple[int, int]:
    """Return error level and mask, from beside the upper left finder."""
    places = [(8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)]
    places += [(row, 8) for row in (7, 5, 4, 3, 2, 1, 0)]
    found = _number([int(modules[row][column]) for row, column in places]) ^ FORMAT_MASK
    return found >> 13, found >> 10 & 0b111


def _is_function(row: int, column: int, version: int) -> bool:
    """Whether a module belongs to a finder, timing, alignment, format or version pattern."""
    size = 17 + 4 * version
    if row == 6 or column == 6 or (row < 9 and (column < 9 or column >= size - 8)):
        return True
    if row >= size - 8 and column < 9:
        return True
    if version >= 7 and ((row < 6 and column >= size - 11) or (column < 6 and row >= size - 11)):
        return True
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    centres = pattern_position(version)
    return any(
        abs(row - y) <= 2 and abs(column - x) <= 2
        for y in centres
        for x in centres
        if (y, x) not in corners
    )


def _data_bits(modules: Matrix, version: int, mask: int) -> Iterator[int]:
    """Walk the pairs of columns from the lower right, up and down in turn."""
    size, is_masked = len(modules), mask_func(mask)
    right_of = list(range(size - 1, 0, -2))
    columns = [column if column > 6 else column - 1 for column in right_of]
    for turn, right in enumerate(columns):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        for row in rows:
            for column in (right, right - 1):
                if not _is_function(row, column, version):
                    yield int(modules[row][column] ^ bool(is_masked(row, column)))


def _without_interleaving(words: list[int], version: int, level: int) -> list[int]:
    blocks = rs_blocks(version, level)
    found: list[list[int]] = [[] for _ in blocks]
    order = [
        number
        for round_ in zip_longest(
            *[[number] * block.data_count for number, block in enumerate(blocks)]
        )
        for number in round_
        if number is not None
    ]
    for number, word in zip(order, words, strict=False):
        found[number].append(word)
    return [word for block in found for word in block]


def _text(words: list[int], version: int) -> str:
    stream = "".join(f"{word:08b}" for word in words)
    at, text = 0, ""

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(stream[at - count : at], 2)

    while at + 4 <= len(stream) and (mode := take(4)):
        left = take(length_in_bits(mode, version))  # type: ignore[arg-type]
        while left > 0:
            if mode == BYTES:
                text, left = text + chr(take(8)), left - 1
            elif mode == NUMBER:
                digits = min(left, 3)
                text += f"{take((4, 7, 10)[digits - 1]):0{digits}d}"
                left -= digits
            elif left == 1:
                text, left = text + ALPHANUMERIC[take(6)], 0
            else:
                assert mode == LETTERS
                first, second = divmod(take(11), len(ALPHANUMERIC))
                text, left = text + ALPHANUMERIC[first] + ALPHANUMERIC[second], left - 2
    return text
