"""Right password in, pending sign-in out.

A half-finished sign-in is a note in an anonymous session. It holds no password and no code, and
it decides nothing: each step asks the database again what the person must do.
"""

import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables

from accounts import audit, browsers, current, throttle
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import User
from accounts.pages import answer_of

KEY = "pending"
LONGEST_NEXT = 2000  # letters, of the address of a page to go on with
LINK_KEY = "mailbox_link"


class PendingStep(StrEnum):
    CHALLENGE = "challenge"
    ENROL = "enrol"


LIFE = {
    PendingStep.CHALLENGE: timedelta(minutes=10),
    PendingStep.ENROL: timedelta(minutes=30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an identity provider said of the person who is half-way in."""

    provider: int
    subject: str
    auth_time: str | None = None  # when the provider last asked its person
    amr: tuple[str, ...] = ()
    acr: str = ""
    links: bool = False  # only at the end of this sign-in, which proves who the subject is

    @property
    def asked_at(self) -> datetime | None:
        return datetime.fromisoformat(self.auth_time) if self.auth_time else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in between its first step and its last."""

    user_id: int
    attempt: str
    step: PendingStep
    entered_at: datetime  # when it came to this step; its life counts from here
    next: str
    method: str
    stamp: str  # as read before the password was checked; the session will live under it
    mailbox_proved: bool = False
    invitation: int | None = None
    sso: tuple[int, ...] = ()
    vouched: Vouched | None = None

    def is_over(self, *, now: datetime) -> bool:
        return now - self.entered_at >= LIFE[self.step]


class WrongPassword(Exception):
    """No person has this address and password; never says which of the two was wrong."""


class PasswordStopped(Exception):
    """The password was right, and too many wrong codes followed it: it opens nothing any more."""


def read(request: HttpRequest, *, now: datetime) -> Pending | None:
    """Return the pending sign-in of this browser while it lives."""
    pending = noted(request)
    return None if pending is None or pending.is_over(now=now) else pending


def noted(request: HttpRequest) -> Pending | None:
    """Return the pending sign-in of this browser, though its time may be over."""
    note = request.session.get(KEY)
    if not note:
        return None
    try:
        return _from_note(note)
    except (KeyError, TypeError, ValueError):
        return None  # written by another release: start over


def _from_note(note: dict[str, Any]) -> Pending:
    vouched = note.get("vouched")
    return Pending(
        **{
            **note,
            "step": PendingStep(note["step"]),
            "entered_at": datetime.fromisoformat(note["entered_at"]),
            "sso": tuple(note["sso"]),
            "vouched": Vouched(**{**vouched, "amr": tuple(vouched["amr"])}) if vouched else None,
        }
    )


def write(request: HttpRequest, pending: Pending) -> None:
    note: dict[str, Any] = asdict(pending)
    note["entered_at"] = pending.entered_at.isoformat()
    request.session[KEY] = note
    request.pending = pending  # type: ignore[attr-defined]


def drop(request: HttpRequest) -> None:
    request.session.pop(KEY, None)
    request.pending = None  # type: ignore[attr-defined]


def enter(request: HttpRequest, pending: Pending, step: PendingStep, *, now: datetime) -> Pending:
    """Move ``pending`` to ``step``; the step's own time starts when it is entered."""
    if pending.step is step:
        return pending
    moved = replace(pending, step=step, entered_at=now)
    write(request, moved)
    return moved


def prove_mailbox(request: HttpRequest, pending: Pending) -> Pending:
    proved = replace(pending, mailbox_proved=True)
    write(request, proved)
    return proved


@sensitive_variables("password")
def check_password(request: HttpRequest, *, email: str, password: str, now: datetime) -> User:
    """Return the person with this address and password.

    :raises TooMany: before anything is checked, when the browser or address spent its budget.
    :raises WrongPassword: for a wrong password, an unknown address and a deactivated person alike.
    :raises PasswordStopped: where the password no longer signs in.
    """
    with throttle.place(browsers.bucket_for(request, email, now=now), now=now) as place:
        user = authenticate(request, username=email, password=password)
        if not isinstance(user, User):
            place.keep()
            known = User.objects.filter(email=canonical_email(email)).first()
            audit.record(
                Event.SIGN_IN_FAILED, subject=known, after=current.browser() or None, now=now
            )
            raise WrongPassword
    if user.password_stopped_at is not None:
        after = {"reason": "stopped", **current.browser()}
        audit.record(Event.SIGN_IN_FAILED, subject=user, after=after, now=now)
        raise PasswordStopped
    return user


@sensitive_variables("password")
def is_own_password(request: HttpRequest, user: User, password: str, *, now: datetime) -> bool:
    """Whether the person signed in here knows the password: within the budget of a sign-in.

    :raises TooMany: before anything is checked, when that is spent.
    """
    with throttle.place(browsers.bucket_for(request, user.email, now=now), now=now) as place:
        if user.check_password(password):
            return True
        place.keep()
        after = current.browser() or None
        audit.record(Event.SIGN_IN_FAILED, actor=user, subject=user, after=after, now=now)
        return False


def begin(
    request: HttpRequest,
    user: User,
    *,
    next_url: str,
    method: str,
    now: datetime,
    invitation: int | None = None,
    vouched: Vouched | None = None,
) -> Pending:
    """Note that ``user`` passed the first step: a new session, a new CSRF token, nothing kept."""
    proved = link_proves(request, user, now=now)
    if proved:
        # Whoever looked at an invitation days ago joins nothing by signing in now: the home page
        # shows it, with the button that joins.
        invitation = invitation or request.session.get("invitation")
    request.session.flush()
    rotate_token(request)
    url = safe_next(request, next_url)
    pending = replace(
        prepare(user, next_url=url, method=method, now=now),
        mailbox_proved=proved,
        invitation=invitation,
        vouched=vouched,
        sso=(vouched.provider,) if vouched and not vouched.links else (),
    )
    write(request, pending)
    return pending


def prepare(user: User, *, next_url: str, method: str, now: datetime) -> Pending:
    """Return a new sign-in of ``user`` at its first step, not written anywhere yet."""
    return Pending(
        user_id=user.pk,
        attempt=secrets.token_urlsafe(16),
        step=PendingStep.CHALLENGE,
        entered_at=now,
        next=next_url,
        method=method,
        stamp=user.stamp,
    )


def note_link(request: HttpRequest, user: User, *, now: datetime) -> None:
    """Remember in this browser that ``user``'s mailbox was reached by the link in a mail."""
    request.session[LINK_KEY] = {
        "user": user.pk,
        "nonce": user.mailbox_nonce,
        "at": now.isoformat(),
    }


def link_proves(request: HttpRequest, user: User, *, now: datetime) -> bool:
    """Whether this browser came by the link mailed to ``user`` within half an hour."""
    note = request.session.get(LINK_KEY)
    if not note or note["user"] != user.pk or note["nonce"] != user.mailbox_nonce:
        return False
    return now - datetime.fromisoformat(note["at"]) < LIFE[PendingStep.ENROL]


def proceed(request: HttpRequest) -> HttpResponse:
    """Ask the app above what comes next for this browser's sign-in, within the same request."""
    return answer_of("continue", request)


def begin_again_url(pending: Pending) -> str:
    """Return the sign-in page for who has to start over, which leads on to where they were going.

    An acceptance leads to its invitation, with the button that joins.
    """
    url = pending.next
    if pending.invitation is not None:
        query = urlencode({"invitation": pending.invitation})
        url = f"{reverse('invitation_continue')}?{query}"
    if url == reverse("home"):
        return reverse("login")
    return f"{reverse('login')}?{urlencode({'next': url})}"


def safe_next(request: HttpRequest, url: str) -> str:
    """Return ``url`` if it stays on this host, else the home page.

    So does what is too long to be kept, or holds characters that no address has.
    """
    if len(url) > LONGEST_NEXT or not url.isprintable():
        return reverse("home")
    stays = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
    return url if stays and is_path else reverse("home")
