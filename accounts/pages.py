"""What pages have in common: who waits for one, those of an app above, the answer "too many"."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, get_script_prefix, resolve, reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.throttle import TooMany

TOO_MANY_REQUESTS = 429
MINUTE, HOUR = 60, 3600

View = Callable[..., HttpResponse]


def is_page(request: HttpRequest) -> bool:
    """Whether a person waits for this as a page, by what the browser itself says of it."""
    # META, since ``request.headers`` would parse every header of every request for these two.
    mode = request.META.get("HTTP_SEC_FETCH_MODE")
    if mode:
        return bool(mode == "navigate")
    return "text/html" in request.META.get("HTTP_ACCEPT", "")


def posted_from(page: str, *, keep: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Let a view take POST alone; who opens its address is led to the page with its form.

    An error beside that form stands at this address: so it is reloaded, and signed in for.
    ``keep`` names what the addresses of both have in common.
    """

    def decorate(view: View) -> View:
        takes_post = require_POST(view)

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in {"GET", "HEAD"} and is_page(request):
                kept = {name: kwargs[name] for name in keep}
                return HttpResponseRedirect(reverse(page, kwargs=kept))
            return takes_post(request, *args, **kwargs)

        return answer

    return decorate


def say_not_done(request: HttpRequest) -> None:
    """Say that a form which waits for fresh proof was not taken: it is not sent again."""
    told = _("Nothing was done yet. Confirm that it is you, then press the button again.")
    messages.warning(request, told)


def answer_of(name: str, request: HttpRequest, **arguments: Any) -> HttpResponse:
    """Return what the page called ``name`` answers to ``request``.

    The site may lie below a path, which ``reverse`` puts in front and ``resolve`` does not expect.
    """
    match = _resolved(reverse(name, kwargs=arguments))
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer


def page_at(url: str) -> ResolverMatch | None:
    """Return which page of this site ``url`` leads to; None for no page."""
    try:
        return _resolved(urlsplit(url).path)
    except (Resolver404, ValueError):
        return None


def _resolved(path: str) -> ResolverMatch:
    return resolve(f"/{path.removeprefix(get_script_prefix())}")


def too_many(
    request: HttpRequest, template: str, context: dict[str, Any], error: TooMany, *, now: datetime
) -> HttpResponse:
    """Answer 429: the page, with when to try again."""
    context = {**context, **waiting(error, now=now)}
    return with_retry(render(request, template, context), error.retry_at, now=now)


def waiting(error: TooMany, *, now: datetime) -> dict[str, Any]:
    """Return what ``parts/_wait.html`` says."""
    return {
        "retry_at": error.retry_at,
        "retry_in": in_words(error.retry_at - now),
        "ends_by_reset": error.ends_by_reset,
    }


def with_retry(response: HttpResponse, retry_at: datetime, *, now: datetime) -> HttpResponse:
    """Make ``response`` a refusal that may be tried again at ``retry_at``."""
    response.status_code = TOO_MANY_REQUESTS
    response["Retry-After"] = str(max(1, ceil((retry_at - now).total_seconds())))
    return response


def in_words(wait: timedelta) -> str:
    """Return ``wait`` as a person says it, rounded up: who comes back then is not too early."""
    seconds = max(1, ceil(wait.total_seconds()))
    if seconds < 2 * MINUTE:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    if seconds < 2 * HOUR:
        return ngettext("%d minute", "%d minutes", ceil(seconds / MINUTE)) % ceil(seconds / MINUTE)
    return ngettext("%d hour", "%d hours", ceil(seconds / HOUR)) % ceil(seconds / HOUR)


def to_the_second(at: datetime) -> str:
    """Return ``at`` in the reader's zone, with its day."""
    return formats.date_format(timezone.localtime(at), _("D j M Y, H:i:s T"))


def clock_time(at: datetime) -> str:
    """Return the time of day of ``at`` in the reader's zone, and the day if it is another."""
    local = timezone.localtime(at)
    return f"{local:%H:%M:%S %Z}" if local.date() == timezone.localdate() else to_the_second(at)
