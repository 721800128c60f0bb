"""System checks: a project in which the gate is missing or misplaced does not start."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

GATE = "enforcement.middleware.GateMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
STOCK = "django.contrib.auth.middleware.AuthenticationMiddleware"
# Only these may answer or act before the gate: none of them reads a person's data.
BEFORE = {
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.request_id.RequestIdMiddleware",
    SESSIONS,
    "accounts.languages.BrowserLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
}


@register()
def gate_stands_first(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """The gate must be there once, behind sessions, before anything that serves a person."""
    chain = list(settings.MIDDLEWARE)
    if chain.count(GATE) != 1:
        return [_error(f"MIDDLEWARE must name {GATE} exactly once.", "E001")]
    place = chain.index(GATE)
    found: list[CheckMessage] = []
    if SESSIONS not in chain[:place]:
        found.append(_error(f"{SESSIONS} must stand before {GATE}.", "E002"))
    if STOCK in chain:
        found.append(_error(f"{STOCK} would undo the gate; {GATE} takes its place.", "E003"))
    found.extend(
        _error(f"{name} stands before {GATE} and could serve what the gate closes.", "E004")
        for name in chain[:place]
        if name not in BEFORE
    )
    return found


@register()
def backend_is_ours(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Another backend would be a door that no gate watches over."""
    expected = ["accounts.backends.EmailBackend"]
    if list(settings.AUTHENTICATION_BACKENDS) == expected:
        return []
    return [_error(f"AUTHENTICATION_BACKENDS must be {expected}.", "E005")]


def _error(text: str, number: str) -> Error:
    return Error(text, id=f"enforcement.{number}")
