"""What the tests of second factors share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from tests.twofactor.browsing import Browser

NOW = datetime(2026, 11, 26, 9, 30, 10, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(autouse=True)
def texts_in_a_folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Texts go into a folder of the test's own; the provider has not failed yet."""
    settings.OUTBOX_DIR = tmp_path
    cache.clear()
    yield tmp_path
    cache.clear()


@pytest.fixture
def tab(now: datetime) -> Browser:
    return Browser(now=now)
