"""J15: the text provider is in trouble; through the real client, to a local Twilio."""

import re
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from accounts.models import AuditEvent, Notice
from tests.journeys.clock import MS, Clock
from tests.journeys.driver import CONFIRM_TEXT, SETUP_APP, SETUP_TEXT, VERIFY, Browser
from tests.journeys.pages import Page
from tests.journeys.phones import before_the_number
from tests.journeys.post import mails_to, run_jobs
from tests.journeys.world import Northwind, enrol
from tests.services.twilio import Answer, Twilio
from tests.twofactor.people import NUMBER, enrol_phone
from twofactor import sms
from twofactor.models import CodeFailure, SentCode, SentState

pytestmark = pytest.mark.proves("S29", "B70")

VERIFY_TEXT = "/login/verify/text/"
OPERATORS = ["ops@gatehouse.example"]
UNKNOWN_NUMBER = "The phone company does not know this number"
OPTED_OUT = "This phone has asked for no more texts from us"
OUR_LOGIN = "We can't send texts at the moment. We have been told"

# What the provider says, and what the person reads.
THEIRS = {
    "21211": (Answer(code=21211), UNKNOWN_NUMBER),
    "21614": (Answer(code=21614), UNKNOWN_NUMBER),
    "21408": (Answer(code=21408), "We can't send texts to this country"),
    "21610": (Answer(code=21610), OPTED_OUT),
}
OURS = {
    "20003": (Answer(status=401, code=20003), OUR_LOGIN),
    "429": (Answer(status=429, code=20429), "Too many texts are being sent just now"),
    "500": (Answer(status=500, code=20500), "Our text service does not answer"),
    "a gateway's 502": (Answer(status=502, message="<html>"), "Our text service does not answer"),
}
NO_ANSWER = "Our text service did not answer in time. If the text arrives, its code is good"
SILENCES = {
    "a reset": Answer(reset=True),
    "a reset after it took the text": Answer(reset=True, is_taken=True),
    "silence": Answer(hang=0.6),
    "silence after it took the text": Answer(hang=0.6, is_taken=True),
}
ALL = {**THEIRS, **OURS, **{name: (answer, NO_ANSWER) for name, answer in SILENCES.items()}}


@pytest.fixture(autouse=True)
def operators(settings: Any) -> None:
    settings.OPERATORS = OPERATORS


