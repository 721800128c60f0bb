"""What a pass opens: the second factor's prompt alone. No page takes a factor away under it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from enforcement import passes, policies, tasks
from enforcement.models import Pass
from tests.enforcement.desk import person_page
from tests.enforcement.kit import enrolled_person, is_in, sign_in
from tests.factories import PASSWORD, make_account, make_identity, make_provider, make_user
from tests.journeys.clock import DAY, Clock, stopped_clock
from tests.odd.world import undone
from tests.routes import routes
from tests.throttles.kit import at, give, guess_passwords
from tests.twofactor.people import NUMBER, enrol_phone, make_enrolled
from twofactor import mailbox
from twofactor.models import BackupCode, SMSDevice, TOTPDevice

# What ends the pass at the person's own wish, or takes the sign-in itself away.
MEANT = {"pass_end", "member_pass_end", "admin:accounts_user_pass_revoke", "settings_delete"}
FIELDS = {
    "password": PASSWORD, "old_password": PASSWORD, "new_password1": "another long one",
    "new_password2": "another long one", "code": "123456", "method": "app", "phone": NUMBER,
    "new": "on", "saved": "on", "confirm": "on", "reason": "x", "email": "thief@evil.example",
    "scope": "all", "until": "2030-01-01", "pass_until": "2030-01-01", "next": "/",
}  # fmt: skip


@pytest.fixture
def ada(clock: Clock) -> User:
    """On a pass; owner of her account, so that the admin is open to her, too."""
    person = enrolled_person(email="ada@northwind.example").user
    enrol_phone(person, now=clock.now)
    account = make_account("northwind", owner=person, members=(make_user(),))
    policies.switch_on(account=account, actor=None, now=clock.now)
    passes.grant_pass(user=person, actor=None, reason="lost", now=clock.now)
    return person


def factors_of(person: User) -> dict[str, list[Any]]:
    """Return what the person's factors are and, of the pass, when it ends."""
    return {
        "apps": list(TOTPDevice.objects.confirmed().filter(user=person).values()),
        "phones": list(SMSDevice.objects.confirmed().filter(user=person).values()),
        "codes": list(BackupCode.objects.filter(code_set__user=person).order_by("pk").values()),
        "passes": list(Pass.objects.filter(user=person).values()),
    }


def paths() -> list[tuple[str, str]]:
    found = [(route.name, route.path) for route in routes() if route.name not in MEANT]
    own = [("device_remove", f"/two-factor/remove/{method}/") for method in ("app", "text")]
    return [*found, *own]


@pytest.mark.django_db
@pytest.mark.proves("S39", "S41")
def test_no_page_takes_a_factor_or_moves_the_end_under_a_pass(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    client.post("/reauthenticate/", {"password": PASSWORD})
    assert is_in(client)
    before, answered = factors_of(ada), 0
    for name, path in [*paths(), ("person", person_page(ada))]:
        for method in ("get", "post"):
            with undone(client) as watch:
                answer = getattr(client, method)(path, FIELDS)
                answered += answer.status_code in {200, 302, 409}
                assert not watch.has_seen or factors_of(ada) == before, (name, method)
    assert answered > 50
    assert is_in(client)


@pytest.mark.django_db
@pytest.mark.proves("S41")
def test_enrolling_under_a_pass_needs_the_password_and_the_mailbox(ada: User, clock: Clock) -> None:
    client = sign_in(ada)
    clock.forward(minutes=10)
    assert client.get("/two-factor/setup/app/")["Location"].startswith("/reauthenticate/")
    client.post("/reauthenticate/", {"password": PASSWORD})
    assert client.get("/two-factor/setup/app/").status_code == 302
    answer = client.post("/two-factor/setup/", {"method": "app"})
    assert answer["Location"].startswith("/two-factor/setup/mailbox/")
    client.post("/two-factor/setup/mailbox/", {"code": "000000"})
    assert client.get("/two-factor/setup/app/").status_code == 302
    assert not TOTPDevice.objects.pending().filter(user=ada).exists()
    client.get(mailbox.make_link(ada, now=clock.now).removeprefix("http://testserver"))
    assert client.get("/two-factor/setup/app/").status_code == 200


@pytest.mark.django_db
@pytest.mark.proves("S41")
def test_the_password_and_its_limit_stay_under_a_pass(ada: User, clock: Clock) -> None:
    stranger = at("198.51.100.7")
    assert guess_passwords(stranger, ada, 11) == [200] * 10 + [429]
    assert give(stranger, ada).status_code == 429
    client = sign_in(ada)
    assert client.post("/reauthenticate/", {"password": "wrong"}).status_code == 200
    assert client.get("/settings/").status_code == 200


@pytest.mark.django_db
@pytest.mark.proves("S41")
def test_accounts_and_their_providers_stay_as_they_are_under_a_pass(
    ada: User, clock: Clock
) -> None:
    """A pass opens no account of others, nor the door that an account's provider keeps."""
    make_account("elsewhere")
    southwind = make_account("southwind", members=(ada,))
    provider = make_provider(southwind, now=clock.now, is_required=True)
    make_identity(provider, ada, now=clock.now)
    client = sign_in(ada)
    found = [client.get(f"/accounts/{each}/").status_code for each in ("elsewhere", "southwind")]
    assert found == [404, 403]
    assert client.get("/accounts/northwind/").status_code == 200


def skewed(client: Client, hours: int, clock: Clock) -> None:
    """Have one worker, whose clock is wrong, serve the person and sweep."""
    right = clock.now
    clock.set(right + timedelta(hours=hours))
    client.get("/settings/")
    tasks.sweep()
    clock.set(right)


@pytest.mark.django_db
@pytest.mark.postgres
@pytest.mark.proves("S39")
@pytest.mark.parametrize("hours", [1, -1])
def test_a_worker_whose_clock_is_wrong_ends_nothing_and_moves_no_end(hours: int) -> None:
    """The database's clock is the real one: it says that the worker's is not to be believed."""
    real = timezone.now()
    person = make_enrolled(make_user(), now=real - DAY).user
    policies.switch_on(account=make_account(members=(person,)), actor=None, now=real - DAY)
    until = real + timedelta(minutes=30)
    granted = passes.grant_pass(user=person, actor=None, reason="lost", now=until - DAY)
    with stopped_clock() as clock:
        clock.set(real)
        client = sign_in(person)
        skewed(client, hours, clock)
        granted.refresh_from_db()
        assert (granted.until, granted.closed_at) == (until, None)
        clock.set(real)
        assert is_in(sign_in(person))
        assert TOTPDevice.objects.confirmed().filter(user=person).exists()
