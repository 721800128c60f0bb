"""The gate: authentication and the requirement in one step, asked afresh on each request.

``request.user`` is lazy and is whoever the gate lets through. ``process_view`` then answers by
the purpose of the resolved view, never by the text of a path: a view without a mark is closed.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts import browsers, purposes
from accounts.models import User
from accounts.purposes import Purpose
from accounts.reach import ComeByProvider
from enforcement import answers, gate, reader, visitor


class GateMiddleware(AuthenticationMiddleware):
    """Django's middleware for users, whose user has passed the gate."""

    def process_request(self, request: HttpRequest) -> None:
        if not hasattr(request, "session"):
            raise ImproperlyConfigured("GateMiddleware needs SessionMiddleware before it.")
        request.session.reader = reader.read_session  # type: ignore[attr-defined]
        if request.session.session_key is None:
            request.user = AnonymousUser()  # The browser sent no session: there is nothing to read.
        else:
            request.user = SimpleLazyObject(lambda: visitor.of(request).user)  # type: ignore[assignment]
        request.auser = _async_user(request)
        request.ended = request.obligation = None  # type: ignore[attr-defined]
        request.pending = request.pending_user = None  # type: ignore[attr-defined]

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        purpose = purposes.purpose_of(view)
        if purpose is Purpose.MACHINE:
            return None
        # Every answer from here on depends on the cookie, its absence too: caches must be told.
        request.session.accessed = True
        if purpose is Purpose.OPEN and request.session.session_key is None:
            return None
        return gate.answer(
            request, purpose=purpose, fresh=purposes.freshness_of(view), now=timezone.now()
        )

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """An account may want its people to come by its provider: then there is the way to it."""
        if isinstance(exception, ComeByProvider):
            return answers.to_provider(request, exception.provider)
        return None

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Keep a person's pages out of every cache; "Back" after signing out shows none of them.

        A browser in which somebody has just got in is told that it is known from now on.
        """
        if hasattr(request, "got_in"):
            browsers.write(request, response, now=timezone.now())
        asked = getattr(request, "_visitor", None)
        if asked is not None and asked.person is not None and "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-store"
        return response


def _async_user(request: HttpRequest) -> Callable[[], Awaitable[User | AnonymousUser]]:
    async def auser() -> User | AnonymousUser:
        return await sync_to_async(lambda: visitor.of(request).user)()

    return auser
