"""Odd arguments of every command: one clear line, and nothing stored."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from django.core.management import (
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)
from django.db import transaction

from accounts.commands import OneLineCommand
from tests.journeys.world import Northwind
from tests.odd.values import share_for, without_nul
from tests.odd.world import rows, unclean

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ODD = object()  # where the odd value stands
OWNER, ADA = "owner@northwind.example", "ada@northwind.example"
LINES: dict[str, list[Any]] = {
    "create_account NAME": ["create_account", ODD, "--owner", OWNER],
    "create_account --owner": ["create_account", "Solo", "--owner", ODD],
    "create_account --plan": ["create_account", "Solo", "--owner", OWNER, "--plan", ODD],
    "add_member SLUG": ["add_member", ODD, "new@northwind.example"],
    "add_member EMAIL": ["add_member", "northwind", ODD],
    "add_member --role": ["add_member", "northwind", "new@northwind.example", "--role", ODD],
    "policy SLUG": ["policy", ODD, "show"],
    "policy ACTION": ["policy", "northwind", ODD],
    "policy --by": ["policy", "northwind", "on", "--by", ODD],
    "standing EMAIL": ["standing", ODD],
    "grant_pass EMAIL": ["grant_pass", ODD, "--reason", "lost"],
    "grant_pass --reason": ["grant_pass", ADA, "--reason", ODD],
    "grant_pass --ticket": ["grant_pass", ADA, "--reason", "lost", "--ticket", ODD],
    "grant_pass --by": ["grant_pass", ADA, "--reason", "lost", "--by", ODD],
    "revoke_pass EMAIL": ["revoke_pass", ODD],
    "report SLUG": ["report", ODD],
    "setup_link EMAIL": ["setup_link", ODD],
    "verify_audit": ["verify_audit", ODD],
    "verify_audit --head": ["verify_audit", "--head", ODD],
    "verify_audit --head-file": ["verify_audit", "--head-file", ODD],
    "app_role ROLE": ["app_role", ODD],
    "rotate_keys": ["rotate_keys", ODD],
    "seed_demo": ["seed_demo", ODD],
}


@pytest.mark.parametrize("line", LINES)
def test_an_odd_argument_is_one_clear_line(line: str, northwind: Northwind) -> None:
    northwind.require()
    complaints = [
        f"{line} = {value!r:.80}: {wrong}"
        for value in without_nul(share_for(line))
        for wrong in complaints_about([value if part is ODD else part for part in LINES[line]])
    ]
    assert not complaints, "\n".join(complaints)


def complaints_about(arguments: list[str]) -> Iterator[str]:
    before = rows()
    with transaction.atomic():
        said = run(arguments)
        after = rows()
        transaction.set_rollback(True)
    if said is not None and (after != before):
        yield "failed and stored something"
    if said is not None and (not said.strip() or len(said.strip().splitlines()) != 1):
        yield f"said {said!r}"
    yield from (f"stored {text}" for text in unclean(after) if text not in unclean(before))


def run(arguments: list[str]) -> str | None:
    """Run one command; return what it complained of, None where it did what it was told."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            command = load_command_class(get_commands()[arguments[0]], arguments[0])
            assert isinstance(command, OneLineCommand)
            command.check_usage(["manage.py", *arguments])
            call_command(*arguments)
        except CommandError as error:
            return str(error)
    return None


def test_every_command_of_ours_is_tried() -> None:
    ours = {
        name
        for name, app in get_commands().items()
        if app in {"accounts", "twofactor", "enforcement"}
    }
    assert {parts[0] for parts in LINES.values()} == ours


def test_bad_usage_ends_a_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_command_class("enforcement", "policy").run_from_argv(["manage.py", "policy", "x"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "policy: the following arguments are required: action (--help tells more)\n"
    )
