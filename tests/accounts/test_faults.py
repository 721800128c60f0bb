"""The pages for what broke: they need no database, and say whether trying again can help."""

from typing import NoReturn

import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest
from django.test import Client
from django.urls import include, path
from django.utils.functional import SimpleLazyObject

from accounts.purposes import Purpose, serves

PROBLEMS = {
    "the database is away": (OperationalError("connection refused"), 503),
    "the connection broke": (InterfaceError("connection already closed"), 503),
    "a fault of ours": (IntegrityError("duplicate key"), 500),
    "any other": (ValueError("a detail of ours"), 500),
}
problem: list[Exception] = []


@serves(Purpose.MACHINE)
def breaks(request: HttpRequest) -> NoReturn:
    request.user = SimpleLazyObject(ask_the_database)  # type: ignore[assignment]
    raise problem[-1]


def ask_the_database() -> NoReturn:
    raise DatabaseError("It is away.")


urlpatterns = [path("breaks/", breaks), path("", include("settings.urls"))]
handler500 = "accounts.views.faults.server_error"


@pytest.mark.urls("tests.accounts.test_faults")
@pytest.mark.parametrize(("error", "status"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_database_that_is_away_is_told_from_a_fault(error: Exception, status: int) -> None:
    problem.append(error)
    answer = Client(raise_request_exception=False).get("/breaks/")
    assert answer.status_code == status
    assert answer.get("Retry-After") == ("30" if status == 503 else None)
    words = "try again in half a minute" if status == 503 else "wrong on our side"
    assert words in answer.content.decode()
    assert str(error) not in answer.content.decode()
