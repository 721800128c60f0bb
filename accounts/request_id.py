"""Middleware: every request has an id, which its audit rows and its response carry."""

import re
import uuid
from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts import client, current

LONGEST_AGENT = 200
_ID = re.compile(r"[A-Za-z0-9_-]{8,40}")


class RequestIdMiddleware:
    """Take the ``X-Request-ID`` of a proxy of ours if it is harmless, else make one.

    Without a proxy the client wrote it, who could give two requests of the audit one id.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if self.is_async:
            return self.__acall__(request)  # type: ignore[return-value]
        request_id = self._begin(request)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = self._begin(request)
        response = await self.get_response(request)  # type: ignore[misc]
        response["X-Request-ID"] = request_id
        return response  # type: ignore[no-any-return]

    def _begin(self, request: HttpRequest) -> str:
        given = request.headers.get("X-Request-ID", "")
        is_ours = settings.TRUSTED_PROXIES and _ID.fullmatch(given)
        request_id = given if is_ours else uuid.uuid4().hex
        current.put(
            current.Current(
                address=client.address_of(request),
                request_id=request_id,
                agent=request.headers.get("User-Agent", "")[:LONGEST_AGENT],
            )
        )
        return request_id
