"""Who may still get a text, and what each answer of the provider leads to."""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from accounts.models import Membership, Notice
from accounts.throttle import TooMany
from tests.factories import make_account
from tests.services.twilio import Answer, Twilio
from tests.twofactor.people import NUMBER, Enrolled, enrol_phone, redeem, text, texted
from twofactor import phones, sent_codes, sms, texts
from twofactor.models import SentCode, SentState, TextCharge
from twofactor.redeem import Kind

NOBODYS = "90bde6c8-9933-42a4-a02d-97a38b8f8049"  # names no text; the same in every process
pytestmark = pytest.mark.django_db

SECOND, MS = timedelta(seconds=1), timedelta(milliseconds=1)


@pytest.fixture
def ben(now: datetime) -> Enrolled:
    return enrol_phone(now=now)


def test_a_text_carries_the_sites_name_and_the_code(
    ben: Enrolled, now: datetime, texts_in_a_folder: Path
) -> None:
    sent = text(ben, now=now)
    latest = json.loads(sorted(texts_in_a_folder.glob("*.json"))[-1].read_text())
    assert latest["to"] == NUMBER
    name, code = latest["body"].split(": your code is ")
    assert name == "Gatehouse"
    assert len(code) == 6
    assert texted(ben, sent).code == code


@pytest.mark.proves("S26")
def test_the_waits_grow(ben: Enrolled, now: datetime) -> None:
    at = now
    for wait in (30, 60, 120, 120):
        text(ben, now=at)
        with pytest.raises(TooMany) as error:
            text(ben, now=at + timedelta(seconds=wait) - SECOND)
        assert error.value.retry_at == at + timedelta(seconds=wait)
        at += timedelta(seconds=wait)
    text(ben, now=at)
    with pytest.raises(TooMany) as error:
        text(ben, now=at + timedelta(minutes=10))
    assert error.value.retry_at == now + timedelta(hours=1)


@pytest.mark.proves("S26")
def test_a_hundred_clicks_in_ten_seconds_are_one_text(
    ben: Enrolled, now: datetime, texts_in_a_folder: Path
) -> None:
    before = len(list(texts_in_a_folder.glob("*.json")))
    for click in range(100):
        with suppress(TooMany):
            text(ben, now=now + click * SECOND / 10)
    assert len(list(texts_in_a_folder.glob("*.json"))) == before + 1


@pytest.mark.proves("S26")
def test_ten_a_day(ben: Enrolled, now: datetime) -> None:
    at = now
    for number in range(9):  # set-up took the first
        text(ben, now=at)
        at += timedelta(minutes=20)
        assert SentCode.objects.count() == number + 2
    with pytest.raises(TooMany) as error:
        text(ben, now=at)
    assert error.value.retry_at == now - timedelta(hours=2) + timedelta(hours=24)


@pytest.mark.proves("S27", "B74")
def test_five_an_hour_to_one_number_whoever_asks(now: datetime) -> None:
    people = [enrol_phone(now=now + number * SECOND) for number in range(5)]
    for person in people:
        text(person, now=now + timedelta(hours=1))
    other = enrol_phone(number="+12025550199", address="192.0.2.2", now=now)
    assert other.phone is not None
    other.phone.seal_number(NUMBER)
    other.phone.number_key = phones.number_key(NUMBER)
    other.phone.save()
    with pytest.raises(TooMany):
        text(other, now=now + timedelta(hours=1))


@pytest.mark.proves("S27", "B74")
def test_the_accounts_texts_can_be_used_up_and_its_owner_hears(
    ben: Enrolled, now: datetime
) -> None:
    account = make_account(members=(ben.user,))
    sent = SentCode.objects.get(user=ben.user)
    spent = texts.PER_ACCOUNT_A_DAY + texts.PER_MEMBER_A_DAY * 2
    charges = [TextCharge(sent=sent, account_id=account.pk, at=now) for _ in range(spent - 1)]
    TextCharge.objects.bulk_create(charges)
    text(ben, now=now)
    with pytest.raises(texts.TextsUsedUp):
        text(ben, now=now + timedelta(minutes=1))
    owner = Membership.objects.owners().get(account=account).user
    assert Notice.objects.filter(user=owner, kind="text_trouble").count() == 1


@pytest.mark.proves("S27", "B74")
def test_one_address_can_not_have_texts_sent_for_ever(now: datetime) -> None:
    people = [
        enrol_phone(number=f"+120255501{number}", address=f"192.0.2.{number}", now=now)
        for number in range(10, 21)
    ]
    for person in people[:10]:
        text(person, now=now)
    with pytest.raises(texts.TextsUsedUp):
        text(people[10], now=now)


@pytest.mark.proves("S27")
def test_a_country_taken_off_the_list_gets_no_more_texts(
    ben: Enrolled, now: datetime, settings: Any
) -> None:
    settings.SMS_COUNTRIES = ["GB"]
    with pytest.raises(phones.BadPhone):
        text(ben, now=now)


# The provider, spoken to by the real client.

REFUSALS: dict[str, tuple[Answer, type[sms.NotSent]]] = {
    "bad number": (Answer(code=21211), sms.BadNumber),
    "no mobile": (Answer(code=21614), sms.BadNumber),
    "opted out": (Answer(code=21610), sms.OptedOut),
    "region": (Answer(code=21408), sms.RegionBlocked),
    "our login": (Answer(status=401, code=20003), sms.Misconfigured),
    "unheard of": (Answer(code=29999), sms.Misconfigured),
    "too many": (Answer(status=429, code=20429), sms.Busy),
    "broken": (Answer(status=500, code=20500), sms.Unavailable),
    "a gateway": (Answer(status=502, message="<html>"), sms.Unavailable),
    "cut off": (Answer(reset=True), sms.Uncertain),
}


