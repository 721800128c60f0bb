"""Odd values in every field of every form: a clear answer, never an error of ours, nothing lost.

A field that takes free words may take an odd one, but stores it clean. Nothing is stored of what
was refused.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.journeys.clock import START
from tests.journeys.world import Northwind
from tests.odd import pages
from tests.odd.pages import OPENINGS, Blank, Opening, blanks
from tests.odd.values import dealt, share_for
from tests.odd.world import Rows, rows, unclean, undone

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

FIELDS = {
    "email", "password", "next", "code", "message", "method", "phone", "country", "saved", "new",
    "scope", "old_password", "new_password1", "new_password2", "name", "language", "time_zone",
    "role", "reason", "ticket", "confirm", "preview_at", "plan", "email_domains", "is_staff",
    "is_superuser", "send", "back", "username", "_save", "_continue",
    "number", "issuer", "client_id", "secret", "sso_url", "certificates", "subject_attribute",
    "allow_creation", "is_required",
}  # fmt: skip
TAKEN = {302, 303}
CODES = {"code"}  # never taken, whatever the value
WRONG_CODE = re.compile(r"[0-9]{3} ?[0-9]{3}")  # but one of this form is a guess, and counts
COUNTERS = {"failures"}
BUTTONS = {"new": "on"}  # what the button itself sends


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.__name__)
@pytest.mark.proves("S05", "B43")
def test_an_odd_value_is_told_clearly(opening: Opening, northwind: Northwind) -> None:
    complaints = [
        complaint
        for standpoint in opening(northwind)
        for blank in blanks(standpoint)
        for name in sorted(blank.names)
        for complaint in complaints_about(blank, name)
    ]
    assert not complaints, "\n".join(complaints)


def complaints_about(blank: Blank, name: str) -> Iterator[str]:
    place = f"{blank.action} {name}"
    for value in dealt(place, share_for(place)):
        with undone(blank.client) as watch:
            answer = blank.client.post(blank.action, {**blank.fields, name: value})
            after = rows() if watch.has_seen else None
        before = rows() if watch.has_seen else None  # it is undone by now
        if name in CODES and WRONG_CODE.fullmatch(value):
            before, after = uncounted(before), uncounted(after)
        is_button = BUTTONS.get(name) == value
        for wrong in judged(answer, before, after, name=name, is_button=is_button):
            yield f"{place} = {value!r:.80}: {wrong}"


def uncounted(found: Rows | None) -> Rows | None:
    """Return the rows without what counts wrong codes, which a guess leaves behind."""
    return found and {
        model: [{key: row[key] for key in row if key not in COUNTERS} for row in rows]
        for model, rows in found.items()
    }


def judged(
    answer: Any, before: Rows | None, after: Rows | None, *, name: str, is_button: bool = False
) -> Iterator[str]:
    """Say what is wrong with the answer to one try; no rows where it can't have changed any."""
    if answer.status_code >= 500:
        yield f"answered {answer.status_code}"
    if answer.status_code not in TAKEN and not is_button and after != before:
        yield f"answered {answer.status_code} and stored something"
    if name in CODES and answer.status_code in TAKEN:
        yield f"was taken for a code, to {answer['Location']}"
    known = unclean(before or {})
    yield from (f"stored {text}" for text in unclean(after or {}) if text not in known)


def test_a_guess_counts_and_changes_nothing_else(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "dealt", lambda place, tries: ["969 590", "110110"])
    for standpoint in pages.at_the_code_page(northwind):
        for blank in (blank for blank in blanks(standpoint) if "code" in blank.names):
            assert list(complaints_about(blank, "code")) == []
            monkeypatch.setattr(sys.modules[__name__], "COUNTERS", set())
            assert any("stored something" in told for told in complaints_about(blank, "code"))
            return
    pytest.fail("Nobody was asked for a code.")


def test_every_field_is_tried(northwind: Northwind) -> None:
    """Which odd value each gets does not matter here."""
    found: set[str] = set()
    for opening in OPENINGS:
        with transaction.atomic():
            northwind.clock.set(START)
            for standpoint in opening(northwind):
                found.update(*(blank.names for blank in blanks(standpoint)))
            transaction.set_rollback(True)
    assert found == FIELDS
