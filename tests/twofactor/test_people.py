"""What most tests start from is what the product's own set-up leaves."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from accounts.models import User
from tests.factories import make_user
from tests.twofactor.people import Enrolled, attempt_of, enrol_app, make_enrolled, redeem
from twofactor.redeem import Kind

pytestmark = pytest.mark.django_db

JOINED = datetime(2026, 11, 25, tzinfo=UTC)
# Drawn anew by each set-up, or made of what is.
DRAWN = {
    "password", "stamp", "session_salt", "mailbox_nonce", "nonce", "uid", "secret", "salt",
    "sealed_hash", "proof", "hash", "previous",
}  # fmt: skip


def left_by(set_up: Callable[[User], Enrolled]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rows that ``set_up`` leaves, and what it says of the person; then undo it."""
    with transaction.atomic():
        found = set_up(make_user("ada@northwind.example", joined_at=JOINED))
        rows = {
            model.__name__: [known(row) for row in model._base_manager.order_by("pk").values()]
            for label in ("accounts", "twofactor", "enforcement")
            for model in apps.get_app_config(label).get_models()
        }
        said = known({name: getattr(found.user, name) for name in rows["User"][0]})
        transaction.set_rollback(True)
    return rows, said


def known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in DRAWN}


def test_a_person_made_with_an_app_is_as_if_set_up(now: datetime) -> None:
    made = left_by(lambda user: make_enrolled(user, now=now))
    set_up = left_by(lambda user: enrol_app(user, now=now))
    for name, rows in set_up[0].items():
        assert made[0][name] == rows, name
    assert made[1] == set_up[1]
    assert {name for name, rows in made[0].items() if rows} == {
        "AuditEvent", "AuditSeal", "BackupCode", "BackupCodeSet", "Notice", "TOTPDevice", "User",
    }  # fmt: skip


def test_the_app_and_the_codes_of_a_person_made_so_are_good(now: datetime) -> None:
    found = make_enrolled(make_user(), now=now)
    stored = User.objects.get(pk=found.user.pk)
    assert (stored.stamp, stored.mailbox_nonce) == (found.user.stamp, found.user.mailbox_nonce)
    for code, kind in ((found.code_at(now), Kind.APP), (found.codes[0], Kind.BACKUP)):
        assert redeem(attempt_of(found.user, code, kind=kind), now=now) is kind
