import pytest
from pytest_django import Settings

from twofactor.checks import countries_have_numbers


@pytest.mark.parametrize(("countries", "complaints"), [(["US", "GB"], 0), (["US", "UK", "EN"], 1)])
def test_each_country_has_numbers(
    countries: list[str], complaints: int, settings: Settings
) -> None:
    settings.SMS_COUNTRIES = countries
    found = countries_have_numbers(None)
    assert len(found) == complaints
    assert not found or "EN, UK" in found[0].msg