@pytest.fixture
def alarms_told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that reads the alarms in the log, and takes them out of it."""

    def read() -> list[str]:
        found = [one.getMessage() for one in caplog.records if one.name == "gatehouse.alarm"]
        caplog.clear()
        return found

    return read


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.2)


@pytest.fixture
def ada(northwind: Northwind, twilio_stand_in: Twilio) -> Browser:
    """Ada in the window, on the page that asks for her number."""
    return before_the_number(northwind)


@pytest.fixture
def ben(northwind: Northwind, twilio_stand_in: Twilio, clock: Clock) -> Browser:
    """Ben with a phone and an app, half-way in."""
    enrol_phone(northwind.ben, now=clock.now)
    twilio_stand_in.clear()
    browser = Browser(northwind.ben, secret=enrol(northwind.ben, clock=clock).secret)
    assert browser.give_password().path == VERIFY
    return browser


def ask_for_text(browser: Browser) -> Page:
    browser.open(f"{VERIFY}?method=text")
    return browser.submit(VERIFY_TEXT)


def last_code(twilio: Twilio) -> str:
    (code,) = re.findall(r"^Gatehouse: your code is (\d{6})$", twilio.to(NUMBER)[-1])
    return str(code)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("answer", "words"), ALL.values(), ids=ALL)
def test_in_set_up_the_reason_is_told_and_the_app_is_offered(
    answer: Answer,
    words: str,
    ada: Browser,
    twilio_stand_in: Twilio,
    alarms_told: Callable[[], list[str]],
) -> None:
    twilio_stand_in.answers.append(answer)
    page = ada.submit(SETUP_TEXT, phone=NUMBER)
    alarms_told()
    assert page.status == 200
    assert words in page.text
    assert page.link("authenticator app") == SETUP_APP
    assert twilio_stand_in.requests == 1  # nothing is sent twice blindly
    assert not CodeFailure.objects.exists()
    assert ada.follow("authenticator app").path == SETUP_APP


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("answer", "words"), ALL.values(), ids=ALL)
def test_at_sign_in_the_reason_is_told_and_every_other_way_stays_open(
    answer: Answer,
    words: str,
    ben: Browser,
    twilio_stand_in: Twilio,
    alarms_told: Callable[[], list[str]],
) -> None:
    twilio_stand_in.answers.append(answer)
    page = ask_for_text(ben)
    is_ours_to_mend = answer.code == 20003
    assert bool(alarms_told()) is is_ours_to_mend
    assert Notice.objects.filter(kind="text_trouble").exists() is is_ours_to_mend
    assert page.status == 200
    assert words in page.text
    assert page.link("Enter recovery code") == "/login/recovery/"
    assert page.link("I can't use any of these") == "/login/help/"
    assert twilio_stand_in.requests == 1
    assert not CodeFailure.objects.exists()
    ben.follow("Use the authenticator app")
    assert ben.submit(VERIFY, code=ben.code()).path == "/"
    assert ben.is_in


@pytest.mark.parametrize(("answer", "words"), OURS.values(), ids=OURS)
def test_what_fails_by_no_fault_of_the_person_costs_no_text_and_no_wait(
    answer: Answer,
    words: str,
    ben: Browser,
    twilio_stand_in: Twilio,
    alarms_told: Callable[[], list[str]],
    clock: Clock,
) -> None:
    for _ in range(4):  # a fifth would let the provider rest
        twilio_stand_in.answers.append(answer)
        assert words in ask_for_text(ben).text
    alarms_told()
    for sent, seconds in enumerate((30, 60, 120, 120, 0), start=1):
        assert ask_for_text(ben).status == 200
        assert len(twilio_stand_in.messages) == sent
        clock.forward(seconds=seconds)
    assert SentCode.objects.filter(state=SentState.OURS).count() == 4
    clock.forward(minutes=2)
    assert ask_for_text(ben).status == 429  # five an hour, as without any trouble


@pytest.mark.parametrize(("answer", "words"), THEIRS.values(), ids=THEIRS)
def test_what_the_number_is_at_fault_for_waits_as_a_text_does(
    answer: Answer, words: str, ben: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    twilio_stand_in.answers.append(answer)
    ask_for_text(ben)
    clock.set(clock.now + timedelta(seconds=30) - MS)
    assert ask_for_text(ben).status == 429
    clock.set(clock.now + MS)
    assert ask_for_text(ben).status == 200
    assert twilio_stand_in.requests == 2


def test_a_wrong_key_of_ours_wakes_the_operators_once_an_hour_and_owners_once_a_day(
    ben: Browser,
    northwind: Northwind,
    twilio_stand_in: Twilio,
    alarms_told: Callable[[], list[str]],
    clock: Clock,
) -> None:
    twilio_stand_in.answers.extend([Answer(status=401, code=20003)] * 3)
    for _ in range(2):
        assert OUR_LOGIN in ask_for_text(ben).text
    (line,) = alarms_told()
    assert line.startswith("Alarm texts_refused: ")
    assert "20003" in line
    assert NUMBER not in line
    run_jobs()
    (alarm,) = mails_to(OPERATORS[0], "our texts are refused")
    assert "20003" in str(alarm.body)
    assert len(mails_to(northwind.owner.email, "ext")) == 1
    assert not mails_to(northwind.admin.email)
    clock.forward(hours=1)
    ben.give_password()
    ask_for_text(ben)
    run_jobs()
    assert len(alarms_told()) == 1
    assert len(mails_to(OPERATORS[0])) == 2
    assert len(mails_to(northwind.owner.email, "ext")) == 1


def test_after_five_failures_in_a_row_the_provider_rests_for_a_minute(
    ben: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    twilio_stand_in.answers.extend([Answer(status=500, code=20500)] * 5)
    for _ in range(7):
        assert "Our text service does not answer" in ask_for_text(ben).text
    assert twilio_stand_in.requests == 5
    clock.forward(seconds=61)
    ask_for_text(ben)
    assert ben.give_code(last_code(twilio_stand_in)).path == "/"


@pytest.mark.proves("B71")
def test_a_provider_that_says_nothing_for_a_minute_holds_the_page_for_seconds(
    ben: Browser, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(Answer(hang=60, is_taken=True))
    began = perf_counter()
    page = ask_for_text(ben)
    assert perf_counter() - began < 20
    assert sms.TIMEOUT_SECONDS <= 5
    assert NO_ANSWER in page.text
    assert twilio_stand_in.requests == 1
    assert ben.give_code(last_code(twilio_stand_in)).path == "/"


@pytest.mark.proves("B71")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silence", ["a reset", "silence"])
def test_the_next_text_after_a_silence_takes_a_wait_but_nothing_of_the_hour(
    silence: str, ben: Browser, twilio_stand_in: Twilio, clock: Clock
) -> None:
    twilio_stand_in.answers.append(SILENCES[silence])
    ask_for_text(ben)
    assert ask_for_text(ben).status == 429
    assert twilio_stand_in.requests == 1
    for sent, seconds in enumerate((30, 60, 120, 120, 120), start=1):
        clock.forward(seconds=seconds)
        assert ask_for_text(ben).status == 200
        assert len(twilio_stand_in.messages) == sent
    assert ben.give_code(last_code(twilio_stand_in)).path == "/"


@pytest.mark.proves("B71")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [one for one, _ in OURS.values()], ids=OURS)
def test_the_code_sent_before_stays_good_when_the_next_is_not_sent(
    answer: Answer,
    ben: Browser,
    twilio_stand_in: Twilio,
    alarms_told: Callable[[], list[str]],
    clock: Clock,
) -> None:
    ask_for_text(ben)
    clock.forward(minutes=1)
    twilio_stand_in.answers.append(answer)
    ask_for_text(ben)
    alarms_told()
    assert ben.give_code(last_code(twilio_stand_in)).path == "/"


# What the phone company reports later.


def report(message: dict[str, str], *, status: str, error: str = "", token: str = "") -> int:
    """Tell where the text said that reports go, signed as Twilio signs."""
    fields = {"MessageSid": message["sid"], "MessageStatus": status, "ErrorCode": error}
    url = message["StatusCallback"]
    signature = RequestValidator(token or "test-token").compute_signature(url, fields)
    path = url.removeprefix("http://testserver")
    client = Client(enforce_csrf_checks=True, headers={"X-Twilio-Signature": signature})
    return client.post(path, fields).status_code


def test_a_text_that_is_filtered_later_is_told_on_the_page_and_to_the_operators(
    ada: Browser, twilio_stand_in: Twilio, alarms_told: Callable[[], list[str]]
) -> None:
    ada.submit(SETUP_TEXT, phone=NUMBER)
    for _ in range(2):  # a report may come twice
        status = report(twilio_stand_in.messages[0], status="undelivered", error="30007")
        assert status == 204
    (line,) = alarms_told()
    assert "30007" in line
    page = ada.open(CONFIRM_TEXT)
    assert "The phone company did not deliver the text" in page.text
    assert page.link("authenticator app") == SETUP_APP
    assert twilio_stand_in.requests == 1
    assert not CodeFailure.objects.exists()
    ada.submit(CONFIRM_TEXT, code=last_code(twilio_stand_in))  # for it came all the same
    ada.backup_codes()


@pytest.mark.parametrize("error", ["30003", "30005", "30006"])
def test_a_phone_that_is_off_wakes_no_operator(
    error: str, ben: Browser, twilio_stand_in: Twilio, alarms_told: Callable[[], list[str]]
) -> None:
    ask_for_text(ben)
    assert report(twilio_stand_in.messages[0], status="undelivered", error=error) == 204
    assert alarms_told() == []
    page = ben.open(VERIFY)
    assert "Your phone company did not deliver the last text" in page.text
    assert page.link("Use the authenticator app")


@pytest.mark.usefixtures("impatient")
def test_a_report_is_noted_though_the_provider_s_own_answer_was_lost(
    ben: Browser, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(SILENCES["silence after it took the text"])
    ask_for_text(ben)
    assert SentCode.objects.latest("pk").state == SentState.UNCERTAIN
    report(twilio_stand_in.messages[0], status="undelivered", error="30003")
    assert "did not deliver the last text" in ben.open(f"{VERIFY}?method=text").text


def test_a_report_that_comes_before_the_provider_s_answer_has_the_last_word(
    ben: Browser, twilio_stand_in: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over = sms.TwilioGateway.send

    def send(*args: Any, **kwargs: Any) -> sms.HandedOver:
        handed_over = hand_over(*args, **kwargs)
        report(twilio_stand_in.messages[0], status="undelivered", error="30003")
        return handed_over

    monkeypatch.setattr(sms.TwilioGateway, "send", send)
    assert "did not deliver the last text" in ask_for_text(ben).text
    assert SentCode.objects.latest("pk").state == SentState.UNDELIVERED


def test_a_report_nobody_signed_changes_nothing(ben: Browser, twilio_stand_in: Twilio) -> None:
    ask_for_text(ben)
    message = twilio_stand_in.messages[0]
    assert report(message, status="undelivered", error="30007", token="guessed") == 403
    message["StatusCallback"] += "0"
    assert report(message, status="undelivered", error="30007", token="guessed") == 403
    assert SentCode.objects.latest("pk").state == SentState.HANDED_OVER


def test_each_refusal_is_in_the_audit_without_the_number(
    ben: Browser, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(Answer(code=21610, message=f"Blocked: {NUMBER}"))
    ask_for_text(ben)
    row = AuditEvent.objects.filter(event="text_refused").latest("pk")
    assert row.after == {"reason": "21610"}
    assert NUMBER not in str(AuditEvent.objects.values())
