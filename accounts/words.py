"""What people write, as others get to see it: in mails, lists and pages.

Called by the forms and the commands. Letters that can't be seen could hide what stands there.
"""

from collections.abc import Iterable

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.mail_names import isolated

JOINERS = "\u200c\u200d"  # not seen, but names in Persian or Hindi are written with them


def one_line(text: str) -> str:
    """Return ``text`` in one line, without what can't be seen, such as control characters."""
    return "".join(
        letter for letter in " ".join(text.split()) if letter.isprintable() or letter in JOINERS
    )


def lines(text: str) -> str:
    """Return ``text`` with its lines, each without what can't be seen."""
    return "\n".join(map(one_line, text.splitlines())).strip()


def is_utf8(text: str) -> bool:
    """Whether no byte of what somebody typed was of another encoding."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def listed(names: Iterable[str]) -> str:
    """Return ``names`` as "A, B and C"."""
    *others, last = [*map(str, names)] or [""]
    if not others:
        return last
    return _("%(others)s and %(last)s") % {"others": ", ".join(others), "last": last}


def filled(sentence: str | Promise, **values: object) -> str:
    """Return ``sentence`` with what people wrote in it: names, addresses, domains.

    What is written from right to left is set apart, so that it does not turn the sentence round;
    anything else stays free of marks.
    """
    return str(sentence) % {name: isolated(str(value)) for name, value in values.items()}


def in_english(text: str | Promise) -> str:
    """Return ``text`` as the audit keeps it, whatever the language of whoever acts."""
    with translation.override(None):
        return str(text)
