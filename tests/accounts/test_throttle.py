"""The budget of a client address, and what counts as one."""

from datetime import datetime, timedelta

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts import throttle
from accounts.client import address_of, bucket_of
from accounts.models import AddressFailure, AuditEvent, GotIn, User
from accounts.throttle import Busy, TooMany
from tests.enforcement.kit import is_in, sign_in
from tests.factories import PASSWORD
from tests.journeys.clock import DAY, MS, Clock

pytestmark = pytest.mark.django_db

HERE = "192.0.2.1"
WINDOW = timedelta(minutes=5)


def fail(times: int, *, now: datetime, address: str = HERE) -> None:
    for _ in range(times):
        throttle.note_failure(throttle.of_address(address), now=now)


def is_free(now: datetime, address: str = HERE) -> bool:
    try:
        throttle.check(throttle.of_address(address), now=now)
    except TooMany:
        return False
    return True


@pytest.mark.proves("S08")
def test_the_eleventh_try_in_five_minutes_is_refused(now: datetime) -> None:
    fail(9, now=now)
    assert is_free(now)
    fail(1, now=now)
    assert not is_free(now)


def test_it_is_told_when_to_try_again_and_true(now: datetime) -> None:
    fail(4, now=now)
    fail(6, now=now + timedelta(minutes=1))
    with pytest.raises(TooMany) as caught:
        throttle.check(throttle.of_address(HERE), now=now + timedelta(minutes=2))
    assert caught.value.retry_at == now + WINDOW
    assert not is_free(caught.value.retry_at - MS)
    assert is_free(caught.value.retry_at)


@pytest.mark.proves("S08")
def test_each_different_person_who_got_in_earns_five_more(now: datetime) -> None:
    for user_id in (1, 2, 2, 2):
        throttle.note_entry(HERE, user_id, now=now)
    fail(19, now=now)
    assert is_free(now)
    fail(1, now=now)
    assert not is_free(now)


@pytest.mark.proves("S08")
def test_who_got_in_is_remembered_for_a_day(now: datetime) -> None:
    throttle.note_entry(HERE, 1, now=now)
    fail(10, now=now + DAY - MS)
    assert is_free(now + DAY - MS)
    assert not is_free(now + DAY)


def test_another_address_has_a_budget_of_its_own(now: datetime) -> None:
    fail(10, now=now)
    assert is_free(now, "192.0.2.2")


@pytest.mark.proves("S08")
def test_who_got_in_elsewhere_earns_nothing_here(now: datetime) -> None:
    for user_id in range(5):
        throttle.note_entry("192.0.2.2", user_id, now=now)
    fail(10, now=now)
    assert not is_free(now)


def test_a_try_that_failed_leaves_those_beside_it_open(now: datetime) -> None:
    """Who finds the rest of the budget in use waits for a second, not for five minutes."""
    bucket = throttle.of_address(HERE)
    fail(8, now=now)
    with throttle.place(bucket, now=now), throttle.place(bucket, now=now) as mine:
        mine.keep()
        with pytest.raises(Busy):
            throttle.check(bucket, now=now)


def test_a_try_that_never_came_to_its_end_is_a_failure(now: datetime) -> None:
    bucket = throttle.of_address(HERE)
    fail(9, now=now)
    AddressFailure.objects.create(address=HERE, at=now, is_open=True)
    with pytest.raises(Busy):
        throttle.check(bucket, now=now + throttle.OPEN_FOR - MS)
    with pytest.raises(TooMany) as caught:
        throttle.check(bucket, now=now + throttle.OPEN_FOR)
    assert caught.value.retry_at == now + WINDOW


@pytest.mark.proves("S08")
def test_an_ipv6_customer_is_one_address(now: datetime) -> None:
    for number in range(10):
        fail(1, now=now, address=f"2001:db8:1:2::{number:x}")
    assert not is_free(now, "2001:db8:1:2:ffff::1")
    assert is_free(now, "2001:db8:1:3::1")


def test_a_refused_try_is_not_counted(ada: User, clock: Clock) -> None:
    client = Client()
    for _ in range(15):
        answer = client.post("/login/", {"email": ada.email, "password": "wrong"})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "300"
    assert AddressFailure.objects.count() == 10
    clock.forward(minutes=5)
    assert is_in(sign_in(ada))


