"""What a page says when something broke: our fault, or a database that is away for a moment."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.csrf import requires_csrf_token

TRY_AGAIN_AFTER = 30  # seconds


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 where trying again can help, else 500; neither asks the database anything."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        response = HttpResponse(render_to_string("503.html"), status=503)
        response["Retry-After"] = str(TRY_AGAIN_AFTER)
        return response
    return HttpResponse(render_to_string("500.html"), status=500)
