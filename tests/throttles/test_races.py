"""Many at once on PostgreSQL: no limit is overshot by one, and the right ones all get through."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from threading import Timer
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import alarms, invitations, throttle
from accounts.models import AddressFailure, Invitation, Notice, User
from accounts.throttle import TooMany
from tests.factories import PASSWORD, make_account, make_user
from tests.integration.threads import at_once, raised
from tests.throttles.kit import HOME, LOGIN, at, guess_passwords
from tests.twofactor.people import NUMBER, Enrolled, attempt_of, enrol_app, enrol_phone, redeem
from tests.twofactor.people import text as ask_for_text
from twofactor import phones, texts
from twofactor.models import SentCode
from twofactor.redeem import CodeRejected
from twofactor.texts import TextsUsedUp

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

MANY = 24


@pytest.fixture(autouse=True)
def quiet_outside(clean_outside: None) -> Iterator[None]:
    yield
    cache.clear()


def post_password(client: Client, person: User, password: str) -> int:
    return client.post(LOGIN, {"email": person.email, "password": password}).status_code


@pytest.mark.proves("S08", "S09")
def test_parallel_wrong_passwords_fill_the_budget_and_no_more() -> None:
    person = make_user()
    calls = [partial(post_password, at(HOME), person, f"wrong {n}") for n in range(MANY)]
    assert sorted(at_once(calls), key=str) == [200] * 10 + [429] * (MANY - 10)
    assert AddressFailure.objects.filter(address=HOME, is_open=False).count() == 10
    assert not AddressFailure.objects.filter(is_open=True).exists()


@pytest.mark.proves("S08")
def test_an_office_that_signs_in_all_at_once_gets_in() -> None:
    """More people than the address has places, none of whom was ever seen there."""
    people = [make_user() for _ in range(MANY)]
    calls = [partial(post_password, at(HOME), person, PASSWORD) for person in people]
    assert at_once(calls) == [302] * MANY
    assert not AddressFailure.objects.exists()


@pytest.mark.proves("S08")
def test_who_finds_all_places_in_use_waits_for_one() -> None:
    """The tries that are being evaluated turn out right a moment later."""
    person, bucket = make_user(), throttle.of_address(HOME)
    with ExitStack() as in_use:
        for _ in range(throttle.ALLOWED):
            in_use.enter_context(throttle.place(bucket, now=timezone.now()))
        places = list(AddressFailure.objects.values_list("pk", flat=True))
        Timer(0.2, give_back, [places]).start()
        assert post_password(at(HOME), person, PASSWORD) == 302


def give_back(places: list[int]) -> None:
    """Give places back, as the threads that took them would."""
    AddressFailure.objects.filter(pk__in=places).delete()
    connections.close_all()


@pytest.mark.proves("S08", "S09")
def test_parallel_wrong_codes_of_many_people_fill_the_budget_of_their_address() -> None:
    now = timezone.now()
    people = [enrol_app(now=now) for _ in range(MANY)]
    calls = [partial(redeem, attempt_of(person.user, "1"), now=now) for person in people]
    refusals = raised(at_once(calls))
    assert refusals.count(CodeRejected) == 10
    assert refusals.count(TooMany) == MANY - 10


@pytest.mark.proves("S09")
def test_passwords_and_codes_at_once_share_the_budget_of_their_address() -> None:
    now, person = timezone.now(), make_user()
    enrolled = [enrol_app(now=now) for _ in range(MANY // 2)]
    calls: list[Callable[[], object]] = [
        partial(redeem, attempt_of(each.user, "1"), now=now) for each in enrolled
    ]
    calls += [partial(guess_passwords, at("192.0.2.1"), person, 1) for _ in range(MANY // 2)]
    at_once(calls)
    assert AddressFailure.objects.filter(address="192.0.2.1").count() == 10


def ask_from_elsewhere(person: Enrolled, number: int) -> SentCode:
    """Ask for a text at an address of one's own, so that nothing but the limit looked at holds."""
    assert person.phone is not None
    return texts.send_code(
        person.user,
        person.phone,
        purpose=SentCode.Purpose.SIGN_IN,
        attempt="a",
        address=f"198.51.100.{number}",
        now=timezone.now(),
    )


