"""Fresh proof inside the admin, where what is asked depends on who asks.

The gate holds the mark of a view with one demand. A page here that serves owners and support
alike asks for itself, and brings the person back to the page rather than to the start.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import session_state
from accounts.admin_scope import is_support
from accounts.purposes import Fresh
from enforcement import answers, visitor

# What was typed into a form that came too late, and is worth keeping; no secret is.
KEPT = (
    "reason", "ticket", "email", "name", "plan", "email_domains",
    "issuer", "client_id", "sso_url", "subject_attribute",
)  # fmt: skip
KEPT_LENGTH = 5000


def for_switching(request: HttpRequest) -> Fresh:
    """Owners give the device they have, if any; support must have one."""
    return Fresh.STRONG if is_support(request) else Fresh.DEVICE


def missing(
    request: HttpRequest, fresh: Fresh, *, now: datetime, back: str = ""
) -> HttpResponse | None:
    """Return the answer that asks for fresh proof; None where it was given.

    ``back`` is the page to come back to, for a button that has none of its own.
    """
    asking = visitor.of(request)
    stamp, can_verify = asking.signed_in_person().stamp, asking.can_verify
    if session_state.is_fresh(request, fresh, stamp=stamp, has_device=can_verify, now=now):
        return None
    if not answers.is_page(request):
        return answers.to_reauthentication(request)
    page = "setup" if fresh is Fresh.STRONG and not can_verify else "reauthenticate"
    next_url = back or request.get_full_path()
    if request.method == "POST":
        _keep(request, next_url, now=now)
    return HttpResponseRedirect(f"{reverse(page)}?{urlencode({'next': next_url})}")


def _keep(request: HttpRequest, page: str, *, now: datetime) -> None:
    """Keep for ``page`` what was typed: the form is not sent again, but can be filled in so."""
    found = {name: request.POST[name] for name in KEPT if name in request.POST}
    given = {name: text for name, text in found.items() if len(text) <= KEPT_LENGTH}
    request.session["unsent"] = {"page": page, "given": given, "at": now.isoformat()}


def refill(request: HttpRequest, form: forms.BaseForm, *, now: datetime) -> None:
    """Fill in once what was typed before the proof was asked for; say that nothing was done."""
    kept = request.session.get("unsent")
    if kept is None or form.is_bound or kept["page"] != request.get_full_path():
        return
    del request.session["unsent"]
    if now - datetime.fromisoformat(kept["at"]) >= session_state.FRESH_FOR:
        return
    given: dict[str, Any] = kept["given"]
    form.initial.update({name: given[name] for name in given if name in form.fields})
    messages.warning(
        request, _("Nothing was done yet. Look at this page again, then press the button.")
    )