@pytest.mark.parametrize(("answer", "kind"), REFUSALS.values(), ids=REFUSALS)
def test_each_refusal_is_told_apart(
    answer: Answer, kind: type[sms.NotSent], now: datetime, ben: Enrolled, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.append(answer)
    with pytest.raises(sms.NotSent) as error:
        text(ben, now=now)
    assert type(error.value) is kind
    assert str(error.value.message)
    assert not twilio_stand_in.messages
    assert twilio_stand_in.requests == 1
    if kind.is_ours and not kind.is_uncertain:
        text(ben, now=now + SECOND)  # our fault: no wait, no quota
        assert len(twilio_stand_in.messages) == 1
    else:
        with pytest.raises(TooMany):
            text(ben, now=now + SECOND)


def test_a_text_goes_out_with_sender_and_callback(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio
) -> None:
    sent = text(ben, now=now)
    message = twilio_stand_in.messages[0]
    assert message["To"] == NUMBER
    assert message["From"] == "+15005550006"
    reported_to = f"http://testserver/webhooks/twilio/status/?text={sent.uid}"
    assert message["StatusCallback"] == reported_to
    assert sent.state == SentState.HANDED_OVER
    assert sent.provider_id == message["sid"]


def test_a_messaging_service_takes_the_place_of_the_number(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio, settings: Any
) -> None:
    settings.TWILIO_MESSAGING_SERVICE_SID = "MG" + "0" * 32
    text(ben, now=now)
    assert twilio_stand_in.messages[0]["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in twilio_stand_in.messages[0]


def test_silence_ends_in_seconds_and_keeps_the_code_good(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.3)
    twilio_stand_in.answers.append(Answer(hang=1, is_taken=True))
    began = monotonic()
    with pytest.raises(sms.Uncertain):
        text(ben, now=now)
    assert monotonic() - began < 0.9
    sent = SentCode.objects.latest("pk")
    assert sent.state == SentState.UNCERTAIN
    assert len(twilio_stand_in.messages) == 1  # no blind second try
    assert redeem(texted(ben, sent), now=now) is Kind.TEXT


def test_a_text_we_failed_to_send_leaves_the_one_before_good(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio
) -> None:
    sent, later = text(ben, now=now), now + timedelta(minutes=1)
    twilio_stand_in.answers.append(Answer(status=500, code=20500))
    with pytest.raises(sms.Unavailable):
        text(ben, now=later)
    assert redeem(texted(ben, sent), now=later) is Kind.TEXT


def test_after_five_failures_the_provider_is_left_alone(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio
) -> None:
    twilio_stand_in.answers.extend([Answer(status=500, code=20500)] * 5)
    for number in range(6):
        with pytest.raises(sms.Unavailable):
            text(ben, now=now + number * SECOND)
    assert twilio_stand_in.requests == 5


def test_our_wrong_login_is_told_to_the_owners(
    ben: Enrolled, now: datetime, twilio_stand_in: Twilio, caplog: Any
) -> None:
    make_account(owner=ben.user)
    twilio_stand_in.answers.append(Answer(status=401, code=20003))
    with pytest.raises(sms.Misconfigured):
        text(ben, now=now)
    assert Notice.objects.filter(kind="text_trouble", user=ben.user).count() == 1
    assert "20003" in caplog.text
    assert NUMBER not in caplog.text


def test_reports_only_move_a_text_on(ben: Enrolled, now: datetime, twilio_stand_in: Twilio) -> None:
    sent = text(ben, now=now)
    for status, state in [
        ("sent", SentState.HANDED_OVER),
        ("delivered", SentState.DELIVERED),
        ("undelivered", SentState.DELIVERED),
        ("queued", SentState.DELIVERED),
        ("delivered", SentState.DELIVERED),
    ]:
        note(reference=str(sent.uid), status=status, now=now)
        sent.refresh_from_db()
        assert sent.state == state


@pytest.mark.parametrize("reference", ["", "no name of ours", "\x00", NOBODYS])
def test_a_report_of_no_text_of_ours_changes_nothing(
    reference: str, ben: Enrolled, now: datetime, twilio_stand_in: Twilio
) -> None:
    sent = text(ben, now=now)
    note(reference=reference, status="failed", now=now)
    sent.refresh_from_db()
    assert sent.state == SentState.HANDED_OVER


def test_a_sent_code_is_kept_for_as_long_as_a_limit_looks_at_it(
    ben: Enrolled, now: datetime
) -> None:
    sent = text(ben, now=now)
    for later, is_kept in ((2 * texts.DAY - MS, True), (2 * texts.DAY, False)):
        sent_codes.forget_old(now=now + later)
        assert SentCode.objects.filter(pk=sent.pk).exists() is is_kept


def test_a_report_without_names_is_of_no_text_that_has_none_yet(
    ben: Enrolled, now: datetime
) -> None:
    sent = text(ben, now=now)
    SentCode.objects.filter(pk=sent.pk).update(state=SentState.READY, provider_id="")
    note(reference="", status="failed", now=now)
    sent.refresh_from_db()
    assert sent.state == SentState.READY


def note(*, reference: str, status: str, now: datetime, provider_id: str = "") -> None:
    texts.note_report(
        reference=reference, provider_id=provider_id, status=status, error="30007", now=now
    )
