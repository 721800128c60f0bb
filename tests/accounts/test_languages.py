"""A person's time zone holds for the person's own requests, and for nobody else's."""

from datetime import UTC, datetime

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from accounts.languages import PersonLocaleMiddleware
from accounts.models import User

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def told_by(person: User, rf: RequestFactory) -> str:
    """Return the hour that a view would show to ``person``."""

    def view(request: HttpRequest) -> HttpResponse:
        middleware.process_view(request, view)
        return HttpResponse(f"{timezone.localtime(NOON):%H}")

    middleware = PersonLocaleMiddleware(view)
    request = rf.get("/")
    request.user = person
    return middleware(request).content.decode()


def test_a_page_tells_times_in_its_persons_zone(rf: RequestFactory) -> None:
    person = User(email="ada@northwind.example", time_zone="Asia/Kolkata")

    assert told_by(person, rf) == "17"


def test_nothing_of_it_is_left_for_the_next_request(rf: RequestFactory) -> None:
    told_by(User(email="ada@northwind.example", time_zone="Asia/Kolkata", language="de"), rf)

    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("zone", ["", "Nowhere/Else", "../etc"])
def test_an_unknown_zone_is_utc(zone: str, rf: RequestFactory) -> None:
    assert told_by(User(email="ada@northwind.example", time_zone=zone), rf) == "12"
