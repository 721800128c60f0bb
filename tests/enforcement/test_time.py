"""A window is exactly so many hours, whatever clocks on walls do meanwhile."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, User
from enforcement import passes, policies
from enforcement.models import Pass, Policy
from tests.enforcement.kit import DAY, MS, code_of, fetch, is_in, sign_in
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = {
    "clocks forward": datetime(2027, 3, 27, 12, 0, tzinfo=BERLIN),
    "clocks back": datetime(2027, 11, 6, 12, 0, tzinfo=ZoneInfo("America/New_York")),
    "clocks back in Berlin": datetime(2027, 10, 30, 2, 30, tzinfo=BERLIN),
    "the hour that comes twice": datetime(2027, 10, 31, 2, 30, fold=1, tzinfo=BERLIN),
    "an ordinary day": datetime(2027, 11, 25, 9, 30, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 28, 23, 59, 59, 999000, tzinfo=UTC),
}


@pytest.mark.proves("S36", "B24")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("start", NIGHTS.values(), ids=NIGHTS)
def test_a_window_is_24_elapsed_hours(
    zone: str, start: datetime, northwind: Account, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.TIME_ZONE = zone
    clock.set(start.astimezone(UTC))
    policies.switch_on(account=northwind, actor=None, now=timezone.now())
    began_at = start.astimezone(UTC)
    assert Policy.objects.get().deadline.astimezone(UTC) - began_at == DAY
    client = sign_in(ada)
    clock.set(began_at + DAY - MS)
    assert is_in(client)
    clock.set(began_at + DAY)
    assert code_of(fetch(client)) == "signed_out_deadline"


@pytest.mark.proves("S36")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"])
def test_a_person_s_own_zone_moves_no_deadline(
    zone: str, northwind: Account, ada: User, clock: Clock
) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone=zone)
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    began_at = clock.now
    clock.set(began_at + DAY - MS)
    assert client.get("/settings/").context["banner"].seconds_left == 0
    clock.set(began_at + DAY)
    assert not is_in(client)


def test_a_zone_that_does_not_exist_is_no_error(ada: User, clock: Clock) -> None:
    User.objects.filter(pk=ada.pk).update(time_zone="Mars/Olympus_Mons")
    assert is_in(sign_in(ada))


@pytest.mark.proves("B24")
@pytest.mark.parametrize("start", NIGHTS.values(), ids=NIGHTS)
def test_a_pass_is_24_elapsed_hours(
    start: datetime, northwind: Account, ada: User, clock: Clock
) -> None:
    clock.set(start.astimezone(UTC))
    policies.switch_on(account=northwind, actor=None, now=clock.now - 2 * DAY)
    passes.grant_pass(user=ada, actor=None, reason="Lost phone", now=clock.now)
    client = sign_in(ada)
    assert Pass.objects.get().until - clock.now == DAY
    clock.set(clock.now + DAY - MS)
    assert is_in(client)
    clock.set(clock.now + MS)
    assert code_of(fetch(client)) == "signed_out_pass_ended"


@pytest.mark.proves("S36")
def test_a_clock_set_back_makes_no_window_longer(
    northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    deadline = Policy.objects.get().deadline
    clock.set(deadline)
    assert not is_in(client)
    clock.set(deadline - timedelta(hours=2))
    clock.set(deadline)
    assert Policy.objects.get().deadline == deadline
    assert not is_in(client)
