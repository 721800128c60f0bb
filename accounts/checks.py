"""System checks of this app."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

ENGINES = ("accounts.session_db", "accounts.session_cached_db")


@register()
def session_engine(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Sessions must be ours: only they carry the stamp, and signed cookies can't be revoked."""
    if settings.SESSION_ENGINE in ENGINES:
        return []
    return [
        Error(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}.",
            hint=f"Use one of {', '.join(ENGINES)}: no other engine can be revoked.",
            id="accounts.E001",
        )
    ]
