"""The countries that may get texts, as a person chooses among them."""

import phonenumbers
from django.conf import settings

# Names of the default list; a country that is added by setting is shown by its code.
NAMES = {
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "CA": "Canada",
    "CH": "Switzerland",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "IS": "Iceland",
    "IT": "Italy",
    "LU": "Luxembourg",
    "NL": "Netherlands",
    "NO": "Norway",
    "NZ": "New Zealand",
    "PL": "Poland",
    "PT": "Portugal",
    "SE": "Sweden",
    "US": "United States",
}


def choices() -> list[tuple[str, str]]:
    """Return code and name with the dialling code, in the order of the setting."""
    return [
        (code, f"{NAMES.get(code, code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in settings.SMS_COUNTRIES
    ]


def default() -> str:
    return settings.SMS_COUNTRIES[0] if settings.SMS_COUNTRIES else "US"
