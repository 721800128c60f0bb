import pytest

from twofactor import backup_codes, typed

RIGHT = "012345"


@pytest.mark.proves("S05", "B46")
@pytest.mark.parametrize(
    "given",
    [
        "012345",
        " 012345 ",
        "012 345",
        "012\N{NO-BREAK SPACE}345",
        "012-345",
        "012\N{EN DASH}345",
        "\t012345\r\n",
        "0 1 2 3 4 5",
    ],
)
def test_spacing_and_dashes_do_not_matter(given: str) -> None:
    assert typed.six_digits(given) == RIGHT


@pytest.mark.proves("S05", "B43", "B45")
@pytest.mark.parametrize(
    "given",
    [
        "",
        "   ",
        "12345",
        "0123456",
        "+12345",
        "1e5",
        "12345.0",
        "012_345",
        "\N{ARABIC-INDIC DIGIT ONE}12345",
        "\N{FULLWIDTH DIGIT ONE}12345",
        "012345\0",
        "['012345']",
        "0x1234",
        "1" * 1_000_000,
        RIGHT + " " * 1_000_000,  # nobody's time is spent on looking through it
    ],
)
def test_anything_but_six_ascii_digits_is_no_code(given: str) -> None:
    with pytest.raises(typed.InvalidForm):
        typed.six_digits(given)


CODE = "ACDEFGHJKMNPQRTWXY"


@pytest.mark.proves("B56")
@pytest.mark.parametrize(
    "given",
    [
        "ACDEFG-HJKMNP-QRTWXY",
        "acdefg-hjkmnp-qrtwxy",
        "acdefghjkmnpqrtwxy",
        " acdefg hjkmnp qrtwxy\n",
        "1. acdefg-hjkmnp-qrtwxy",
        "10) ACDEFG-HJKMNP-QRTWXY",
    ],
)
def test_a_backup_code_may_be_typed_in_many_ways(given: str) -> None:
    assert backup_codes.normalised(given) == CODE


@pytest.mark.proves("S22")
@pytest.mark.parametrize("given", ["", "ACDEFG", CODE + "A", CODE[:-1] + "O", "A" * 1_000_000])
def test_what_is_no_backup_code_costs_no_hash(given: str) -> None:
    with pytest.raises(typed.InvalidForm):
        backup_codes.normalised(given)
