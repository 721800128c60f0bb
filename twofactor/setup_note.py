"""What a browser remembers of a set-up under way: which one, begun when, and the mailbox proved.

A half-finished sign-in has an attempt of its own; a signed-in person's session gets this note. It
outlives the deadline: the gate turns the session into a pending sign-in and leaves the note, so
that the secret already scanned stays good. No secret, number or code is in it.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import signin
from accounts.models import User
from accounts.signin import Pending
from twofactor.devices import SETUP_LIFE

KEY = "setup"

# Whether this browser's person is joining by way of set-up, as the app above knows it.
_joinings: list[Callable[[HttpRequest, User, datetime], bool]] = []


def register_joining(is_joining: Callable[[HttpRequest, User, datetime], bool]) -> None:
    _joinings.append(is_joining)


def is_joining(request: HttpRequest, user: User, *, now: datetime) -> bool:
    return any(asked(request, user, now) for asked in _joinings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupNote:
    user_id: int
    attempt: str
    begun_at: datetime
    mailbox_proved: bool = False
    mailbox_nonce: str = ""  # of the mailbox that was proved: another address is another mailbox
    next: str = ""  # where a signed-in person was on the way to

    def proves(self, user: User) -> bool:
        """Whether the mailbox that ``user`` has now was proved in this set-up."""
        return self.mailbox_proved and self.mailbox_nonce == user.mailbox_nonce


def read(session: SessionBase, *, now: datetime) -> SetupNote | None:
    """Return the note of this browser while it lives."""
    note = session.get(KEY)
    if not note:
        return None
    try:
        found = SetupNote(**{**note, "begun_at": datetime.fromisoformat(note["begun_at"])})
    except (KeyError, TypeError, ValueError):
        return None  # written by another release: begin anew
    return found if now < found.begun_at + SETUP_LIFE else None


def drop(session: SessionBase) -> None:
    session.pop(KEY, None)


def of(request: HttpRequest, user: User, *, now: datetime) -> SetupNote:
    """Return the set-up that this browser is in, beginning one if there is none."""
    note = read(request.session, now=now)
    if note is not None and note.user_id == user.pk:
        proved = note.proves(user)
        return replace(note, mailbox_proved=proved, mailbox_nonce=user.mailbox_nonce)
    pending: Pending | None = getattr(request, "pending", None)
    if pending is not None:
        return SetupNote(
            user_id=user.pk,
            attempt=pending.attempt,
            begun_at=pending.entered_at,
            mailbox_proved=pending.mailbox_proved,
        )
    note = SetupNote(
        user_id=user.pk,
        attempt=secrets.token_urlsafe(16),
        begun_at=now,
        mailbox_proved=signin.link_proves(request, user, now=now),
        mailbox_nonce=user.mailbox_nonce,
    )
    _write(request.session, note)
    return note


def prove_mailbox(request: HttpRequest, note: SetupNote) -> None:
    """Remember that the mailbox was proved in this set-up."""
    if KEY in request.session:
        _write(request.session, replace(note, mailbox_proved=True))
    pending: Pending | None = getattr(request, "pending", None)
    if pending is not None:
        signin.prove_mailbox(request, pending)


def keep_next(request: HttpRequest, user: User, url: str, *, now: datetime) -> None:
    """Remember where to go on after this set-up; a pending sign-in remembers that itself."""
    if getattr(request, "pending", None) is None:
        _write(request.session, replace(of(request, user, now=now), next=url))


def _write(session: SessionBase, note: SetupNote) -> None:
    values: dict[str, Any] = asdict(note)
    session[KEY] = {**values, "begun_at": note.begun_at.isoformat()}
