from typing import Any

import pytest

from twofactor import phones

E164 = "+447400123456"


@pytest.mark.parametrize(
    ("given", "country"),
    [
        ("+44 7400 123456", "US"),
        ("0044 7400 123456", "US"),
        ("+44 (0)7400 123456", "US"),
        ("+44-7400-123-456", "GB"),
        ("07400 123456", "GB"),
        ("(07400) 123456", "GB"),
        ("  +447400123456  ", "DE"),
    ],
)
@pytest.mark.proves("B72")
def test_every_spelling_is_one_number(given: str, country: str) -> None:
    assert phones.parse(given, country=country).e164 == E164


@pytest.mark.parametrize(
    "given",
    [
        "",
        "hello",
        "12345",
        "+1555",
        "+44 20 7946 0018",  # a landline
        "+1 900 555 0123",  # premium
        "+1 800 555 0199",  # toll-free
        "+44 7400 123456 ext. 5",
        "+7 912 345-67-89",  # not on the list
        "0" * 1_000_000,
        "+44\0",
    ],
)
@pytest.mark.proves("B72", "S27")
def test_what_gets_no_texts_is_refused_in_words(given: str) -> None:
    with pytest.raises(phones.BadPhone) as refused:
        phones.parse(given, country="GB")
    assert str(refused.value.message)


def test_a_country_that_is_not_on_the_list_is_refused(settings: Any) -> None:
    settings.SMS_COUNTRIES = ["US"]
    with pytest.raises(phones.BadPhone):
        phones.parse(E164, country="US")


@pytest.mark.proves("S28")
def test_only_the_last_two_digits_are_shown() -> None:
    assert phones.parse(E164, country="GB").last2 == "56"
