"""What several pages of this app answer in the same way."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import browsers, signin
from accounts.client import address_of
from accounts.models import User
from accounts.pages import too_many
from accounts.signin import Pending
from accounts.throttle import TooMany
from twofactor.redeem import CodeRejected, Kind, Reason, Try

WORDS = {
    Reason.FORM: gettext_lazy("A code has six digits. Type it as it is shown."),
    Reason.WRONG: gettext_lazy(
        "This code is not right. Type the one that is shown now; if none works, check that your"
        " phone sets its time by itself."
    ),
    Reason.REUSED: gettext_lazy("This code was used already. Wait for the next one."),
    Reason.EXPIRED: gettext_lazy("This code is no longer good. Have a new one sent."),
    Reason.BLOCKED: gettext_lazy(
        "Too many wrong codes: this authenticator takes no more until it is replaced."
        " Use a backup code."
    ),
    Reason.SET_ASIDE: gettext_lazy("You are on a pass: your old devices rest while it runs."),
}
DEVICE_WORDS = {  # where no backup code would do
    Reason.BLOCKED: gettext_lazy(
        "Too many wrong codes: this authenticator takes no more until it is replaced."
    ),
}
BACKUP_WORDS = {
    Reason.FORM: gettext_lazy("A backup code has 18 letters and digits, in three groups."),
    Reason.WRONG: gettext_lazy("This is none of your backup codes."),
    Reason.REUSED: gettext_lazy("This backup code was used already. Take another one."),
}
SENT_WORDS = {
    Reason.WRONG: gettext_lazy("This code is not right. Type the one from the latest message."),
    Reason.REUSED: gettext_lazy("This code was used already. Have a new one sent."),
}


def person_of(request: HttpRequest) -> User:
    """Return whose devices this is about: signed in, or half-way in."""
    user = request.user
    if isinstance(user, User):
        return user
    person: User = request.pending_user  # type: ignore[attr-defined]
    return person


def pending_of(request: HttpRequest) -> Pending | None:
    """Return the half-finished sign-in; None for who is signed in."""
    pending: Pending | None = getattr(request, "pending", None)
    return None if request.user.is_authenticated else pending


def page(
    request: HttpRequest, name: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    return render(request, f"twofactor/{name}.html", context, status=status)


def typed(
    request: HttpRequest,
    user: User,
    kind: Kind,
    *,
    attempt: str,
    now: datetime,
    purpose: str = "",
) -> Try:
    """Return the code that was posted as a try of ``user``."""
    return Try(
        user_id=user.pk,
        kind=kind,
        code=request.POST.get("code", ""),
        attempt=attempt,
        address=address_of(request),
        bucket=browsers.bucket_for(request, user.email, now=now),
        purpose=purpose,
        agent=request.headers.get("User-Agent", "")[:200],
    )


def explain(
    form: forms.Form, error: CodeRejected, kind: Kind, *, wants_device: bool = False
) -> None:
    """Say at the field why the code was refused; ``wants_device``: no backup code would do here."""
    special = {Kind.BACKUP: BACKUP_WORDS, Kind.APP: {}, Kind.NEW_APP: {}}.get(kind, SENT_WORDS)
    here = WORDS | special | (DEVICE_WORDS if wants_device else {})
    form.add_error("code", str(here[error.reason]))


def throttled(
    request: HttpRequest, error: TooMany, *, now: datetime, ends_sign_in: bool = False
) -> HttpResponse:
    """Say when to try again; ``ends_sign_in``: and that it begins with the password then."""
    context = {"ends_sign_in": ends_sign_in}
    return too_many(request, "twofactor/throttled.html", context, error, now=now)


def start_over(request: HttpRequest) -> HttpResponse:
    """Another browser of this person was faster; nothing was changed by this one."""
    messages.error(
        request, _("Something changed in another browser meanwhile. Please start again.")
    )
    if request.user.is_authenticated:
        return HttpResponseRedirect(reverse("security"))
    pending = pending_of(request)
    signin.drop(request)
    return HttpResponseRedirect(signin.begin_again_url(pending) if pending else reverse("login"))
