"""J3: a member sets up text messages; the texts go through the real client to a local Twilio."""

import re
from datetime import timedelta

import pytest

from tests.journeys.clock import MS, Clock
from tests.journeys.driver import (
    BACKUP_CODES,
    CONFIRM_TEXT,
    SETUP_APP,
    SETUP_TEXT,
    TEXT_AGAIN,
    VERIFY,
    Browser,
)
from tests.journeys.phones import before_the_number
from tests.journeys.world import Northwind
from tests.services.twilio import Answer, Twilio
from twofactor import sms
from twofactor.models import CodeFailure

VERIFY_TEXT = "/login/verify/text/"
TYPED, NUMBER = "(202) 555-0123", "+12025550123"
OTHER_NUMBER = "+12025550188"
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def ada(northwind: Northwind, twilio_stand_in: Twilio) -> Browser:
    """Ada in the window, on the page that asks for her number; her mail's link led there."""
    return before_the_number(northwind)


@pytest.fixture
def enrolled(ada: Browser, twilio_stand_in: Twilio, clock: Clock) -> Browser:
    """Ada with her phone set up two hours ago, half-way in: the page asks for a code."""
    ada.submit(SETUP_TEXT, phone=TYPED)
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    ada.backup_codes()
    ada.sign_out()
    clock.forward(hours=2)
    assert ada.give_password().path == VERIFY
    return ada


def last_code(twilio: Twilio, number: str = NUMBER) -> str:
    """Read the latest text: the site's name and six digits, nothing else."""
    (code,) = re.findall(r"^Gatehouse: your code is (\d{6})$", twilio.to(number)[-1])
    return str(code)


def wrong(code: str) -> str:
    return code[:-1] + str((int(code[-1]) + 5) % 10)


