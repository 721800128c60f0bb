"""Who is asking, and what must this person do: read once per request, from the database.

Called by the gate's middleware. ``request.user`` is whoever this module lets through; a person
whom the gate refuses is anonymous to every view, whether or not the view is open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import session_state, sessions
from accounts.models import EndReason, User
from accounts.session_db import Row
from accounts.session_state import SessionState
from enforcement import reader
from enforcement.decision import Obligation, Step, decide
from enforcement.reader import Through
from enforcement.standing import Facts, facts_of, standing_of

ENDINGS = {
    Step.PASS_ENDED: EndReason.PASS_ENDED,
    Step.CODE_NEEDED: EndReason.CODE_NEEDED,
    Step.ENROL_NOW: EndReason.DEADLINE,
}
VERIFIED = Facts(has_device=True, due_at=None, pass_ran_out=False)


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person a session names, what must be done, and why the session is over if it is."""

    person: User | None = None
    state: SessionState | None = None
    obligation: Obligation | None = None
    ended: EndReason | None = None
    has_device: bool = False

    @property
    def user(self) -> User | AnonymousUser:
        if self.person is None or self.ended is not None:
            return AnonymousUser()
        return self.person

    @property
    def sso(self) -> tuple[int, ...]:
        """The providers that the session passed, live or not."""
        return self.state.sso if self.state is not None else ()

    @property
    def can_verify(self) -> bool:
        """Whether the person has a device, and no pass has set it aside."""
        return self.has_device and self.person is not None and self.person.pass_until is None

    @property
    def is_only_overdue(self) -> bool:
        """Whether a deadline, and nothing before it, ended the session.

        The recorded reason is the last one: a session that a reset had ended stays ended.
        """
        if self.ended is not EndReason.DEADLINE or self.person is None or self.state is None:
            return False
        if self.awaits_sweep:
            return True
        return sessions.was_only_signed_out(self.state.stamp, now_is=self.person.stamp)

    @property
    def awaits_sweep(self) -> bool:
        """Whether only the gate has ended the session yet, because a deadline passed."""
        return self.ended is EndReason.DEADLINE and self.obligation is not None

    def signed_in_person(self) -> User:
        """Return the person.

        :raises LookupError: for nobody.
        """
        if self.person is None:
            raise LookupError("Nobody is signed in.")
        return self.person


NOBODY = Visitor()


def of(request: HttpRequest) -> Visitor:
    """Return who asks with ``request``, read at its first use and kept for its length.

    Signing in, set-up and the like give the session another stamp: then it is read again, so that
    the page which answers tells how things stand now.
    """
    found: Visitor | None = getattr(request, "_visitor", None)
    stamp = request.session.get("stamp") if request.session.session_key else None
    if found is None or request._visitor_stamp != stamp:  # type: ignore[attr-defined]
        found = read(request, now=timezone.now())
        request._visitor = found  # type: ignore[attr-defined]
        request._visitor_stamp = stamp  # type: ignore[attr-defined]
        request.obligation = found.obligation  # type: ignore[attr-defined]
    return found


def forget(request: HttpRequest) -> None:
    """The session now names nobody; ``request.user`` is anonymous from here on."""
    request._visitor, request._visitor_stamp = NOBODY, None  # type: ignore[attr-defined]
    request.user = AnonymousUser()


def read(request: HttpRequest, *, now: datetime) -> Visitor:
    """Return who asks; reads nothing when the browser sent no session."""
    session = request.session
    if session.session_key is None or auth.SESSION_KEY not in session:
        return NOBODY
    state = session_state.read(session)
    person = _load(request, state)
    if person is None or state is None:
        return NOBODY
    if not _fits(session, person):
        return _unfitting(request, person, state, now=now)
    through = reader.read_sso(person.pk, state.sso)
    ended = _over(person, state, through, now=now)
    if ended is not None:
        return Visitor(person, state, None, ended)
    return _decided(person, state, through, now=now)


def _load(request: HttpRequest, state: SessionState | None) -> User | None:
    """Return the person with facts: from the session's own query, else by one of its own."""
    user_id = int(request.session[auth.SESSION_KEY])
    row: Row | None = getattr(request.session, "row", None)
    stamp = request.session.get("stamp")
    if row is not None and row.user_id == user_id and row.stamp == stamp:
        person = row.person
    else:
        verified_stamp = state.stamp if state and state.is_verified else ""
        person = reader.read_person(user_id, verified_stamp=verified_stamp)
    backend = request.session.get(auth.BACKEND_SESSION_KEY)
    if person is None or not person.is_active or backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    return person


def _fits(session: SessionBase, person: User) -> bool:
    given = session.get(auth.HASH_SESSION_KEY, "")
    return constant_time_compare(given, person.get_session_auth_hash())


def _unfitting(
    request: HttpRequest, person: User, state: SessionState, *, now: datetime
) -> Visitor:
    """The session hash differs: made under an older server key, or ended with everything else.

    Django's own ``get_user`` knows the older keys, renews such a session and flushes any other;
    it is asked only where an older key fits, so that the reason of an ended session survives.
    """
    given = request.session.get(auth.HASH_SESSION_KEY, "")
    if any(
        constant_time_compare(given, older) for older in person.get_session_auth_fallback_hash()
    ):
        auth.get_user(request)
        return read(request, now=now)
    reason = EndReason(person.ended_reason or EndReason.PASSWORD)
    # A deadline leaves the hash alone: a new password or a sign-out everywhere came before it. To
    # a set-up under way, a deadline would open the door that those have shut.
    ended = EndReason.PASSWORD if reason is EndReason.DEADLINE else reason
    return Visitor(person, state, None, ended)


def _over(
    person: User, state: SessionState, through: Through | None, *, now: datetime
) -> EndReason | None:
    """Return why the session is over whatever its person must do."""
    if through is not None and through.is_cut_off:
        return EndReason.CUT_OFF
    if through is not None and through.has_left:
        return EndReason.LEFT
    if state.stamp != person.stamp and not (through is not None and through.lives_on):
        return EndReason(person.ended_reason or EndReason.FACTOR_CHANGED)
    idle, absolute = limits(person)
    if now - state.seen_at >= idle:
        return EndReason.IDLE
    return EndReason.EXPIRED if now - state.born_at >= absolute else None


def limits(person: User) -> tuple[timedelta, timedelta]:
    """Return how long a session may rest, and how old it may become."""
    if person.is_bound_staff:
        return settings.STAFF_SESSION_IDLE, settings.STAFF_SESSION_ABSOLUTE
    return settings.SESSION_IDLE, settings.SESSION_ABSOLUTE


def _decided(
    person: User, state: SessionState, through: Through | None, *, now: datetime
) -> Visitor:
    is_verified = state.is_verified and state.stamp == person.stamp
    # Exactly the guard in the compiled SQL: facts that were not asked for are never "nothing".
    known = VERIFIED if is_verified and person.pass_until is None else facts_of(person)
    if through is not None:
        known = through.told(known)
    obligation = decide(standing_of(person, known, is_verified=is_verified), now=now)
    return Visitor(person, state, obligation, ENDINGS.get(obligation.step), known.has_device)
