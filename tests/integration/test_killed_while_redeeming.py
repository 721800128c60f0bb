"""A process that dies between the check of a code and its commit: the code is spent, or is not."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import Event
from accounts.models import AuditEvent, Session
from bench.proof.fleet import Post, Poster, cookies_of, running_fleet
from tests.enforcement.kit import enrolled_person, sign_in
from tests.twofactor.people import Enrolled, attempt_of, redeem
from twofactor import backup_codes
from twofactor.redeem import CodeRejected, Kind

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
PATIENCE = 30
WAITING = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
ALIVE = "select pid from pg_stat_activity where pid = any(%s)"


def ask(sql: str, given: str | list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [given])
        return [row[0] for row in cursor.fetchall()]


def wait_for(is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.02)


def post_of(person: Enrolled) -> Post:
    """A backup code, posted half-way in."""
    return Post(
        path="/login/recovery/",
        fields={"code": person.codes[0]},
        cookies=cookies_of(sign_in(person.user)),
    )


def waiting() -> list[int]:
    return ask(WAITING, connection.settings_dict["NAME"])


def kill_while_it_waits_for(table: str, poster: Poster, post: Post) -> None:
    """Stop the post at its write to ``table``, and kill its process there."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"lock table {table} in exclusive mode")
        poster.prepare([post])
        assert poster.hear() == "ready"
        poster.tell("go")
        wait_for(lambda: bool(waiting()))
        stopped = waiting()
        poster.popen.kill()
        poster.popen.wait()
    wait_for(lambda: not ask(ALIVE, stopped))


@pytest.mark.proves("S23")
@pytest.mark.parametrize(
    "table", ["twofactor_backupcode", "accounts_auditevent", "accounts_session"]
)
def test_a_code_whose_redeemer_was_killed_is_good_once(table: str, tmp_path: Path) -> None:
    """The tables in which the code is marked as spent, the event written, the session made."""
    person = enrolled_person()
    post = post_of(person)
    with running_fleet(tmp_path, threads=1, processes=1) as fleet:
        kill_while_it_waits_for(table, fleet.posters[0], post)
    assert backup_codes.codes_left(person.user) == 10
    assert not Session.objects.filter(user_id=person.user.pk).exists()
    given = attempt_of(person.user, person.codes[0], kind=Kind.BACKUP)
    assert redeem(given, now=timezone.now()) is Kind.BACKUP
    with pytest.raises(CodeRejected):
        redeem(given, now=timezone.now())
    accepted = AuditEvent.objects.filter(event=Event.CODE_ACCEPTED, after={"kind": "backup"})
    assert accepted.count() == 1
    assert backup_codes.codes_left(person.user) == 9


@pytest.mark.proves("S23")
def test_a_code_whose_redeemer_was_killed_after_the_commit_is_spent(tmp_path: Path) -> None:
    person = enrolled_person()
    with running_fleet(tmp_path, threads=1, processes=1) as fleet:
        (answer,) = fleet.post([post_of(person)])
        fleet.posters[0].popen.kill()
    assert answer.status == 302
    with pytest.raises(CodeRejected):
        redeem(attempt_of(person.user, person.codes[0], kind=Kind.BACKUP), now=timezone.now())
    assert backup_codes.codes_left(person.user) == 9
