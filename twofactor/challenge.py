"""A pending sign-in becomes a session. The only caller of Django's ``login()``."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from accounts import audit, browsers, current, session_state, signin, sso, throttle
from accounts.audit import Event
from accounts.client import address_of
from accounts.models import User
from accounts.session_state import FactorKind
from accounts.signin import Pending
from twofactor import setup_note
from twofactor.enrolment import StartOver
from twofactor.signals import signed_in

__all__ = ["StartOver", "complete"]


@transaction.atomic
def complete(
    request: HttpRequest,
    pending: Pending,
    *,
    verified: bool,
    factor: FactorKind | None,
    now: datetime,
) -> User:
    """Sign in the person of ``pending``; the session key and the CSRF token change.

    The session lives under the stamp that was read with the password, never under the one of now:
    what ended sessions in between ends this one, too.

    :raises StartOver: if it did, or the person is gone, or the provider that was passed.
    """
    user = _still_the_one(pending)
    if not sso.is_still_vouched_for(pending):
        raise StartOver
    signin.drop(request)
    setup_note.drop(request.session)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    session_state.begin(
        request,
        stamp=pending.stamp,
        verified=verified,
        method=pending.method,
        factor=factor,
        now=now,
    )
    if pending.mailbox_proved and not verified:
        signin.note_link(request, user, now=now)  # set-up may follow from within
    passed = sso.complete(request, user, pending, now=now)
    throttle.note_entry(address_of(request), user.pk, now=now)
    browsers.remember(request, user)
    after = {**passed, "factor": factor, "verified": verified, **current.browser()}
    audit.record(Event.SIGNED_IN, actor=user, subject=user, after=after, now=now)
    signed_in.send(sender=None, request=request, user=user, pending=pending, now=now)
    return user


def _still_the_one(pending: Pending) -> User:
    """Return the person of ``pending``; nothing ends their sessions until this transaction ends.

    :raises StartOver: if something did since the password, or they are gone.
    """
    try:
        user = User.objects.locked(pending.user_id)
    except User.DoesNotExist as error:
        raise StartOver from error
    if user.stamp != pending.stamp or not user.is_active:
        raise StartOver
    return user