def test_a_right_password_is_refused_too_and_evaluated_not_at_all(ada: User, clock: Clock) -> None:
    fail(10, now=clock.now, address="127.0.0.1")
    answer = Client().post("/login/", {"email": ada.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert not AuditEvent.objects.filter(event="signed_in").exists()


@pytest.mark.proves("S11", "B51")
def test_nobody_is_locked_out_by_tries_from_elsewhere(ada: User, clock: Clock) -> None:
    for number in range(30):
        for _ in range(10):
            Client(REMOTE_ADDR=f"198.51.100.{number}").post(
                "/login/", {"email": ada.email, "password": "wrong"}
            )
    assert is_in(sign_in(ada))


@pytest.mark.proves("S08", "B52")
@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"])
def test_a_forged_header_makes_no_new_client(header: str, ada: User, clock: Clock) -> None:
    statuses = [
        Client(**{header: f"203.0.113.{number}"})  # type: ignore[arg-type]
        .post("/login/", {"email": ada.email, "password": "wrong"})
        .status_code
        for number in range(12)
    ]
    assert statuses == [200] * 10 + [429] * 2
    assert set(AuditEvent.objects.values_list("address", flat=True)) == {"127.0.0.1"}


@pytest.mark.proves("S08")
def test_an_office_of_three_hundred_gets_in(clock: Clock) -> None:
    """Within an hour, behind one address, one in ten mistyping first."""
    refused = 0
    for number in range(300):
        clock.forward(seconds=12)
        if number % 10 == 0:
            if not is_free(clock.now):
                refused += 1
            throttle.note_failure(throttle.of_address(HERE), now=clock.now)
        if not is_free(clock.now):
            refused += 1
        throttle.note_entry(HERE, number, now=clock.now)
    assert refused == 0


def test_old_rows_are_forgotten_and_young_ones_kept(now: datetime) -> None:
    fail(1, now=now)
    throttle.note_entry(HERE, 1, now=now)
    throttle.forget_old(now=now + WINDOW - MS)
    assert AddressFailure.objects.count() == 1
    throttle.forget_old(now=now + WINDOW)
    assert AddressFailure.objects.count() == 0
    throttle.forget_old(now=now + DAY - MS)
    assert GotIn.objects.count() == 1
    throttle.forget_old(now=now + DAY)
    assert GotIn.objects.count() == 0


# Where a request comes from.

FORWARDED = {
    "no proxy, nothing sent": (0, "", "192.0.2.1"),
    "no proxy, a header sent": (0, "203.0.113.9", "192.0.2.1"),
    "a proxy": (1, "203.0.113.9", "203.0.113.9"),
    "a proxy, forged before it": (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
    "two proxies": (2, "203.0.113.9, 198.51.100.2", "203.0.113.9"),
    "two proxies, forged before them": (2, "1.1.1.1, 203.0.113.9,198.51.100.2", "203.0.113.9"),
    "two proxies, one of them passed by": (2, "203.0.113.9", "192.0.2.1"),
    "a proxy that sent nothing": (1, "", "192.0.2.1"),
    "a proxy that sent nonsense": (1, "unknown", "192.0.2.1"),
    "a proxy that sent a script": (1, "<script>", "192.0.2.1"),
    "IPv6": (1, "2001:DB8::0001", "2001:db8::1"),
    "IPv4 in IPv6": (1, "::ffff:203.0.113.9", "203.0.113.9"),
    "IPv6 with a zone": (1, "fe80::1%eth0", "fe80::1"),
}


@pytest.mark.proves("S08", "B52")
@pytest.mark.parametrize(("proxies", "header", "expected"), FORWARDED.values(), ids=FORWARDED)
def test_a_client_s_address_is_believed_as_far_as_proxies_are_ours(
    proxies: int, header: str, expected: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = proxies
    extra = {"HTTP_X_FORWARDED_FOR": header} if header else {}
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", **extra)  # type: ignore[arg-type]
    assert address_of(request) == expected


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8::1", "2001:db8::"),
        ("fe80::1", "fe80::"),
        ("::1", "::"),
    ],
)
def test_limits_count_by_ipv4_address_or_ipv6_network(address: str, bucket: str) -> None:
    assert bucket_of(address) == bucket


def test_a_peer_on_a_local_link_is_no_error(ada: User, clock: Clock) -> None:
    client = Client(REMOTE_ADDR="fe80::1234:5678:9abc:def0%enp0s31f6withalongname")
    answer = client.post("/login/", {"email": ada.email, "password": "wrong"})
    assert answer.status_code == 200
