"""The texts of a machine's people go into a folder of the test's own."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def own_outbox(tmp_path: Path, settings: Any) -> None:
    settings.OUTBOX_DIR = tmp_path
