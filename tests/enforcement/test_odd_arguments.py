"""What the operator's commands make of arguments that nobody should give: one clear line."""

import io
import sys

import pytest

from accounts.models import Account, User
from tests.enforcement.shell import refused, run
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "line", [("create_account", "New", "--owner"), ("add_member", "northwind")], ids=lambda x: x[0]
)
def test_an_address_that_a_row_has_no_room_for_is_told(
    line: tuple[str, ...], northwind: Account
) -> None:
    people = User.objects.count()
    assert refused(*line, "a" * 250 + "@b.example") == "An address has at most 254 characters."
    assert User.objects.count() == people


def test_what_was_typed_is_repeated_in_one_line() -> None:
    """Else it could write lines of its own, or colour the terminal."""
    said = refused("verify_audit", "--head", "two\nlines\x85\x1b[31mred")
    assert said.endswith(": two lines [31mred")


# A password on stdin.


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_password_is_what_stands_in_the_line(
    end: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f" a long good password {end}"))
    run("create_account", "Northwind", "--owner", "o@n.example", "--password-stdin")
    assert User.objects.get().check_password(" a long good password ")


@pytest.mark.parametrize("odd", ["a long\tgood password", "a long good\x00password", "x" * 4097])
def test_a_password_that_nobody_could_give_is_refused(
    odd: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(odd))
    refused("create_account", "Northwind", "--owner", "o@n.example", "--password-stdin")
    assert not User.objects.exists()
