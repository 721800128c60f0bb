"""The locks that changes begin with."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from accounts import locking
from accounts.models import Account, User
from tests.factories import make_account, make_user


@pytest.mark.postgres
@pytest.mark.django_db
def test_a_person_is_locked_so_that_rows_about_them_go_on_and_an_account_whole() -> None:
    account, user = make_account(), make_user()
    for model, row, clause in (
        (User, user, "FOR NO KEY UPDATE"),
        (Account, account, "FOR UPDATE"),
    ):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert model.objects.locked(row.pk) == row
        assert [query["sql"].endswith(clause) for query in seen.captured_queries] == [True]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_outside_of_a_transaction_nothing_is_locked_and_that_is_an_error() -> None:
    user = make_user()
    with pytest.raises(TransactionManagementError):
        User.objects.locked(user.pk)
    with pytest.raises(TransactionManagementError):
        locking.hold(User.objects.all())
    with transaction.atomic():
        assert User.objects.locked(user.pk) == user


@pytest.mark.django_db
@pytest.mark.parametrize("model", [User, Account])
def test_a_row_that_is_gone_is_told_as_by_any_query(model: Any) -> None:
    with pytest.raises(model.DoesNotExist):
        model.objects.locked(999_999_937)


@pytest.mark.django_db
def test_what_is_locked_is_read_anew() -> None:
    user = make_user()
    User.objects.filter(pk=user.pk).update(name="New")
    assert User.objects.locked(user.pk).name == "New"
    assert user.name != "New"
