"""Which device a code page asks, and what it says when no text could be sent."""

from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.pages import clock_time, with_retry
from twofactor import phones, sms, texts
from twofactor.devices import Devices
from twofactor.models import SentPurpose
from twofactor.redeem import Kind, TooMany, live_code

NotTexted = TooMany | texts.TextsUsedUp | phones.BadPhone | sms.NotSent
NOT_TEXTED = (TooMany, texts.TextsUsedUp, phones.BadPhone, sms.NotSent)
USED_UP_AGAIN_AFTER = timedelta(hours=1)


def asked_kind(
    request: HttpRequest,
    user: User,
    own: Devices,
    *,
    purpose: SentPurpose,
    attempt: str,
    now: datetime,
) -> Kind | None:
    """Return which device's code is asked for: the one chosen, else the one just texted.

    One device is asked at a time, so that a wrong code is charged to no other. None: there is
    only an authenticator, and it is blocked.
    """
    is_app_usable = own.app is not None and not own.app.is_blocked
    chosen = request.POST.get("method") or request.GET.get("method")
    if own.phone is None:
        return Kind.APP if is_app_usable else None
    if not is_app_usable or chosen == "text":
        return Kind.TEXT
    if chosen == "app":
        return Kind.APP
    sent = live_code(user, purpose=purpose, attempt=attempt)
    is_waiting = sent is not None and sent.used_at is None and now < sent.expires_at
    return Kind.TEXT if is_waiting else Kind.APP


def words(error: NotTexted) -> str:
    """Return why no text was sent, for the person who waits for it."""
    if isinstance(error, TooMany):
        at = clock_time(error.retry_at)
        return _("You can have another text from %(at)s on.") % {"at": at}
    if isinstance(error, texts.TextsUsedUp):
        return _("No more texts can be sent for now. Use an authenticator app or a backup code.")
    return str(error.message)


def with_wait(response: HttpResponse, error: NotTexted, *, now: datetime) -> HttpResponse:
    """Make a page that says so a refusal to be repeated later, where it is one."""
    if isinstance(error, TooMany):
        return with_retry(response, error.retry_at, now=now)
    if isinstance(error, texts.TextsUsedUp):
        return with_retry(response, now + USED_UP_AGAIN_AFTER, now=now)
    return response
