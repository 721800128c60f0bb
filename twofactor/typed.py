"""What people type where a code is asked for, and how little of it counts."""

import re
import unicodedata

CODE_DIGITS = 6
LONGEST = 100  # characters looked at; more is never a code

_SIX_DIGITS = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s*")
_MINUS = "\N{MINUS SIGN}"


class InvalidForm(ValueError):
    """What was typed can't be a code of this kind, whatever the right one is."""


def _without_spacing(typed: str) -> str:
    """Drop white space of any kind and dashes of any kind."""
    if len(typed) > LONGEST:
        raise InvalidForm
    return "".join(
        letter
        for letter in typed
        if not letter.isspace() and letter != _MINUS and unicodedata.category(letter) != "Pd"
    )


def six_digits(typed: str) -> str:
    """Return the six ASCII digits that were typed.

    :raises InvalidForm: for anything else.
    """
    code = _without_spacing(typed)
    if not _SIX_DIGITS.fullmatch(code):
        raise InvalidForm
    return code


def backup_code(typed: str, *, symbols: str, length: int) -> str:
    """Return a backup code in its one spelling; lower case and a pasted "1." do not matter.

    :raises InvalidForm: for what is no backup code.
    """
    if len(typed) > LONGEST:
        raise InvalidForm
    code = _without_spacing(_LIST_NUMBER.sub("", typed)).upper()
    if len(code) != length or not set(code) <= set(symbols):
        raise InvalidForm
    return code
