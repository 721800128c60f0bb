"""Pages of an app above, called by their URL name within the same request."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, resolve, reverse


def answer_of(name: str, request: HttpRequest, **arguments: Any) -> HttpResponse:
    """Return what the page called ``name`` answers to ``request``.

    The site may lie below a path, which ``reverse`` puts in front and ``resolve`` does not expect.
    """
    path = reverse(name, kwargs=arguments).removeprefix(get_script_prefix())
    match = resolve(f"/{path}")
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer
