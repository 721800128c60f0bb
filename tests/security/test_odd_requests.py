"""Requests that no browser would send by itself: never an error of ours."""

import pytest

from tests.enforcement.kit import sign_in
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@pytest.mark.proves("S45")
@pytest.mark.parametrize("number", ["1" * 5000, "9" * 30, "-1", "²", "0x10", "1e9", "%00"])
def test_an_odd_number_of_an_invitation_leads_home(clock: Clock, number: str) -> None:
    """A number that is none, or too long to be read, names no invitation."""
    client = sign_in(make_user("ada@northwind.example"))
    answer = client.get("/invitations/continue/", {"invitation": number})
    assert (answer.status_code, answer["Location"]) == (302, "/")
