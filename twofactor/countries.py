"""The countries that may get texts, as a person chooses among them."""

import re
from functools import cache

import phonenumbers
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from phonenumbers import PhoneNumberFormat, PhoneNumberType

# Names of the default list; a country that is added by setting is shown by its code.
NAMES = {
    "AT": _("Austria"),
    "AU": _("Australia"),
    "BE": _("Belgium"),
    "CA": _("Canada"),
    "CH": _("Switzerland"),
    "CZ": _("Czechia"),
    "DE": _("Germany"),
    "DK": _("Denmark"),
    "ES": _("Spain"),
    "FI": _("Finland"),
    "FR": _("France"),
    "GB": _("United Kingdom"),
    "IE": _("Ireland"),
    "IS": _("Iceland"),
    "IT": _("Italy"),
    "LU": _("Luxembourg"),
    "NL": _("Netherlands"),
    "NO": _("Norway"),
    "NZ": _("New Zealand"),
    "PL": _("Poland"),
    "PT": _("Portugal"),
    "SE": _("Sweden"),
    "US": _("United States"),
}


def choices() -> list[tuple[str, str]]:
    """Return code and name with the dialling code, in the order of the setting."""
    return [
        (code, f"{NAMES.get(code, code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in settings.SMS_COUNTRIES
    ]


def are_there() -> bool:
    """Whether anybody can be texted at all: where nothing sends texts, no country may get any."""
    return bool(settings.SMS_COUNTRIES)


def default() -> str:
    return settings.SMS_COUNTRIES[0] if settings.SMS_COUNTRIES else "US"


@cache
def written(country: str) -> dict[str, str]:
    """Return how numbers of ``country`` are written, each digit as 0: at home, and from abroad."""
    code = str(phonenumbers.country_code_for_region(country))
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if example is None:
        return {"code": code, "pattern": "", "abroad": ""}
    return {
        "code": code,
        "pattern": _pattern(phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)),
        "abroad": _pattern(phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)),
    }


def _pattern(number: str) -> str:
    return re.sub(r"\d", "0", number)
