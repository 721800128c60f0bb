"""Middleware: a signed-in person's language and time zone, for the length of the request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.letters import zone_of
from accounts.models import User


class PersonLocaleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            # The next request of this thread is somebody else's.
            translation.deactivate()
            timezone.deactivate()

    def process_view(self, request: HttpRequest, *args: object) -> None:
        """Behind the gate's decision, so that no query is added to requests without a person."""
        person = request.user if request.user.is_authenticated else request.pending_user  # type: ignore[attr-defined]
        if isinstance(person, User):
            translation.activate(person.language)
            timezone.activate(zone_of(person))
