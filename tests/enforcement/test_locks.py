"""The lock of a person's row keeps out other changes to the person, not mails to them.

A mail's row refers to its person, for which PostgreSQL shares a lock on the person's key. Were it
to wait for whoever changes that person, two transactions that also write into the audit could
wait for each other.
"""

from collections.abc import Callable
from datetime import datetime
from threading import Thread

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit, mail, passwords, people
from accounts.audit import Event
from accounts.models import Account, Notice, User
from enforcement import logouts, passes, policies
from tests.enforcement.kit import DAY, sign_in
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def grant(person: User, now: datetime) -> None:
    passes.grant_pass(user=person, actor=None, reason="Lost phone", now=now)


def ask(person: User, now: datetime) -> None:
    passes.ask_for_pass(user=person, message="", now=now)


def sweep(person: User, now: datetime) -> None:
    logouts.end_overdue_sessions(now=now + DAY)


def reset(person: User, now: datetime) -> None:
    passwords.reset_password(user=person, password="another long password", now=now)


@pytest.mark.parametrize("change", [grant, ask, sweep, reset])
def test_a_mail_can_be_owed_to_a_person_who_is_being_changed(
    change: Callable[[User, datetime], None], northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    sign_in(ada)
    failed: list[DatabaseError] = []

    def owe() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            mail.owe("pass_asked", to=ada, occasion="another", now=clock.now)
        except DatabaseError as error:
            failed.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        change(User.objects.get(pk=ada.pk), clock.now)
        other = Thread(target=owe)
        other.start()
        other.join()
    assert not failed
    assert Notice.objects.filter(occasion="another").exists()


def test_a_deletion_and_a_sign_in_never_wait_for_each_other(ada: User, clock: Clock) -> None:
    failed: list[DatabaseError] = []

    def delete() -> None:
        try:
            people.delete(user=User.objects.get(pk=ada.pk), now=clock.now)
        except DatabaseError as error:
            failed.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        # As every code is redeemed: the person's lock first, the audit's last.
        User.objects.select_for_update(no_key=True).get(pk=ada.pk)
        other = Thread(target=delete)
        other.start()
        other.join(1)
        audit.record(Event.CODE_ACCEPTED, actor=ada, subject=ada, now=clock.now)
    other.join()
    assert not failed
    assert audit.first_bad_row() is None
    assert not User.objects.filter(pk=ada.pk).exists()
