"""The row that stands for whoever or whatever a change is about, locked until its transaction ends.

Nearly every change begins so; its SQL is made once per process (``accounts.compiled``).
"""

from functools import lru_cache
from typing import Any, TypeVar

from django.db import router, transaction
from django.db.models import Model, QuerySet
from django.db.transaction import TransactionManagementError

from accounts.compiled import USER_HOLE, Compiled, compile_query

M = TypeVar("M", bound=Model)


def locked(model: type[M], pk: int, *, no_key: bool = False) -> M:
    """Return the row ``pk``, read anew, which nobody else changes until the transaction ends.

    With ``no_key``, rows that refer to it can be made meanwhile.

    :raises Model.DoesNotExist: if there is none.
    :raises TransactionManagementError: outside of a transaction, where no lock would be kept.
    """
    using = router.db_for_write(model) or "default"
    _check_in_transaction(using)
    query = _query(model, using, no_key)
    row = query.run(using, user_id=pk)
    if row is None:
        raise model.DoesNotExist  # type: ignore[attr-defined]  # each model has its own
    return query.instance(row, model, using)


def hold(rows: QuerySet[Any]) -> None:
    """Lock ``rows`` until the transaction ends, in the order of everybody who locks more than one.

    Nobody reads them; rows that refer to them can be made meanwhile, and one that is gone is no
    error.

    :raises TransactionManagementError: outside of a transaction, where no lock would be kept.
    """
    _check_in_transaction(rows.db)
    list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _check_in_transaction(using: str) -> None:
    """PostgreSQL alone would say it."""
    if not transaction.get_connection(using).in_atomic_block:
        raise TransactionManagementError("A row is locked within a transaction.")


@lru_cache(maxsize=8)
def _query(model: type[M], using: str, no_key: bool) -> Compiled:
    rows = model._base_manager.using(using).select_for_update(no_key=no_key)
    return compile_query(rows.filter(pk=USER_HOLE), using)
