"""No way in beside the session: what an Authorization header says counts nowhere."""

from base64 import b64encode

import pytest
from django.test import Client

from accounts.models import Session
from tests.factories import PASSWORD, make_user
from tests.odd.world import undone
from tests.routes import Route, routes

pytestmark = pytest.mark.django_db

HEADERS = {
    "basic": "Basic " + b64encode(f"ada@northwind.example:{PASSWORD}".encode()).decode(),
    "bearer": "Bearer 0123456789abcdef",
    "token": "Token 0123456789abcdef",
}


def answer(route: Route, **headers: str) -> tuple[int, str, bool]:
    """Return status and target of what a stranger gets at ``route``, and whether it signed in."""
    client = Client(headers=headers)
    with undone(client):  # whoever guesses links is soon asked to wait
        found = client.get(route.path)
    return found.status_code, found.headers.get("Location", ""), "sessionid" in found.cookies


@pytest.mark.proves("B13")
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_no_route_takes_credentials_from_a_header(accept: str) -> None:
    make_user("ada@northwind.example", is_staff=True, is_superuser=True)
    for route in routes():
        plain = answer(route, accept=accept)
        for kind, header in HEADERS.items():
            assert answer(route, accept=accept, authorization=header) == plain, (route.name, kind)
    assert not Session.objects.exclude(user=None).exists()
