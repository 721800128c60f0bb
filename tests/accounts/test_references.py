"""What the admin's addresses call rows by: one name each, which no one else can make or read."""

import pytest
from pytest_django import Settings

from accounts.references import NUMBER_BYTES, number_of, reference_to


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**63 - 1])
def test_a_reference_leads_back_to_its_row(number: int) -> None:
    assert number_of(reference_to(number)) == number


def test_neighbours_have_nothing_in_common() -> None:
    """Were there anything to read, rows in order would show it."""
    made = [reference_to(number) for number in range(1, 1001)]
    assert len(set(made)) == len({one[:8] for one in made}) == len({one[-8:] for one in made})
    assert made != sorted(made)
    assert all(reference_to(number) == one for number, one in enumerate(made, start=1))


@pytest.mark.parametrize("place", range(32))
def test_a_reference_that_was_changed_names_no_row(place: int) -> None:
    made = reference_to(7)
    other = "A" if made[place] != "A" else "B"
    with pytest.raises(ValueError, match=r".{32}"):
        number_of(made[:place] + other + made[place + 1 :])


@pytest.mark.parametrize("given", ["", "7", "A" * 31, "A" * 32, "ä" * 32, "A" * 10_000, "=" * 32])
def test_what_is_no_reference_names_no_row(given: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - whatever it says
        number_of(given)
    assert not isinstance(raised.value, UnicodeError)


def test_a_new_key_writes_and_an_older_one_is_still_read(settings: Settings) -> None:
    older, newer = "o" * 40, "n" * 40
    settings.FIELD_KEYS = [older]
    kept = reference_to(7)
    settings.FIELD_KEYS = [newer, older]
    assert reference_to(7) != kept
    assert number_of(kept) == number_of(reference_to(7)) == 7
    settings.FIELD_KEYS = [newer]
    with pytest.raises(ValueError, match=kept):
        number_of(kept)


def test_every_number_of_a_row_has_room() -> None:
    assert 2 ** (8 * NUMBER_BYTES) > 2**63 - 1
