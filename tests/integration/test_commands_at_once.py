"""The same command given several times at once: each does its part, none ends in a traceback."""

from functools import partial

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.audit import Event
from accounts.models import Account, AuditEvent, Membership, User
from tests.factories import make_account, make_user
from tests.integration.threads import at_once, raised

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
TIMES = 4
NEW = "new@northwind.example"


def test_accounts_made_at_once_for_one_new_owner_are_all_made() -> None:
    create = partial(call_command, "create_account", "Northwind", owner=NEW)
    results = at_once([create] * TIMES)
    assert not raised(results), results
    owner = User.objects.get(email=NEW)
    slugs = {"northwind", "northwind-2", "northwind-3", "northwind-4"}
    assert set(Account.objects.values_list("slug", flat=True)) == slugs
    assert Membership.objects.owners().filter(user=owner).count() == TIMES
    assert AuditEvent.objects.filter(event=Event.PERSON_ADDED, subject_id=owner.pk).count() == 1


def test_a_new_person_added_several_times_at_once_is_added_once() -> None:
    account = make_account(owner=make_user())
    add = partial(call_command, "add_member", account.slug, NEW)
    results = at_once([add] * TIMES)
    assert set(raised(results)) <= {CommandError}, results
    (membership,) = Membership.objects.filter(user__email=NEW)
    for event in (Event.PERSON_ADDED, Event.JOINED):
        rows = AuditEvent.objects.filter(event=event, subject_id=membership.user_id)
        assert rows.count() == 1
