"""What another browser does between a look at a person and the lock that follows it."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts import locking
from accounts.models import User


def before_the_lock(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let ``act`` happen once, just before a person's row is locked the next time."""
    real, waiting = locking.locked, [act]

    def locked(model: Any, *args: Any, **kwargs: Any) -> Any:
        if model is User and waiting:
            waiting.pop()()
        return real(model, *args, **kwargs)

    patch.setattr(locking, "locked", locked)
