"""Commands as the shell runs them, in this process: what they print, and what they refuse with."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def run(*arguments: str) -> str:
    """Run a command as the shell does; return what it printed."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def refused(*arguments: str) -> str:
    """Run a command that must fail; return its one line."""
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line
