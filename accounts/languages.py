"""Which language and time zone a request is answered in.

The browser's own choice comes first: by the cookie of the signed-out pages, else by what it
accepts. Once the gate knows the person, it is the person's.
"""

from collections.abc import Callable
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
    HttpResponseNotAllowed,
    HttpResponseNotFound,
)
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.views import csrf, defaults

from accounts import purposes
from accounts.letters import language_of, zone_of
from accounts.models import User
from accounts.pages import is_page
from accounts.purposes import Purpose


class BrowserLocaleMiddleware:
    """Stands in front of all that may answer, so that each page is in a language of its reader."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        translation.activate(translation.get_language_from_request(request))
        try:
            response = self.get_response(request)
            return _marked(response)
        finally:
            # The next request of this thread is somebody else's.
            translation.deactivate()


def _marked(response: HttpResponse) -> HttpResponse:
    """Say which language a page is in, and that another browser may get another one.

    Files for programs, and answers to machines, are the same for all.
    """
    language = translation.get_language()
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if language is not None and is_page:
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", language)
    return response


class PersonLocaleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return _with_a_way_on(request, self.get_response(request))
        finally:
            timezone.deactivate()

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: object
    ) -> None:
        """Behind the gate's decision, so that no query is added to requests without a person."""
        if purposes.purpose_of(view) is Purpose.MACHINE:
            translation.deactivate_all()
        else:
            speak_to_person(request)


def _with_a_way_on(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Put a page where Django's own "405" is empty, and a person would stand before nothing."""
    if isinstance(response, HttpResponseNotAllowed) and not response.content and is_page(request):
        response.content = render_to_string("400.html")
    return response


def speak_to_person(request: HttpRequest) -> None:
    """Go on in the language and the time zone of the person who asks, if it is known who does."""
    person = request.user if request.user.is_authenticated else request.pending_user  # type: ignore[attr-defined]
    if isinstance(person, User):
        translation.activate(language_of(person))
        timezone.activate(zone_of(person))


# No view stands behind these two, so that nobody has asked for the person yet.


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseNotFound:
    if hasattr(request, "pending_user"):
        speak_to_person(request)
    return defaults.page_not_found(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "", **more: Any) -> HttpResponseForbidden:
    if hasattr(request, "pending_user"):
        speak_to_person(request)
    return csrf.csrf_failure(request, reason, **more)
