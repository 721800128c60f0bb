"""The page of the outbox; routed with ``LOCAL_PAGES`` alone."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import outbox as files
from accounts.purposes import Purpose, serves


@serves(Purpose.OPEN)
@never_cache
@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """Show what would have left the machine, newest first."""
    return render(request, "accounts/outbox.html", {"mails": files.messages()})
