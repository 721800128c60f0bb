"""Where and when a person signed in, or somebody failed to: for support, from the audit."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import sessions
from accounts.audit import Event
from accounts.models import AuditEvent, Session, User

SHOWN = 10
WORDS = {
    Event.SIGNED_IN: gettext_lazy("Signed in"),
    Event.SIGN_IN_FAILED: gettext_lazy("Wrong password"),
    Event.CODE_REJECTED: gettext_lazy("Wrong code"),
    Event.CODE_REUSED: gettext_lazy("Code used a second time"),
    Event.CODES_THROTTLED: gettext_lazy("Too many wrong codes"),
}


@dataclass(frozen=True, slots=True)
class Try:
    words: str | Promise
    is_failure: bool
    at: datetime
    address: str
    agent: str


def tries(person: User) -> list[Try]:
    """Return the last sign-ins and failures, the newest first."""
    rows = AuditEvent.objects.filter(subject_id=person.pk, event__in=list(WORDS))
    return [_told(row) for row in rows.order_by("-number")[:SHOWN]]


def _told(row: AuditEvent) -> Try:
    event, after = Event(row.event), row.after or {}
    words = _("Password stopped") if after.get("reason") == "stopped" else WORDS[event]
    is_failure = event is not Event.SIGNED_IN
    return Try(words, is_failure, row.at, row.address, str(after.get("browser", "")))


def live(person: User, *, now: datetime) -> list[Session]:
    """Return the browsers that are signed in, the latest used first."""
    return list(sessions.live_sessions(person, now=now).order_by("-seen_at")[:SHOWN])
