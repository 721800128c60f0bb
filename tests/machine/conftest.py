"""The texts of a machine's people go into a folder of the test's own; its cast is stored once."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.clock import stopped_clock
from tests.machine.cast import stored
from tests.machine.stage import Stage


@pytest.fixture(autouse=True)
def own_outbox(tmp_path: Path, settings: Any) -> None:
    settings.OUTBOX_DIR = tmp_path


@pytest.fixture(autouse=True)
def refusals_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Being let through shows by "405": thousands of times, and each would be logged."""
    caplog.set_level(logging.ERROR, logger="django.request")


@pytest.fixture(autouse=True)
def cast(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with stopped_clock() as clock:
        monkeypatch.setattr(Stage, "cast", stored(now=clock.now), raising=False)
    Stage.happened.clear()