@pytest.mark.every_server
def test_ada_sets_up_her_phone_and_signs_in_with_it(
    ada: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    page = ada.submit(SETUP_TEXT, phone=TYPED)
    assert page.path == CONFIRM_TEXT
    assert "your number ending in 23" in page.text
    assert "5550123" not in page.html
    assert [text["To"] for text in twilio_stand_in.messages] == [NUMBER]
    assert twilio_stand_in.messages[0]["From"] == "+15005550006"
    confirming = last_code(twilio_stand_in)
    ada.submit(CONFIRM_TEXT, code=confirming)
    codes = ada.backup_codes()
    assert len(set(codes)) == 10
    assert not [code for code in codes if code in ada.open(BACKUP_CODES).html]

    ada.sign_out()
    clock.forward(minutes=1)
    assert ada.give_password().path == VERIFY
    ada.open(VERIFY)
    assert len(twilio_stand_in.messages) == 1  # opening the page texts nothing
    assert "This code is no longer good" in ada.give_code(confirming).text
    assert not ada.is_in
    ada.open(VERIFY)
    assert ada.submit(VERIFY_TEXT).path == VERIFY
    assert len(twilio_stand_in.messages) == 2
    assert ada.give_code(last_code(twilio_stand_in)).path == "/"
    assert ada.is_in


def test_the_next_text_can_be_had_after_30_60_and_120_seconds(
    ada: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    ada.submit(SETUP_TEXT, phone=TYPED)
    for sent, seconds in enumerate((30, 60, 120), start=1):
        free_at = clock.now + timedelta(seconds=seconds)
        clock.set(free_at - MS)
        page = ada.submit(TEXT_AGAIN)
        assert page.status == 429
        assert page.response["Retry-After"] == "1"
        assert f"from {free_at:%H:%M:%S} UTC on" in page.text
        assert len(twilio_stand_in.messages) == sent
        clock.set(free_at)
        assert ada.submit(TEXT_AGAIN).path == CONFIRM_TEXT
        assert len(twilio_stand_in.messages) == sent + 1
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    ada.backup_codes()


def test_signing_in_anew_does_not_shorten_the_wait(
    enrolled: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    enrolled.submit(VERIFY_TEXT)
    sent = len(twilio_stand_in.messages)
    enrolled.submit("/login/cancel/")
    enrolled.give_password()
    clock.forward(seconds=30)
    clock.set(clock.now - MS)
    assert enrolled.submit(VERIFY_TEXT).status == 429
    clock.set(clock.now + MS)
    assert enrolled.submit(VERIFY_TEXT).status == 200
    assert len(twilio_stand_in.messages) == sent + 1


@pytest.mark.parametrize(
    ("age", "is_good"),
    [(FIVE_MINUTES - MS, True), (FIVE_MINUTES, False)],
    ids=["a millisecond before five minutes", "five minutes old"],
)
def test_a_text_lets_in_for_five_minutes(
    age: timedelta, is_good: bool, enrolled: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    enrolled.submit(VERIFY_TEXT)
    clock.set(clock.now + age)
    page = enrolled.give_code(last_code(twilio_stand_in))
    assert enrolled.is_in is is_good
    assert ("This code is no longer good" in page.text) is not is_good


@pytest.mark.parametrize(
    ("age", "is_good"),
    [(FIVE_MINUTES - MS, True), (FIVE_MINUTES, False)],
    ids=["a millisecond before five minutes", "five minutes old"],
)
def test_a_text_confirms_a_number_for_five_minutes(
    age: timedelta, is_good: bool, ada: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    ada.submit(SETUP_TEXT, phone=TYPED)
    clock.set(clock.now + age)
    page = ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    assert bool(page.by_class("backup-code")) is is_good
    assert ("This code is no longer good" in page.text) is not is_good


def test_a_wrong_code_is_refused_and_the_right_one_still_works(
    enrolled: Browser, twilio_stand_in: Twilio
) -> None:
    enrolled.submit(VERIFY_TEXT)
    code = last_code(twilio_stand_in)
    assert "This code is not right" in enrolled.give_code(wrong(code)).text
    assert not enrolled.is_in
    enrolled.open(VERIFY)
    assert enrolled.give_code(f"{code[:3]} {code[3:]}").path == "/"


def test_after_five_wrong_codes_the_right_one_is_refused_too(
    enrolled: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    enrolled.submit(VERIFY_TEXT)
    code = last_code(twilio_stand_in)
    for _ in range(5):
        enrolled.open(VERIFY)
        enrolled.give_code(wrong(code))
    enrolled.open(VERIFY)
    page = enrolled.give_code(code)
    assert page.status == 429
    assert page.response["Retry-After"] == "300"
    clock.forward(minutes=5)
    clock.set(clock.now - 2 * MS)
    enrolled.open(VERIFY)
    assert enrolled.give_code(code).status == 429
    assert not enrolled.is_in


def test_a_code_lets_in_once(enrolled: Browser, twilio_stand_in: Twilio, clock: Clock) -> None:
    enrolled.submit(VERIFY_TEXT)
    code = last_code(twilio_stand_in)
    enrolled.give_code(code)
    assert enrolled.is_in
    enrolled.sign_out()
    enrolled.give_password()
    assert "This code is no longer good" in enrolled.give_code(code).text
    assert not enrolled.is_in


def test_a_new_code_takes_the_place_of_the_old(
    enrolled: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    enrolled.submit(VERIFY_TEXT)
    old = last_code(twilio_stand_in)
    clock.forward(seconds=30)
    enrolled.submit(VERIFY_TEXT)
    new = last_code(twilio_stand_in)
    assert "This code is not right" in enrolled.give_code(old).text
    assert enrolled.give_code(new).path == "/"


def test_a_code_is_good_only_in_the_browser_that_asked_for_it(
    enrolled: Browser, northwind: Northwind, twilio_stand_in: Twilio
) -> None:
    thief = Browser(northwind.ada)
    thief.give_password()
    enrolled.submit(VERIFY_TEXT)
    code = last_code(twilio_stand_in)
    assert "This code is no longer good" in thief.give_code(code).text
    assert not thief.is_in
    enrolled.give_code(code)
    assert enrolled.is_in


def test_a_code_confirms_only_the_number_it_was_sent_to(
    ada: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    ada.submit(SETUP_TEXT, phone=TYPED)
    code = last_code(twilio_stand_in)
    clock.forward(seconds=30)
    ada.follow("Change the number")
    ada.submit(SETUP_TEXT, phone=OTHER_NUMBER)
    assert "your number ending in 88" in ada.page.text
    assert not ada.submit(CONFIRM_TEXT, code=code).by_class("backup-code")
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in, OTHER_NUMBER))
    ada.backup_codes()


def test_the_same_number_once_more_leads_to_the_code_that_is_on_its_way(
    ada: Browser, twilio_stand_in: Twilio
) -> None:
    ada.submit(SETUP_TEXT, phone=TYPED)
    ada.follow("Change the number")
    assert ada.submit(SETUP_TEXT, phone=TYPED).path == CONFIRM_TEXT
    assert len(twilio_stand_in.messages) == 1
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    ada.backup_codes()


REFUSALS = {
    21211: "The phone company does not know this number",
    21610: "This phone has asked for no more texts from us",
    21614: "The phone company does not know this number",
    21408: "We can't send texts to this country",
}


@pytest.mark.parametrize(("code", "words"), REFUSALS.items())
def test_a_refusal_of_the_provider_is_told_and_costs_no_try(
    code: int, words: str, ada: Browser, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(Answer(status=400, code=code))
    page = ada.submit(SETUP_TEXT, phone=TYPED)
    assert page.status == 200
    assert words in page.text
    assert page.link("authenticator app") == SETUP_APP
    assert twilio_stand_in.requests == 1
    assert not CodeFailure.objects.exists()


def test_an_enrolled_person_whom_no_text_reaches_has_other_ways_in(
    enrolled: Browser, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(Answer(status=400, code=21610))
    page = enrolled.submit(VERIFY_TEXT)
    assert "This phone has asked for no more texts from us" in page.text
    assert page.link("Enter recovery code") == "/login/recovery/"
    assert page.link("I can't use any of these") == "/login/help/"


SILENCES = {
    "takes it and never answers": Answer(hang=0.6, is_taken=True),
    "takes it and hangs up": Answer(reset=True, is_taken=True),
}


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_a_code_that_arrives_though_the_provider_fell_silent_is_good(
    silence: Answer,
    enrolled: Browser,
    twilio_stand_in: Twilio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.2)
    before = twilio_stand_in.requests
    twilio_stand_in.answers.append(silence)
    page = enrolled.submit(VERIFY_TEXT)
    assert page.status == 200
    assert "Our text service did not answer in time" in page.text
    assert twilio_stand_in.requests == before + 1  # nothing is sent twice blindly
    assert enrolled.give_code(last_code(twilio_stand_in)).path == "/"


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
def test_a_silence_during_set_up_still_asks_for_the_code(
    silence: Answer,
    ada: Browser,
    twilio_stand_in: Twilio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.2)
    twilio_stand_in.answers.append(silence)
    page = ada.submit(SETUP_TEXT, phone=TYPED)
    assert "Our text service did not answer in time" in page.text
    assert page.path == CONFIRM_TEXT
    assert twilio_stand_in.requests == 1
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))
    ada.backup_codes()
