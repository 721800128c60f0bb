"""Fresh proof inside the admin, where what is asked depends on who asks.

The gate holds the mark of a view with one demand. A page here that serves owners and support
alike asks for itself, and brings the person back to the page rather than to the start.
"""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import session_state
from accounts.admin_scope import is_support
from accounts.purposes import Fresh
from enforcement import answers, visitor


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
    return HttpResponseRedirect(
        f"{reverse(page)}?{urlencode({'next': back or request.get_full_path()})}"
    )
