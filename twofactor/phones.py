"""Phone numbers: from what people type to the one E.164 form that is stored and texted."""

import re
from dataclasses import dataclass

import phonenumbers
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from accounts import keys

LONGEST = 40
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
TEXTABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


class BadPhone(ValueError):
    """A number that can't get texts; ``message`` says why, in words for the person."""

    def __init__(self, message: object) -> None:
        super().__init__(str(message))
        self.message = message


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that may get texts."""

    e164: str

    @property
    def last2(self) -> str:
        return self.e164[-2:]

    @property
    def key(self) -> str:
        return number_key(self.e164)


def number_key(e164: str) -> str:
    """Return what finds an equal number without opening any."""
    return keys.mac("twofactor.number", e164).hex()


def number_keys(e164: str) -> list[str]:
    """The same under every key: what older rows may hold."""
    return [mac.hex() for mac in keys.macs("twofactor.number", e164)]


def parse(given: str, *, country: str) -> Phone:
    """Return the number that was typed; ``country`` is meant where it names none itself.

    :raises BadPhone: for what is no number, or no number that we text.
    """
    number = _parsed(given, country=country)
    if number.extension:
        raise BadPhone(_("Leave out the extension: a text needs a number of its own."))
    if not phonenumbers.is_valid_number(number):
        raise BadPhone(
            _("This is no complete phone number. Check the digits, and the country you chose.")
        )
    _check_allowed(number)
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _parsed(given: str, *, country: str) -> PhoneNumber:
    text = _TRUNK_ZERO.sub("", given.strip()) if _is_international(given) else given.strip()
    if text.startswith("00"):
        text = f"+{text[2:]}"
    try:
        if len(given) > LONGEST:
            raise BadPhone(_("This is too long for a phone number."))
        return phonenumbers.parse(text, country)
    except NumberParseException:
        raise BadPhone(_("Enter a phone number, for example +1 202 555 0123.")) from None


def _is_international(given: str) -> bool:
    """A zero in brackets is dialled at home only: +44 (0)20 is +44 20."""
    return given.strip().startswith(("+", "00"))


def _check_allowed(number: PhoneNumber) -> None:
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.FIXED_LINE:
        raise BadPhone(_("This is a landline, which gets no texts. Enter a mobile number."))
    if kind not in TEXTABLE:
        raise BadPhone(_("We send no texts to numbers of this kind. Enter a mobile number."))
    if phonenumbers.region_code_for_number(number) not in settings.SMS_COUNTRIES:
        raise BadPhone(_("We can't send texts to this country. Use an authenticator app instead."))
