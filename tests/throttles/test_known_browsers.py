"""Strangers lock nobody out, and a browser seen before is worth a budget of its own, no more."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import AddressFailure, User
from tests.enforcement.kit import enrolled_person
from tests.factories import PASSWORD, make_user
from tests.journeys.clock import MS, Clock
from tests.throttles.kit import HOME, VERIFY, at, get_in, give, guess_passwords, is_in
from tests.twofactor.people import STEP, Enrolled, enrol_app

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S11")]

COOKIE = "gatehouse_browser"


@pytest.fixture
def victim(db: None, clock: Clock) -> Enrolled:
    return enrolled_person(email="victim@northwind.example")


@pytest.fixture
def known(victim: Enrolled, clock: Clock) -> Client:
    """The browser in which the victim got in yesterday."""
    browser = get_in(victim, at(HOME), victim.code_at(clock.now))
    browser.post("/logout/")
    clock.forward(hours=25)
    return browser


def address(number: int) -> str:
    return f"198.51.100.{number}"


def test_wrong_passwords_from_many_addresses_lock_nobody_out(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    """In `make proof` they are ten thousand from a hundred addresses."""
    strangers = [guess_passwords(at(address(number)), victim.user, 11) for number in range(20)]
    assert all(statuses == [200] * 10 + [429] for statuses in strangers)
    for _ in range(10):
        clock.forward(seconds=30)
        assert is_in(get_in(victim, known, victim.code_at(clock.now)))
        known.post("/logout/")


def test_strangers_behind_the_same_address_stop_no_known_browser(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    assert guess_passwords(at(HOME), victim.user, 11)[-1] == 429
    assert give(at(HOME), victim.user).status_code == 429
    assert is_in(get_in(victim, known, victim.code_at(clock.now)))


def test_nor_who_is_signed_in_and_asked_for_the_password_again(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    get_in(victim, known, victim.code_at(clock.now))
    guess_passwords(at(HOME), make_user(), 20)
    clock.forward(seconds=30)
    answer = known.post(
        "/reauthenticate/", {"password": PASSWORD, "code": victim.code_at(clock.now)}
    )
    assert answer.status_code == 302


@pytest.mark.proves("B51")
def test_a_live_session_is_left_alone_by_wrong_passwords_and_codes(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    get_in(victim, known, victim.code_at(clock.now))
    guess_passwords(at(address(1)), victim.user, 20)
    thief = at(address(2))
    give(thief, victim.user)
    for _ in range(6):
        thief.post(VERIFY, {"code": "1"})
    assert is_in(known)


def test_a_known_browser_has_ten_tries_in_five_minutes_too(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    assert guess_passwords(known, victim.user, 11) == [200] * 10 + [429]
    assert give(known, victim.user).status_code == 429
    clock.forward(minutes=5)
    assert give(known, victim.user).status_code == 302
    assert not AddressFailure.objects.filter(address=HOME).exists()


def test_a_browser_is_known_for_those_who_got_in_there_alone(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    other = make_user()
    guess_passwords(at(HOME), other, 10)
    assert give(known, other).status_code == 429
    assert give(known, victim.user).status_code == 302


def test_a_family_shares_a_browser(victim: Enrolled, known: Client, clock: Clock) -> None:
    others = [enrol_app(make_user(), now=clock.now) for _ in range(4)]
    for other in others:
        get_in(other, known, other.code_at(clock.now))
        known.post("/logout/")
    guess_passwords(at(HOME), make_user(), 40)
    for person in (victim, *others):
        assert give(known, person.user).status_code == 302
    assert len(known.cookies[COOKIE].value) < 400


def test_who_did_not_get_in_is_not_known(victim: Enrolled, clock: Clock) -> None:
    browser = at(HOME)
    give(browser, victim.user)
    browser.post(VERIFY, {"code": "1"})
    assert COOKIE not in browser.cookies


@pytest.mark.proves("S17", "B88")
def test_no_second_factor_is_skipped_for_it(victim: Enrolled, known: Client) -> None:
    assert give(known, victim.user)["Location"] == VERIFY
    assert not is_in(known)


@pytest.mark.proves("S17", "B88")
def test_the_code_is_asked_for_after_a_new_device_and_a_new_password(
    victim: Enrolled, known: Client, clock: Clock
) -> None:
    enrol_app(victim.user, now=clock.now)
    assert give(known, victim.user)["Location"] == VERIFY
    person = User.objects.get(pk=victim.user.pk)
    person.set_password("another long password")
    person.save()
    assert give(known, person, "another long password")["Location"] == VERIFY


def altered(value: str) -> dict[str, str]:
    name, written, person, signature = value.split(".")
    other = person[::-1]
    return {
        "another browser": f"{name[::-1]}.{written}.{person}.{signature}",
        "another time": f"{name}.{int(written) + 10}.{person}.{signature}",
        "another person": f"{name}.{written}.{other}.{signature}",
        "one more person": f"{name}.{written}.{person}.{other}.{signature}",
        "no person": f"{name}.{written}.{signature}",
        "another signature": f"{name}.{written}.{person}.{signature[::-1]}",
        "no signature": f"{name}.{written}.{person}.",
        "letters": "a.b.c.d",
        "dots": "....",
        "one word": "x",
        "a long one": "9" * 5000,
        "beyond ASCII": f"{value}ä",
        "a NUL": f"{value}%00",
        "quoted": f'"{value}"x',
        "nothing": "",
    }


@pytest.mark.proves("S17", "B88")
@pytest.mark.parametrize("how", altered("a.1.b.c"))
def test_an_altered_cookie_gives_nothing_and_is_no_error(
    how: str, victim: Enrolled, known: Client, clock: Clock
) -> None:
    guess_passwords(at(HOME), make_user(), 10)
    browser = at(HOME)
    value = altered(known.cookies[COOKIE].value)[how]
    browser.cookies[COOKIE] = value
    assert give(browser, victim.user).status_code == 429


def test_a_cookie_is_good_for_a_year(victim: Enrolled, known: Client, clock: Clock) -> None:
    written = clock.now - timedelta(hours=25)
    for at_time, status in ((timedelta(days=365) - MS, 302), (timedelta(days=365), 429)):
        clock.set(written.replace(microsecond=0) + at_time)
        AddressFailure.objects.all().delete()
        guess_passwords(at(HOME), make_user(), 10)
        assert give(known, victim.user).status_code == status


def test_it_outlives_a_change_of_keys(victim: Enrolled, known: Client, clock: Clock) -> None:
    keys = ["a new field key of more than 32 bytes", *settings.FIELD_KEYS]
    with override_settings(FIELD_KEYS=keys):
        guess_passwords(at(HOME), make_user(), 10)
        assert is_in(get_in(victim, known, victim.code_at(clock.now)))
        known.post("/logout/")
    with override_settings(FIELD_KEYS=keys[:1]):
        clock.forward(seconds=30)
        assert give(known, victim.user).status_code == 302  # it was written anew under the new key


def test_the_cookie_names_nobody_and_is_kept_from_scripts(victim: Enrolled, known: Client) -> None:
    cookie = known.cookies[COOKIE]
    assert "victim" not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 365 * 86400
    assert (cookie["path"], cookie["domain"]) == ("/", "")


def test_a_page_that_signs_nobody_in_sets_no_cookie(victim: Enrolled, known: Client) -> None:
    get_in(victim, known, victim.code_at(timezone.now() + STEP))
    assert COOKIE not in known.get("/settings/").cookies


def test_the_right_password_is_never_counted(victim: Enrolled, clock: Clock) -> None:
    for _ in range(30):
        assert give(at(HOME), victim.user).status_code == 302
    assert not AddressFailure.objects.exists()
