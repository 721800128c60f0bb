"""A project whose gate is missing, misplaced or worked around does not start."""

from collections.abc import Sequence

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

GATE = "enforcement.middleware.GateMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
STOCK = "django.contrib.auth.middleware.AuthenticationMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"


def ours(found: Sequence[CheckMessage]) -> list[str]:
    return sorted(
        each.id for each in found if each.id and each.id.startswith(("enforcement.", "accounts."))
    )


def moved(chain: list[str], name: str, *, to: int) -> list[str]:
    rest = [each for each in chain if each != name]
    return [*rest[:to], name, *rest[to:]]


def test_the_project_as_it_is_has_nothing_to_complain_of() -> None:
    assert ours(run_checks()) == []


@pytest.mark.proves("B87")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda chain: [each for each in chain if each != GATE], ["enforcement.E001"]),
        (lambda chain: [*chain, GATE], ["enforcement.E001"]),
        (
            lambda chain: [STOCK if each == GATE else each for each in chain],
            ["enforcement.E001"],
        ),
        (lambda chain: moved(chain, GATE, to=0), ["enforcement.E002"]),
        (lambda chain: [each for each in chain if each != SESSIONS], ["enforcement.E002"]),
        (lambda chain: [*chain, STOCK], ["enforcement.E003"]),
        (
            lambda chain: moved(chain, MESSAGES, to=chain.index(GATE)),
            ["enforcement.E004"],
        ),
        (
            lambda chain: ["shop.middleware.ServesAnybody", *chain],
            ["enforcement.E004"],
        ),
    ],
    ids=[
        "missing",
        "twice",
        "replaced by the stock one",
        "before sessions",
        "no sessions",
        "undone by the stock one",
        "behind messages",
        "behind something foreign",
    ],
)
def test_the_gate_must_stand_once_and_in_its_place(
    change: object, expected: list[str], settings: Settings
) -> None:
    settings.MIDDLEWARE = change(list(settings.MIDDLEWARE))  # type: ignore[operator]
    assert ours(run_checks()) == expected


@pytest.mark.parametrize(
    "backends",
    [
        [],
        ["django.contrib.auth.backends.ModelBackend"],
        ["accounts.backends.EmailBackend", "django.contrib.auth.backends.ModelBackend"],
        ["accounts.backends.EmailBackend"] * 2,
    ],
)
def test_no_other_backend_may_sign_anybody_in(backends: list[str], settings: Settings) -> None:
    settings.AUTHENTICATION_BACKENDS = backends
    assert ours(run_checks()) == ["enforcement.E005"]


@pytest.mark.parametrize(
    ("engine", "is_ours"),
    [
        ("accounts.session_db", True),
        ("accounts.session_cached_db", True),
        ("django.contrib.sessions.backends.db", False),
        ("django.contrib.sessions.backends.cached_db", False),
        ("django.contrib.sessions.backends.cache", False),
        ("django.contrib.sessions.backends.file", False),
        ("django.contrib.sessions.backends.signed_cookies", False),
    ],
)
def test_sessions_must_be_such_as_can_be_revoked(
    engine: str, is_ours: bool, settings: Settings
) -> None:
    settings.SESSION_ENGINE = engine
    assert ours(run_checks()) == ([] if is_ours else ["accounts.E001"])


@pytest.mark.proves("B87")
def test_a_project_without_its_gate_is_refused_by_check(settings: Settings) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != GATE]
    with pytest.raises(SystemCheckError, match=r"enforcement\.E001"):
        call_command("check")
