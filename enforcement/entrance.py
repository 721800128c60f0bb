"""What a half-finished sign-in leads to: the same decision as the gate's, then code, set-up or in.

Called by the gate on each request of a pending sign-in, and by the view that follows a password.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.contrib import auth, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import sessions, signin
from accounts.client import address_of
from accounts.models import User
from accounts.signin import Pending, PendingStep
from accounts.throttle import TooMany
from enforcement import answers, passes, reader, visitor
from enforcement.decision import Obligation, Step, decide
from enforcement.reader import Through
from enforcement.standing import Facts, facts_of, joining_due_at, standing_of
from enforcement.visitor import Visitor
from twofactor import challenge, mailbox
from twofactor.setup_note import SetupNote

PAGE_OF = {PendingStep.CHALLENGE: "verify", PendingStep.ENROL: "setup"}
LEADS_TO = {Step.CODE_NEEDED: PendingStep.CHALLENGE, Step.ENROL_NOW: PendingStep.ENROL}


def load_person(request: HttpRequest, pending: Pending) -> User | None:
    """Return the person half-way in, with facts; None where the sign-in has to start over."""
    person = reader.read_person(pending.user_id, verified_stamp="")
    if person is None or not person.is_active:
        return None
    if not sessions.was_only_signed_out(pending.stamp, now_is=person.stamp):
        return None
    if person.stamp != pending.stamp:
        signin.write(request, replace(pending, stamp=person.stamp))
    request.pending_user = person  # type: ignore[attr-defined]
    return person


def _facts(person: User, through: Through | None) -> Facts:
    """Return the facts for a sign-in; only a session outlives its provider without a code."""
    known = facts_of(person)
    return known if through is None else replace(through.told(known), was_sso=False)


def obligation_of(
    request: HttpRequest, pending: Pending, person: User, through: Through | None, *, now: datetime
) -> Obligation:
    joining = joining_due_at(pending.invitation, person=person, now=now, sso=pending.sso)
    standing = standing_of(person, _facts(person, through), joining_due_at=joining)
    found = decide(standing, now=now)
    request.obligation = found  # type: ignore[attr-defined]
    return found


def _still_counts(pending: Pending, through: Through) -> bool:
    """Whether the providers that were passed still vouch for who is half-way in."""
    return not through.is_cut_off and (pending.vouched is None or through.is_live)


def next_step(request: HttpRequest, pending: Pending, *, now: datetime) -> PendingStep | None:
    """Return the step that lies before this person; None when there is none, or no such person."""
    person = load_person(request, pending)
    if person is None:
        return None
    through = reader.read_sso(person.pk, pending.sso)
    if through is not None and not _still_counts(pending, through):
        request.pending_user = None  # type: ignore[attr-defined]
        return None
    found = obligation_of(request, pending, person, through, now=now)
    return LEADS_TO.get(found.step)


def has_person(request: HttpRequest) -> bool:
    """Whether the half-finished sign-in of this request still stands for somebody."""
    return getattr(request, "pending_user", None) is not None


def _finish_or_restart(request: HttpRequest, pending: Pending, *, now: datetime) -> HttpResponse:
    """Let in whom nothing holds up any more; send anybody else back to the password."""
    person: User | None = getattr(request, "pending_user", None)
    found: Obligation | None = getattr(request, "obligation", None)
    if person is None or found is None or not found.is_let_in:
        return _restart(request, pending)
    try:
        challenge.complete(request, pending, verified=False, factor=None, now=now)
    except challenge.StartOver:
        return _restart(request, pending)
    return HttpResponseRedirect(pending.next)


def _restart(request: HttpRequest, pending: Pending) -> HttpResponse:
    signin.drop(request)
    if not answers.is_page(request):
        return answers.to_sign_in(request, ended=None)
    # Set up elsewhere, signed out everywhere or deactivated: which, is told by mail, not here.
    messages.error(request, _("This sign-in is no longer good. Please start again."))
    return HttpResponseRedirect(signin.begin_again_url(pending))


def settle_first(pending: Pending, *, now: datetime) -> Pending:
    """Settle a pass that ran out before anything else, so that nothing waits for a job.

    Settling renews the stamp; the password was right, so this sign-in goes on under the new one.
    Where something else renewed the old one meanwhile, it keeps that, and starts over.
    """
    person = reader.read_person(pending.user_id, verified_stamp="")
    if person is None or person.stamp != pending.stamp:
        return pending
    if person.pass_until is None or now < person.pass_until:
        return pending
    return _settled(pending, now=now)


@transaction.atomic
def _settled(pending: Pending, *, now: datetime) -> Pending:
    """Settle under the lock, which lets nobody in between the old stamp and the new one."""
    person = User.objects.locked(pending.user_id)
    if person.stamp != pending.stamp:
        return pending
    passes.settle_pass(user=person, now=now)
    person.refresh_from_db(fields=["stamp"])
    return replace(pending, stamp=person.stamp)


def follow(request: HttpRequest, *, now: datetime) -> HttpResponse:
    """Lead the pending sign-in of this request to its next page, or in."""
    pending: Pending | None = getattr(request, "pending", None)
    if pending is None:
        return HttpResponseRedirect(reverse("login"))
    settled = settle_first(pending, now=now)
    if settled is not pending:
        signin.write(request, settled)
    step = next_step(request, settled, now=now)
    if step is None:
        return _finish_or_restart(request, settled, now=now)
    settled = signin.enter(request, settled, step, now=now)
    if step is PendingStep.ENROL and not settled.mailbox_proved:
        return _to_mailbox(request, settled, now=now)
    return HttpResponseRedirect(reverse(PAGE_OF[step]))


def _to_mailbox(request: HttpRequest, pending: Pending, *, now: datetime) -> HttpResponse:
    """Set-up first proves the mailbox: the code is mailed within the POST of the password."""
    person: User = request.pending_user  # type: ignore[attr-defined]
    if not settings.TWO_FACTOR_MAILBOX_PROOF:
        return HttpResponseRedirect(reverse("setup"))
    if request.method == "POST":
        address = address_of(request)
        with suppress(TooMany):  # the page says when the next mail can be had
            mailbox.send_code(person, attempt=pending.attempt, address=address, now=now)
    return HttpResponseRedirect(reverse("setup_mailbox"))


def demote(request: HttpRequest, asking: Visitor, kept: SetupNote, *, now: datetime) -> Pending:
    """Turn a session whose deadline passed during set-up into a pending sign-in in set-up.

    The set-up's own note stays, so the secret that was scanned stays good; all else is closed. It
    goes on to where the set-up was to lead, and joins if that was an acceptance.
    """
    person = asking.signed_in_person()
    joins = kept.next == reverse("invitation_continue")
    for key in (auth.SESSION_KEY, auth.BACKEND_SESSION_KEY, auth.HASH_SESSION_KEY, "stamp", "sso"):
        request.session.pop(key, None)
    request.session.cycle_key()
    rotate_token(request)
    method = asking.state.method if asking.state else "password"
    next_url = kept.next or reverse("home")
    pending = replace(
        signin.prepare(person, next_url=next_url, method=method, now=now),
        step=PendingStep.ENROL,
        mailbox_proved=kept.proves(person),
        invitation=request.session.get("joining") if joins else None,
        sso=asking.sso,
    )
    signin.write(request, pending)
    visitor.forget(request)
    return pending
