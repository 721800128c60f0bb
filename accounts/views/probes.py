"""Probes for machines: is it alive, is it ready, what are its numbers."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import clock, figures
from accounts.purposes import Purpose, serves


@serves(Purpose.MACHINE)
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; asks nothing else, so that a slow database restarts nobody."""
    return JsonResponse({"status": "live"})


@serves(Purpose.MACHINE)
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Whether requests can be served: the database answers, and agrees on the time."""
    problems = _problems()
    return JsonResponse(
        {"status": "unready" if problems else "ready", "problems": problems},
        status=503 if problems else 200,
    )


def _problems() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        apart = clock.difference()
    except DatabaseError:
        return ["The database does not answer."]
    if apart > clock.TOLERATED:
        return [f"The clocks of application and database differ by {apart}."]
    return []


@serves(Purpose.MACHINE)
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format."""
    text = figures.as_text(figures.collect(now=timezone.now()))
    return HttpResponse(text, content_type="text/plain; version=0.0.4")
