"""People in each state that the gate tells apart, made by the product's own functions."""

import base64
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import import_module
from itertools import count
from unittest import mock

from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory

from accounts import memberships, signin
from accounts.models import Account, Identity, Plan, Provider, Role, User
from accounts.session_state import FactorKind
from enforcement import passes, policies
from enforcement.models import Pass
from twofactor import backup_codes, challenge, enrolment
from twofactor.redeem import Kind, Try

ADDRESS = "192.0.2.77"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_numbers = count(1)


def app_code(secret: str, *, now: datetime) -> str:
    """Return what an authenticator app shows: RFC 6238, by no code of the product's."""
    counter = int(now.timestamp() // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


@contextmanager
def cheap_backup_codes() -> Iterator[None]:
    """Ten Argon2 hashes per set-up would be most of a run that measures something else."""
    with mock.patch.object(
        backup_codes, "slow_hash", lambda code, salt: sha256(salt + code.encode()).digest()
    ):
        yield


def make_person(**fields: object) -> User:
    fields.setdefault("joined_at", datetime.fromisoformat("2026-01-01T00:00+00:00"))
    person = User(email=f"person{next(_numbers)}@bench.example", **fields)
    person.set_unusable_password()
    person.save()
    return person


def make_account(*, now: datetime) -> Account:
    """Store an account that may require two-factor authentication, with its owner."""
    number = next(_numbers)
    account = Account.objects.create(
        slug=f"bench-{number}", name=f"Bench {number}", plan=Plan.ENTERPRISE, created_at=now
    )
    join(make_person(), account, role=Role.OWNER, now=now)
    return account


def join(person: User, account: Account, *, now: datetime, role: str = Role.MEMBER) -> None:
    memberships.add(account=account, user=person, role=role, actor=None, now=now)


def enrol(person: User, *, now: datetime) -> str:
    """Set up an authenticator app; return its secret."""
    attempt = f"a{next(_numbers)}"
    secret = enrolment.begin_app(person, attempt=attempt, now=now).open_secret()
    given = Try(
        user_id=person.pk,
        kind=Kind.NEW_APP,
        code=app_code(secret, now=now),
        attempt=attempt,
        address=ADDRESS,
    )
    person.refresh_from_db()
    enrolment.confirm(given, stamp_read=person.stamp, now=now)
    person.refresh_from_db()
    return secret


def grant(person: User, *, now: datetime) -> Pass:
    granted = passes.grant_pass(user=person, actor=None, reason="lost phone", now=now)
    person.refresh_from_db()
    return granted


def request_with_session(key: str | None = None, path: str = "/") -> HttpRequest:
    """Return a request as the session middleware would hand it on."""
    request = RequestFactory().get(path, REMOTE_ADDR=ADDRESS)
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return request


def sign_in(
    person: User, *, verified: bool, now: datetime, through: Sequence[Provider] = ()
) -> str:
    """Sign ``person`` in past every question, by password or ``through`` providers.

    Return the session's key.
    """
    request = request_with_session()
    person.refresh_from_db()
    method, passed = "sso" if through else "password", tuple(each.pk for each in through)
    pending = signin.prepare(person, next_url="/", method=method, now=now)
    factor = FactorKind.DEVICE if verified else None
    challenge.complete(
        request, replace(pending, sso=passed), verified=verified, factor=factor, now=now
    )
    request.session.save()
    return str(request.session.session_key)


def _required(now: datetime, *, since: timedelta) -> tuple[User, Account]:
    """Return a member of an account whose requirement began ``since`` ago."""
    account = make_account(now=now - 10 * DAY)
    person = make_person()
    join(person, account, now=now - 10 * DAY)
    policies.switch_on(account=account, actor=None, now=now - since)
    return person, account


def verified(now: datetime) -> str:
    person, _ = _required(now, since=2 * DAY)
    enrol(person, now=now - HOUR)
    return sign_in(person, verified=True, now=now)


def in_the_window(now: datetime) -> str:
    person, _ = _required(now, since=HOUR)
    return sign_in(person, verified=False, now=now)


def on_a_pass(now: datetime) -> str:
    person, _ = _required(now, since=2 * DAY)
    enrol(person, now=now - 2 * HOUR)
    grant(person, now=now - HOUR)
    return sign_in(person, verified=False, now=now)


def nothing_binds(now: datetime) -> str:
    return sign_in(make_person(), verified=False, now=now)


def overdue(now: datetime) -> str:
    person, _ = _required(now, since=2 * DAY)
    return sign_in(person, verified=False, now=now)


def pass_ran_out(now: datetime) -> str:
    person, _ = _required(now, since=2 * DAY)
    grant(person, now=now - DAY - HOUR)
    return sign_in(person, verified=False, now=now)


def not_verified(now: datetime) -> str:
    person, _ = _required(now, since=2 * DAY)
    enrol(person, now=now - HOUR)
    return sign_in(person, verified=False, now=now)


STATES: dict[str, Callable[[datetime], str]] = {
    "verified": verified,
    "in the window": in_the_window,
    "on a pass": on_a_pass,
    "nothing binds": nothing_binds,
    "overdue": overdue,
    "pass ran out": pass_ran_out,
    "enrolled, not verified": not_verified,
}


def _through(now: datetime, *, since: timedelta) -> tuple[User, Provider]:
    """Return a member of a requiring account, and the account's provider, which knows them."""
    person, account = _required(now, since=since)
    number = next(_numbers)
    provider = Provider.objects.create(
        account=account, slug=f"bench-{number}", name="Bench", issuer="https://idp.example",
        created_at=now - 5 * DAY,
    )  # fmt: skip
    Identity.objects.create(
        provider=provider, user=person, subject=str(number), created_at=now, last_at=now
    )
    return person, provider


def exempt_by_sso(now: datetime) -> str:
    person, provider = _through(now, since=2 * DAY)
    return sign_in(person, verified=False, now=now, through=[provider])


def exempt_and_verified(now: datetime) -> str:
    person, provider = _through(now, since=2 * DAY)
    enrol(person, now=now - HOUR)
    return sign_in(person, verified=True, now=now, through=[provider])


def exempt_from_one_of_two(now: datetime) -> str:
    person, provider = _through(now, since=2 * DAY)
    other = make_account(now=now - 10 * DAY)
    join(person, other, now=now - 10 * DAY)
    policies.switch_on(account=other, actor=None, now=now - HOUR)
    return sign_in(person, verified=False, now=now, through=[provider])


def provider_off_since(now: datetime) -> str:
    person, provider = _through(now, since=HOUR)
    enrol(person, now=now - HOUR / 2)
    key = sign_in(person, verified=False, now=now, through=[provider])
    Provider.objects.filter(pk=provider.pk).update(off_at=now)
    return key


def provider_cut_off(now: datetime) -> str:
    person, provider = _through(now, since=HOUR)
    key = sign_in(person, verified=False, now=now, through=[provider])
    Provider.objects.filter(pk=provider.pk).update(cut_off_at=now)
    return key


SSO_STATES: dict[str, Callable[[datetime], str]] = {
    "exempt by SSO": exempt_by_sso,
    "exempt by SSO and verified": exempt_and_verified,
    "exempt from one of two": exempt_from_one_of_two,
    "provider switched off since": provider_off_since,
    "provider cut off": provider_cut_off,
}
LET_IN = ("verified", "in the window", "on a pass", "nothing binds")