def phone_of_another(number: int) -> Enrolled:
    """A person whose phone has the number that others have, too."""
    now = timezone.now()
    enrolled = enrol_phone(number=f"+12025550{130 + number}", address=f"192.0.2.{number}", now=now)
    assert enrolled.phone is not None
    enrolled.phone.seal_number(NUMBER)
    enrolled.phone.number_key = phones.number_key(NUMBER)
    enrolled.phone.save()
    return enrolled


@pytest.mark.proves("S27")
def test_different_people_who_text_one_number_at_once_share_its_five() -> None:
    people = [phone_of_another(number) for number in range(10)]
    calls = [partial(ask_from_elsewhere, person, at) for at, person in enumerate(people)]
    results = at_once(calls)
    assert raised(results) == [TooMany] * 5
    assert SentCode.objects.filter(purpose="sign_in").count() == 5


@pytest.mark.proves("S27")
def test_one_address_has_its_ten_texts_however_many_ask_at_once() -> None:
    people = [
        enrol_phone(
            number=f"+12025550{130 + number}", address=f"192.0.2.{20 + number}", now=timezone.now()
        )
        for number in range(14)
    ]
    results = at_once([partial(ask_for_text, person, now=timezone.now()) for person in people])
    assert raised(results) == [TextsUsedUp] * 4


@pytest.mark.proves("S27")
def test_the_site_stops_at_its_limit_however_many_ask_at_once(settings: Any) -> None:
    people = [
        enrol_phone(
            number=f"+12025550{130 + number}", address=f"192.0.2.{20 + number}", now=timezone.now()
        )
        for number in range(8)
    ]
    spent = texts.sent_in_a_day(now=timezone.now())
    settings.SMS_DAILY_LIMIT = spent + 3
    make_user(is_superuser=True)
    calls = [partial(ask_from_elsewhere, person, at) for at, person in enumerate(people)]
    results = at_once(calls)
    assert raised(results) == [TextsUsedUp] * 5
    assert Notice.objects.filter(kind="alarm").count() == 1


def test_an_alarm_noticed_by_many_sounds_once() -> None:
    make_user(is_superuser=True)
    sound = partial(alarms.sound, alarms.Alarm.FAILED_TRIES, count=1000, now=timezone.now())
    assert not raised(at_once([sound] * 8))
    assert Notice.objects.filter(kind="alarm").count() == 1


def test_parallel_invitations_stop_at_the_limit() -> None:
    owner, now = make_user(), timezone.now()
    account = make_account(owner=owner)
    template = invitations.invite(
        account=account, email="first@n.example", role="member", actor=owner, now=now
    )
    Invitation.objects.bulk_create(
        Invitation(
            account=account,
            email=f"p{number}@n.example",
            token_hash=str(number),
            invited_by=owner,
            created_at=now,
            expires_at=template.expires_at,
        )
        for number in range(100)
    )
    calls = [
        partial(
            invitations.invite,
            account=account,
            email=f"q{number}@n.example",
            role="member",
            actor=owner,
            now=now,
        )
        for number in range(10)
    ]
    assert raised(at_once(calls)) == [invitations.InvitationsUsedUp] * 6
    assert account.invitations.count() == 105


def test_a_place_of_a_process_that_died_is_a_failure_and_holds_nobody_up_for_long() -> None:
    now, bucket = timezone.now(), throttle.of_address(HOME)
    for _ in range(10):
        AddressFailure.objects.create(address=bucket.name, at=now - throttle.OPEN_FOR, is_open=True)
    with pytest.raises(TooMany) as refused, throttle.place(bucket, now=now):
        pass
    assert refused.value.retry_at == now - throttle.OPEN_FOR + throttle.WINDOW
