"""What a session says of its sign-in: under which stamp, by which door, what was proved when.

Typed access to plain JSON values; the session store repeats some of them in columns.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from accounts.client import address_of
from accounts.models import User
from accounts.purposes import Fresh

FRESH_FOR = timedelta(minutes=10)
AGENT_LENGTH = 200


class FactorKind(StrEnum):
    DEVICE = "device"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class SessionState:
    """What the gate reads of a signed-in session."""

    stamp: str
    is_verified: bool
    method: str
    born_at: datetime
    seen_at: datetime
    sso: tuple[int, ...] = ()


def _instant(session: SessionBase, name: str) -> datetime | None:
    value = session.get(name)
    return datetime.fromisoformat(value) if value else None


def read(session: SessionBase) -> SessionState | None:
    """Return the state of a signed-in session; None where a part is missing."""
    born_at = _instant(session, "born_at")
    if born_at is None or "stamp" not in session:
        return None
    return SessionState(
        stamp=session["stamp"],
        is_verified=session.get("verified", False),
        method=session.get("method", ""),
        born_at=born_at,
        seen_at=_instant(session, "seen_at") or born_at,
        sso=tuple(session.get("sso", ())),
    )


def begin(
    request: HttpRequest,
    *,
    stamp: str,
    verified: bool,
    method: str,
    factor: FactorKind | None,
    now: datetime,
) -> None:
    """Write down how this session was signed in; straight after ``login()``."""
    session = request.session
    session["stamp"] = stamp
    session["verified"] = verified
    session["method"] = method
    session["born_at"] = session["seen_at"] = now.isoformat()
    session["address"] = address_of(request)
    session["agent"] = request.headers.get("User-Agent", "")[:AGENT_LENGTH]
    mark_proof(request, stamp=stamp, now=now, factor=factor)


def mark_proof(
    request: HttpRequest, *, stamp: str, now: datetime, factor: FactorKind | None
) -> None:
    """The password, and ``factor`` if any, were given just now, under the person's ``stamp``."""
    _mark(request, "password", stamp=stamp, now=now)
    _mark(request, "factor", stamp=stamp, now=now if factor else None)
    request.session["factor_kind"] = str(factor) if factor else None
    request.session.pop("passed_anew", None)


def mark_factor(request: HttpRequest, *, stamp: str, now: datetime, factor: FactorKind) -> None:
    """The factor alone was given: a provider had asked its person anew a moment before."""
    _mark(request, "factor", stamp=stamp, now=now)
    request.session["factor_kind"] = str(factor)


def _mark(request: HttpRequest, proof: str, *, stamp: str, now: datetime | None) -> None:
    request.session[f"{proof}_at"] = now.isoformat() if now else None
    request.session[f"{proof}_under"] = stamp


def mark_passed_anew(request: HttpRequest, *, stamp: str, now: datetime) -> None:
    """The identity provider has just asked its person anew, in place of a password."""
    _mark(request, "password", stamp=stamp, now=now)
    request.session["passed_anew"] = True


def passed_anew(request: HttpRequest, *, stamp: str, now: datetime) -> bool:
    """Whether a provider did so within the last ten minutes: no password is asked for, then."""
    is_young = _counts(request, "password", stamp=stamp, now=now)
    return is_young and bool(request.session.get("passed_anew"))


def mark_came_by_provider(
    request: HttpRequest, *, asked_at: datetime | None, now: datetime
) -> None:
    """No password was given: what counts is when the provider last asked its person, if it says.

    It may have let in somebody who sat down at a browser that was signed in there for days.
    """
    asked = min(asked_at, now) if asked_at else None
    request.session["password_at"] = asked.isoformat() if asked else None


def mark_seen(request: HttpRequest, *, now: datetime) -> None:
    request.session["seen_at"] = now.isoformat()


def adopt(request: HttpRequest, *, user: User, was: str, verified: bool, now: datetime) -> None:
    """Let the acting session live on under ``user``'s new stamp; its key and token rotate.

    ``was`` is the person's stamp that the new one replaced: what was proved under it, still counts.
    """
    session = request.session
    session.cycle_key()
    rotate_token(request)
    session["stamp"] = user.stamp
    session["verified"] = verified
    for proof in ("password", "factor"):
        if session.get(f"{proof}_under") == was:
            session[f"{proof}_under"] = user.stamp
    mark_seen(request, now=now)


def is_verified_under(request: HttpRequest, stamp: str) -> bool:
    """Whether a code of the devices of now was given: whatever changes them renews the stamp.

    A session through a provider may outlive its stamp; then it has only lost "verified".
    """
    state = read(request.session)
    return state is not None and state.is_verified and state.stamp == stamp


def is_fresh(
    request: HttpRequest, fresh: Fresh, *, stamp: str, has_device: bool, now: datetime
) -> bool:
    """Whether what ``fresh`` asks for was given within the last ten minutes, under ``stamp``.

    ``stamp`` is the person's of now: a password or factor that was replaced since proves nothing,
    even where the session lives on. ``has_device`` says whether the person has a device that
    verifies at all: who has none can only be asked for the password, and is refused where a device
    is demanded.
    """
    if not _counts(request, "password", stamp=stamp, now=now):
        return False
    if not has_device:
        return fresh is not Fresh.STRONG
    if not gave_factor(request, stamp=stamp, now=now):
        return False
    return fresh is Fresh.FACTOR or last_factor(request) is FactorKind.DEVICE


def proved_under(request: HttpRequest) -> str:
    """Return the stamp under which this browser proved last who is there.

    A change that wants fresh proof is made under it. The session's own stamp may be an older one,
    which a session through a provider outlives; the person's a newer one, which ended the proof.
    """
    return str(request.session.get("password_under", ""))


def last_factor(request: HttpRequest) -> FactorKind | None:
    """Return what was given last in this session, however long ago."""
    kind = request.session.get("factor_kind")
    return FactorKind(kind) if kind else None


def gave_factor(request: HttpRequest, *, stamp: str, now: datetime) -> bool:
    """Whether a factor, a backup code included, was given so."""
    return _counts(request, "factor", stamp=stamp, now=now)


def _counts(request: HttpRequest, proof: str, *, stamp: str, now: datetime) -> bool:
    given_at = _instant(request.session, f"{proof}_at")
    is_young = given_at is not None and now - given_at < FRESH_FOR
    return is_young and request.session.get(f"{proof}_under") == stamp
