"""Mailed links: whoever tries out what was never mailed is slowed down, address by address.

Good links cost nothing, and neither do old ones: an office may open as many as it got.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts import throttle
from accounts.client import address_of
from accounts.pages import too_many
from accounts.throttle import TooMany

View = Callable[..., HttpResponseBase]


def guarded(view: View) -> View:
    """Refuse an address that spent its budget of wrong links, before its link is looked at."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        now = timezone.now()
        try:
            throttle.check(throttle.of_links(address_of(request)), now=now)
        except TooMany as error:
            return too_many(request, "accounts/link_throttled.html", {}, error, now=now)
        return view(request, *args, **kwargs)

    return answer


def note_guess(request: HttpRequest) -> None:
    """Count a link that was never mailed; called by the view that looked for it."""
    throttle.note_failure(throttle.of_links(address_of(request)), now=timezone.now())
