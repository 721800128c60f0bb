"""One number however it is typed, none that costs a fortune, and none that is shown."""

from datetime import datetime, timedelta

import pytest

from accounts.throttle import TooMany
from tests.factories import make_user
from tests.twofactor.people import NUMBER, enrol_phone, redeem, text, texted, wrong
from twofactor import devices, enrolment, phones, sent_codes
from twofactor.models import CodeFailure, SentCode
from twofactor.redeem import CodeRejected

SPELLINGS = (
    "(202) 555-0123",
    "+1 202 555 0123",
    "001 202 555 0123",
    "202.555.0123",
    "1-202-555-0123",
    "\u00a0+1\u2011202\u2011555\u20110123 ",
)
LANDLINE = "This is a landline, which gets no texts. Enter a mobile number."
KIND = "We send no texts to numbers of this kind. Enter a mobile number."
INCOMPLETE = "This is no complete phone number. Check the digits, and the country you chose."
NO_TEXTS = {
    "premium": ("+19005550123", KIND),
    "premium, British": ("+449098790123", KIND),
    "shared cost": ("+448431234567", KIND),
    "shared cost, German": ("+491801123456", KIND),
    "VoIP": ("+445612345678", KIND),
    "pager": ("+447640123456", KIND),
    "UAN": ("+445512345678", KIND),
    "toll-free": ("+18885550123", KIND),
    "personal": ("+447012345678", KIND),
    "landline": ("+442079460123", LANDLINE),
    "short code": ("12345", INCOMPLETE),
    "emergency": ("911", INCOMPLETE),
    "extension": (
        "+12025550123 ext. 5",
        "Leave out the extension: a text needs a number of its own.",
    ),
    "a word": ("hello", "Enter a phone number, for example +1 202 555 0123."),
}


@pytest.mark.proves("S27", "B72")
@pytest.mark.parametrize(("given", "words"), NO_TEXTS.values(), ids=NO_TEXTS)
def test_a_number_that_gets_no_texts_is_refused_with_the_reason(given: str, words: str) -> None:
    with pytest.raises(phones.BadPhone) as refused:
        phones.parse(given, country="US")
    assert str(refused.value.message) == words


@pytest.mark.proves("B72", "B73")
@pytest.mark.parametrize("given", SPELLINGS)
def test_each_spelling_is_the_same_number(given: str) -> None:
    assert phones.parse(given, country="US") == phones.Phone(NUMBER)


@pytest.mark.django_db
@pytest.mark.proves("B73")
def test_each_spelling_counts_in_the_same_hour_of_the_number(now: datetime) -> None:
    *five, sixth = SPELLINGS
    for place, given in enumerate(five):
        ask(given, place=place, now=now)
    with pytest.raises(TooMany) as error:
        ask(sixth, place=5, now=now)
    assert error.value.retry_at == now + timedelta(hours=1)


def ask(given: str, *, place: int, now: datetime) -> SentCode:
    """Ask, as a new person, for a code to a number that was typed so."""
    user, number = make_user(), phones.parse(given, country="US")
    device = enrolment.begin_phone(user, number, attempt="s", now=now)
    address = f"192.0.2.{place}"
    return enrolment.text_setup_code(user, device, attempt="s", address=address, now=now)


@pytest.mark.django_db
@pytest.mark.proves("S28")
def test_a_number_that_is_not_confirmed_gets_no_code_to_sign_in(now: datetime) -> None:
    user, number = make_user(), phones.parse(NUMBER, country="US")
    device = enrolment.begin_phone(user, number, attempt="s", now=now)
    enrolment.text_setup_code(user, device, attempt="s", address="192.0.2.1", now=now)
    assert devices.phone_of(user) is None
    assert not devices.has_device(user)


@pytest.mark.django_db
@pytest.mark.proves("B79")
def test_twenty_wrong_texted_codes_are_five_that_were_looked_at(now: datetime) -> None:
    ben = enrol_phone(now=now)
    sent = text(ben, now=now)
    code = sent_codes.code_of(sent)
    found: list[type[Exception]] = []
    for _ in range(20):
        with pytest.raises((CodeRejected, TooMany)) as error:
            redeem(texted(ben, sent, wrong(code)), now=now)
        found.append(error.type)
    assert found == [CodeRejected] * 5 + [TooMany] * 15
    assert CodeFailure.objects.count() == 5
    with pytest.raises(TooMany):
        redeem(texted(ben, sent), now=now)
    assert SentCode.objects.get(pk=sent.pk).used_at is None
    later = now + timedelta(minutes=5)
    with pytest.raises(CodeRejected):
        redeem(texted(ben, sent), now=later)  # dead of age by now
