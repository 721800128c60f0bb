"""The trivial views that requests are measured with, before the product's own."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from accounts.purposes import Purpose, serves


def trivial(request: HttpRequest) -> HttpResponse:
    """Read who is there; closed to strangers where the gate stands."""
    return HttpResponse(b"signed in" if request.user.is_authenticated else b"nobody")


@serves(Purpose.OPEN)
def trivial_open(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"signed in" if request.user.is_authenticated else b"nobody")


urlpatterns = [
    path("trivial/", trivial),
    path("trivial/open/", trivial_open),
    path("", include("settings.urls")),
]
