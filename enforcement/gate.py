"""What the gate answers: let a request pass, or send it where it has to go.

Called by the middleware for every resolved view but the machines'. None means: let it pass.
"""

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import session_state, signin
from accounts.models import EndReason
from accounts.purposes import Fresh, Purpose
from accounts.signin import Pending, PendingStep
from enforcement import answers, entrance, visitor
from enforcement.visitor import Visitor
from twofactor import setup_note

# The purposes open at each step of a half-finished sign-in; leaving has a condition of its own.
OPEN_AT = {
    PendingStep.CHALLENGE: {Purpose.CHALLENGE, Purpose.ENTRANCE, Purpose.CANCEL},
    PendingStep.ENROL: {Purpose.ENROLMENT, Purpose.ENTRANCE, Purpose.CANCEL},
}
REASON_SHOWN_FOR = timedelta(minutes=10)
SEEN_STEPS = 20  # activity is written down as often as a twentieth of the idle limit


def answer(
    request: HttpRequest, *, purpose: Purpose, fresh: Fresh | None, now: datetime
) -> HttpResponse | None:
    """Decide from who asks and what the view is for."""
    asking = visitor.of(request)
    if asking.person is None:
        return _answer_half_way(request, purpose, now=now)
    if asking.ended is not None:
        return _answer_ended(request, asking, purpose, now=now)
    return _answer_signed_in(request, asking, purpose, fresh, now=now)


def _answer_signed_in(
    request: HttpRequest, asking: Visitor, purpose: Purpose, fresh: Fresh | None, *, now: datetime
) -> HttpResponse | None:
    _note_activity(request, asking, now=now)
    # A session that was refused and is let pass again may be refused once more, with its reason.
    request.session.pop("ended_at", None)
    if purpose is Purpose.CHALLENGE:
        return HttpResponseRedirect(reverse("home"))  # there is nothing left to ask
    if fresh is None:
        return None
    stamp, has_device = asking.signed_in_person().stamp, asking.can_verify
    if session_state.is_fresh(request, fresh, stamp=stamp, has_device=has_device, now=now):
        return None
    if fresh is Fresh.STRONG and not asking.can_verify:
        return HttpResponseRedirect(reverse("setup"))
    return answers.to_reauthentication(request)


def _note_activity(request: HttpRequest, asking: Visitor, *, now: datetime) -> None:
    """Write down now and then that a person, not a script, uses the session."""
    if asking.state is None or asking.person is None or not answers.is_page(request):
        return
    idle, _age = visitor.limits(asking.person)
    if now - asking.state.seen_at >= idle / SEEN_STEPS:
        session_state.mark_seen(request, now=now)


def _answer_ended(
    request: HttpRequest, asking: Visitor, purpose: Purpose, *, now: datetime
) -> HttpResponse | None:
    # Whatever this request makes of the session, a late sweep still has to tell its person.
    request.session.leaves_trace = asking.awaits_sweep  # type: ignore[attr-defined]
    if purpose is Purpose.ENROLMENT and asking.is_only_overdue:
        kept = setup_note.read(request.session, now=now)
        if kept is not None:
            pending = entrance.demote(request, asking, kept, now=now)
            return _answer_pending(request, pending, purpose, now=now)
    ended = _reason(request, asking, now=now)
    if purpose is Purpose.OPEN:
        request.ended = ended  # type: ignore[attr-defined]
        return None
    return answers.to_sign_in(request, ended=ended)


def _reason(request: HttpRequest, asking: Visitor, *, now: datetime) -> EndReason | None:
    """Return why the session ended; a page may show it for ten minutes from the first time."""
    if not answers.is_page(request):
        return asking.ended
    shown = request.session.get("ended_at")
    if shown is None:
        request.session["ended_at"] = now.isoformat()
    elif now - datetime.fromisoformat(shown) >= REASON_SHOWN_FOR:
        request.session.flush()
        return None
    return asking.ended


def _answer_half_way(
    request: HttpRequest, purpose: Purpose, *, now: datetime
) -> HttpResponse | None:
    pending = _pending(request, now=now)
    if pending is None:
        if purpose is Purpose.OPEN:
            return None
        return _answer_anonymous(request, purpose)
    request.pending = pending  # type: ignore[attr-defined]
    if purpose is Purpose.OPEN:
        return None
    return _answer_pending(request, pending, purpose, now=now)


def _answer_anonymous(request: HttpRequest, purpose: Purpose) -> HttpResponse:
    """Send to sign-in, and on from there.

    A page of a sign-in whose time is over leads where that led, and says why.
    """
    late = signin.noted(request) if request.session.session_key else None
    if late is not None and purpose in OPEN_AT[late.step] and answers.is_page(request):
        messages.error(request, _("This sign-in was open for too long. Please start again."))
        return HttpResponseRedirect(signin.begin_again_url(late))
    return answers.to_sign_in(request, ended=None)


def _pending(request: HttpRequest, *, now: datetime) -> Pending | None:
    """Return the half-finished sign-in; reads no session where the browser sent none."""
    if request.session.session_key is None:
        return None
    return signin.read(request, now=now)


def _answer_pending(
    request: HttpRequest, pending: Pending, purpose: Purpose, *, now: datetime
) -> HttpResponse | None:
    step = entrance.next_step(request, pending, now=now)
    if step is None:
        if purpose is Purpose.CANCEL and request.method == "POST" and entrance.has_person(request):
            return None  # who says no is not let in by that
        return entrance.follow(request, now=now)
    pending = signin.enter(request, pending, step, now=now)
    if purpose in OPEN_AT[step]:
        return None
    if purpose is Purpose.LEAVING and step is PendingStep.ENROL and pending.mailbox_proved:
        return None
    if not answers.is_page(request):
        return answers.to_sign_in(request, ended=None)
    return HttpResponseRedirect(reverse(entrance.PAGE_OF[step]))
