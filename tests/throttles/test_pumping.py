"""Texts cost money: no person, number, address, account or site has more than its share sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import AlarmBell, Membership, Notice, User
from accounts.throttle import TooMany
from bench.proof import pumping
from tests.enforcement.kit import enrolled_person
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock
from tests.throttles.kit import VERIFY, at, begin, get_in, give, is_in
from tests.twofactor.people import enrol_app, enrol_phone, text
from twofactor import phones, texts
from twofactor.texts import TextsUsedUp, UsedUp

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S27")]

TEXT = "/login/verify/text/"


def number(place: int) -> str:
    return f"+1202555{100 + place:04}"


def used_up(call: Any) -> UsedUp:
    with pytest.raises(TextsUsedUp) as refused:
        call()
    return refused.value.whose


def test_many_texts_asked_for_over_many_accounts_stay_within_each_limit() -> None:
    pumping.pump(250, accounts=20, daily_limit=60)


def test_a_wait_until_tomorrow_names_the_day(clock: Clock) -> None:
    person = enrol_phone(make_user(), now=clock.now)
    for _ in range(12):
        answer = begin(person).post(f"{VERIFY}text/")
        if answer.status_code == 429:
            break
        clock.forward(minutes=61)
    assert int(answer["Retry-After"]) > 12 * 3600
    assert "another text from Thu 26 Nov 2026, " in answer.content.decode()


def test_the_site_sends_so_many_a_day_and_then_offers_the_app(
    clock: Clock, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SMS_DAILY_LIMIT = 3
    root = make_user(is_superuser=True)
    both = enrol_phone(enrol_app(now=clock.now - timedelta(hours=3)).user, now=clock.now)
    victim = enrol_app(both.user, now=clock.now)
    others = [enrol_phone(number=number(place), now=clock.now) for place in (1, 2)]
    browser = begin(victim)
    refused = browser.post(TEXT)
    page = refused.content.decode()
    assert refused.status_code == 429
    assert refused["Retry-After"] == "3600"
    assert "Use an authenticator app or a backup code" in page
    assert 'href="/login/verify/?method=app"' in page
    (line,) = [one for one in caplog.records if one.name == "gatehouse.alarm"]
    assert "All 3 texts of a day are sent" in line.getMessage()
    assert AlarmBell.objects.get(name="texts_used_up").sounded_at == clock.now
    assert Notice.objects.get(kind="alarm").recipient == root.email
    metrics = Client().get("/metrics").content.decode()
    assert 'gatehouse_alarm{alarm="texts_used_up"} 1' in metrics
    assert "gatehouse_texts 3" in metrics
    browser.post(VERIFY, {"code": victim.code_at(clock.now), "method": "app"})
    assert is_in(browser)
    assert not Notice.objects.filter(kind="text_trouble").exists()
    clock.forward(hours=22)  # set-up took its texts two hours ago
    assert text(others[0], now=clock.now)


def test_zero_stops_all_texts(clock: Clock, settings: Any) -> None:
    ben = enrol_phone(now=clock.now)
    settings.SMS_DAILY_LIMIT = 0
    assert used_up(lambda: text(ben, now=clock.now)) is UsedUp.SITE


def test_a_text_refused_by_account_or_address_is_told_to_the_owner(clock: Clock) -> None:
    people = [
        enrol_phone(number=number(place), address=f"192.0.2.{100 + place}", now=clock.now)
        for place in range(11)
    ]
    owner = make_user()
    make_account(owner=owner, members=tuple(person.user for person in people))
    for person in people[:10]:
        text(person, now=clock.now)
    assert used_up(lambda: text(people[10], now=clock.now)) is UsedUp.ADDRESS
    notice = Notice.objects.get(kind="text_trouble", user=owner)
    assert "one internet address" in notice.context["trouble"]


def test_each_person_who_got_in_earns_an_address_five_more(clock: Clock) -> None:
    seen = enrolled_person()
    get_in(seen, at("192.0.2.1"), seen.code_at(clock.now))
    people = [
        enrol_phone(number=number(place), address=f"192.0.2.{100 + place}", now=clock.now)
        for place in range(16)
    ]
    for person in people[:15]:
        text(person, now=clock.now)
    assert used_up(lambda: text(people[15], now=clock.now)) is UsedUp.ADDRESS


def test_an_account_has_six_more_for_each_member_of_now(clock: Clock) -> None:
    ben = enrol_phone(now=clock.now)
    account = make_account(members=(ben.user,))
    sent = text(ben, now=clock.now)
    spent = texts.PER_ACCOUNT_A_DAY + texts.PER_MEMBER_A_DAY * 2 - 1
    sent.charges.model.objects.bulk_create(
        sent.charges.model(sent=sent, account_id=account.pk, at=clock.now) for _ in range(spent)
    )
    clock.forward(minutes=1)
    assert used_up(lambda: text(ben, now=clock.now)) is UsedUp.ACCOUNT
    newcomer = make_user()
    Membership.objects.create(account=account, user=newcomer)
    assert text(ben, now=clock.now)
    clock.forward(minutes=5)
    User.objects.filter(pk=newcomer.pk).update(is_active=False)
    assert used_up(lambda: text(ben, now=clock.now)) is UsedUp.ACCOUNT


def test_a_refused_text_costs_nothing(clock: Clock) -> None:
    ben = enrol_phone(now=clock.now)
    text(ben, now=clock.now)
    for _ in range(20):
        with pytest.raises(TooMany):
            text(ben, now=clock.now)
    clock.forward(seconds=30)
    assert text(ben, now=clock.now)


def test_no_text_goes_out_before_the_right_password(clock: Clock) -> None:
    ben = enrol_phone(now=clock.now)
    stranger = at("203.0.113.5")
    give(stranger, ben.user, "wrong")
    assert stranger.post(TEXT)["Location"].startswith("/login/")
    assert texts.sent_in_a_day(now=clock.now) == 1  # of set-up


@pytest.mark.parametrize(
    "given", ["+19005550123", "+448712345678", "+442079460123", "+18885550123", "+870773111632"]
)
def test_premium_and_other_numbers_that_are_no_mobile_get_no_text(given: str) -> None:
    with pytest.raises(phones.BadPhone):
        phones.parse(given, country="US")
