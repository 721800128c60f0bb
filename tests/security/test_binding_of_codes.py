"""A code counts for the person, the device and the sign-in that asked for it, and once."""

import pytest
from django.core.cache import cache

from accounts.audit import Event
from accounts.models import AuditEvent, Session, User
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in
from tests.factories import PASSWORD
from tests.journeys.clock import Clock
from tests.twofactor.people import STEP, Enrolled, wrong

pytestmark = pytest.mark.django_db
VERIFY = "/login/verify/"


@pytest.fixture
def eve(clock: Clock) -> Enrolled:
    return enrolled_person(email="eve@northwind.example")


@pytest.fixture
def ben(clock: Clock) -> Enrolled:
    return enrolled_person(email="ben@northwind.example")


def sessions() -> int:
    return Session.objects.filter(user_id__isnull=False).count()


@pytest.mark.proves("S06")
@pytest.mark.parametrize("field", ["device", "device_id", "user", "user_id", "otp_device"])
def test_a_device_named_in_the_form_is_not_asked(
    field: str, eve: Enrolled, ben: Enrolled, clock: Clock
) -> None:
    """Eve gives her password and says that Ben's phone, or Ben himself, is meant."""
    assert ben.app is not None
    client, code = sign_in(eve.user), ben.code_at(clock.now)
    for named in (ben.app.pk, ben.app.persistent_id, ben.user.pk):
        client.post(VERIFY, {"code": code, field: str(named)})
    assert sessions() == 0
    client.post(VERIFY, {"code": eve.code_at(clock.now), field: str(ben.user.pk)})
    assert Session.objects.filter(user_id__isnull=False).get().user_id == eve.user.pk


@pytest.mark.proves("S06")
@pytest.mark.parametrize("path", [VERIFY, "/login/recovery/", "/login/verify/text/"])
def test_the_second_step_without_the_first_opens_nothing(
    path: str, eve: Enrolled, clock: Clock
) -> None:
    client = browser()
    for code in (eve.code_at(clock.now), eve.codes[0]):
        fields = {"code": code, "email": eve.user.email, "password": PASSWORD}
        assert client.post(path, fields).status_code == 302
    assert sessions() == 0
    assert not AuditEvent.objects.filter(event=Event.CODE_ACCEPTED, after={"kind": "backup"})


@pytest.mark.proves("S06")
def test_of_two_people_in_two_tabs_the_latter_is_asked(
    eve: Enrolled, ben: Enrolled, clock: Clock
) -> None:
    """The tab of the first still shows a code page; what is typed there is the second's."""
    client = sign_in(eve.user)
    sign_in(ben.user, client=client)
    client.post(VERIFY, {"code": eve.code_at(clock.now)})
    assert sessions() == 0
    client.post(VERIFY, {"code": ben.code_at(clock.now)})
    assert Session.objects.filter(user_id__isnull=False).get().user_id == ben.user.pk


@pytest.mark.proves("S06")
@pytest.mark.parametrize("way_out", ["/logout/", "/login/cancel/"])
def test_a_code_posted_after_signing_out_opens_nothing(
    way_out: str, eve: Enrolled, clock: Clock
) -> None:
    client = sign_in(eve.user)
    client.post(way_out)
    client.post(VERIFY, {"code": eve.code_at(clock.now)})
    assert sessions() == 0


@pytest.mark.proves("S02")
def test_the_clock_of_the_browser_changes_nothing(eve: Enrolled, clock: Clock) -> None:
    client, old = sign_in(eve.user), clock.now - 20 * STEP
    date = f"{old:%a, %d %b %Y %H:%M:%S} GMT"
    client.post(VERIFY, {"code": eve.code_at(old)}, headers={"date": date, "x-time": date})
    assert not is_in(client)
    client.post(VERIFY, {"code": eve.code_at(clock.now)}, headers={"date": date})
    assert is_in(client)


@pytest.mark.proves("S03", "B40")
def test_no_code_up_to_the_accepted_step_counts_again(eve: Enrolled, clock: Clock) -> None:
    """Also after the cache was emptied: the step lies in the device's row."""
    ahead = eve.code_at(clock.now + STEP)
    client = sign_in(eve.user)
    client.post(VERIFY, {"code": ahead})
    assert is_in(client)
    client.post("/logout/")
    cache.clear()
    for code in (ahead, eve.code_at(clock.now)):
        other = sign_in(eve.user)
        assert "used already" in other.post(VERIFY, {"code": code}).content.decode()
        assert not is_in(other)
    assert AuditEvent.objects.filter(event=Event.CODE_REUSED, subject_id=eve.user.pk).count() == 2


@pytest.mark.proves("B48")
@pytest.mark.parametrize("seconds", [-3600, -90, 90, 3600])
def test_a_phone_whose_clock_is_off_is_told_to_set_it(
    seconds: int, eve: Enrolled, clock: Clock
) -> None:
    """The same words as for any wrong code: they tell nobody that it was right an hour ago."""
    at = clock.now.fromtimestamp(clock.now.timestamp() + seconds, clock.now.tzinfo)
    off = sign_in(eve.user).post(VERIFY, {"code": eve.code_at(at)}).content.decode()
    guessed = sign_in(eve.user).post(VERIFY, {"code": wrong(eve.code_at(clock.now))})
    told = "check that your phone sets its time by itself"
    assert told in off
    assert told in guessed.content.decode()


@pytest.mark.proves("B48")
@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_phone_that_is_half_a_minute_off_gets_in(
    seconds: int, eve: Enrolled, clock: Clock
) -> None:
    client = sign_in(eve.user)
    at = clock.now.fromtimestamp(clock.now.timestamp() + seconds, clock.now.tzinfo)
    client.post(VERIFY, {"code": eve.code_at(at)})
    assert is_in(client)


STEPS_UP = {
    "the app again": ("/two-factor/setup/", {"method": "app"}),
    "another phone": ("/two-factor/setup/", {"method": "text"}),
    "a number": ("/two-factor/setup/text/", {"country": "US", "phone": "(202) 555-0123"}),
    "removal": ("/two-factor/remove/app/", {}),
    "new codes": ("/two-factor/backup-codes/", {"new": "on"}),
}


@pytest.mark.proves("B65")
@pytest.mark.parametrize(("path", "fields"), STEPS_UP.values(), ids=STEPS_UP)
def test_an_open_session_alone_changes_no_factor(
    path: str, fields: dict[str, str], eve: Enrolled, clock: Clock
) -> None:
    client = sign_in(eve.user)
    client.post(VERIFY, {"code": eve.code_at(clock.now)})
    clock.forward(minutes=11)
    before = User.objects.get(pk=eve.user.pk).stamp, eve.user.sent_codes.count()
    answer = client.post(path, fields)
    assert answer["Location"].startswith("/reauthenticate/")
    alone = client.post("/reauthenticate/", {"password": PASSWORD, "code": ""})
    assert alone.status_code == 200  # the password alone is not enough
    assert client.post(path, fields)["Location"].startswith("/reauthenticate/")
    assert (User.objects.get(pk=eve.user.pk).stamp, eve.user.sent_codes.count()) == before
