"""Many at once, on PostgreSQL with real threads and connections."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random

from django.conf import settings
from django.db import connections
from django.test import Client, override_settings
from django.utils import timezone

from accounts import throttle
from accounts.models import AddressFailure, AuditEvent, User
from bench import people
from enforcement import logouts, policies
from enforcement.models import Policy
from twofactor.models import CodeFailure, TOTPDevice
from twofactor.redeem import CodeRejected, Kind, TooMany, Try, redeemed

PATIENCE = 120
SETUP = "/two-factor/setup/app/"


class Lost(AssertionError):
    """A race came out as none may."""


def at_once(calls: Sequence[Callable[[], str]]) -> Counter[str]:
    """Run all ``calls`` at the same time, each with its own connection; count what they say."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], str]) -> str:
        try:
            connections["default"].ensure_connection()
            barrier.wait(PATIENCE)
            return call()
        except Exception as error:  # noqa: BLE001 - counted, and looked at by the caller
            return f"{type(error).__name__}: {error}"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def _redeem(given: Try) -> str:
    try:
        with redeemed(given, now=timezone.now()):
            return "accepted"
    except (CodeRejected, TooMany):
        return "refused"


def wrong_codes_at_once(tries: int, *, rounds: int, allowed: int = 5) -> str:
    """Guess ``tries`` times at the same instant; the budget lets ``allowed`` be evaluated.

    :raises Lost: if more were, or the count of failures is not exact.
    """
    for number in range(rounds):
        now = timezone.now()
        person = people.make_person()
        people.enrol(person, now=now - timedelta(hours=1))
        given = Try(
            user_id=person.pk, kind=Kind.APP, code="000000", attempt="a", address=people.ADDRESS
        )
        found = at_once([lambda given=given: _redeem(given)] * tries)  # type: ignore[misc]
        counted = CodeFailure.objects.filter(user=person).count()
        evaluated = TOTPDevice.objects.get(user=person).failures
        if found != {"refused": tries} or not counted == evaluated == allowed:
            raise Lost(f"Round {number}: {dict(found)}, {evaluated} evaluated, {counted} counted")
        AddressFailure.objects.all().delete()
    return (
        f"{rounds} rounds of {tries} simultaneous wrong codes: {allowed} evaluated and counted each"
    )


def wrong_passwords_at_once(tries: int, *, rounds: int) -> str:
    """Guess ``tries`` passwords from one address at the same instant, each for another person.

    :raises Lost: if more than the budget of the address were looked at, or counted.
    """
    emails = [people.make_person().email for _ in range(tries)]
    for number in range(rounds):
        found = at_once([partial(_guess, email) for email in emails])
        counted = AddressFailure.objects.count()
        failed = AuditEvent.objects.filter(event="sign_in_failed").count()
        most = throttle.ALLOWED
        if found != {"200": most, "429": tries - most} or counted != most:
            raise Lost(f"Round {number}: {dict(found)}, {counted} counted")
        if failed != (number + 1) * most:
            raise Lost(f"Round {number}: {failed} evaluated since the first")
        AddressFailure.objects.all().delete()
    return f"{rounds} rounds of {tries} simultaneous wrong passwords: {most} evaluated and counted"


def _guess(email: str) -> str:
    fields = {"email": email, "password": "wrong"}
    return str(Client().post("/login/", fields).status_code)


def set_up_against_sign_out(races: int, *, seed: int = 1) -> str:
    """Confirm a set-up while the job signs out the overdue; the person must be in afterwards.

    :raises Lost: if somebody who completed set-up was signed out, or could not complete it.
    """
    random, came = Random(seed), Counter[str]()
    with override_settings(TWO_FACTOR_MAILBOX_PROOF=False), people.cheap_backup_codes():
        for number in range(races):
            outcome = _race(random.uniform(-0.03, 0.03))
            came[outcome] += 1
            if outcome not in {"set up first", "signed out first"}:
                raise Lost(f"Race {number}: {outcome}")
    order = ", ".join(f"{what}: {times}" for what, times in came.items())
    return f"{races} set-ups against the sign-out job: all {races} people stayed in ({order})"


def _race(head_start: float) -> str:
    """One person at the set-up page when the deadline passes; ``head_start`` of the job's."""
    now = timezone.now()
    account = people.make_account(now=now - timedelta(days=10))
    person = people.make_person()
    people.join(person, account, now=now - timedelta(days=10))
    policies.switch_on(account=account, actor=None, now=now - timedelta(hours=23))
    browser = Client(HTTP_ACCEPT="text/html")
    browser.cookies[settings.SESSION_COOKIE_NAME] = people.sign_in(person, verified=False, now=now)
    browser.get(SETUP)
    secret = TOTPDevice.objects.get(user=person, confirmed=False).open_secret()
    Policy.objects.filter(account=account).update(deadline=timezone.now())

    def set_up() -> str:
        time.sleep(max(0, head_start))
        code = people.app_code(secret, now=timezone.now())
        answer = browser.post(SETUP, {"code": code})
        return f"set-up answered {answer.status_code} {answer.headers.get('Location', '')}".strip()

    def sign_out() -> str:
        time.sleep(max(0, -head_start))
        logouts.end_overdue_sessions(now=timezone.now())
        return "job done"

    found = at_once([set_up, sign_out])
    if found != {"set-up answered 200": 1, "job done": 1}:
        return str(dict(found))
    if browser.get("/settings/security/").status_code != 200:
        return "signed out after set-up"
    reason = User.objects.get(pk=person.pk).ended_reason
    return "set up first" if reason != "deadline" and head_start < 0 else "signed out first"
