"""Guessers and their victims, at the product's own forms."""

from typing import Any

from django.test import Client

from accounts.models import User
from tests.enforcement.kit import PAGE
from tests.factories import PASSWORD
from tests.twofactor.people import Enrolled

LOGIN, VERIFY, RECOVERY = "/login/", "/login/verify/", "/login/recovery/"
HOME = "192.0.2.10"


def at(address: str) -> Client:
    """A browser never seen before, at ``address``."""
    return Client(headers={**PAGE, "user-agent": "Firefox on Linux"}, REMOTE_ADDR=address)


def give(client: Client, person: User | str, password: str = PASSWORD) -> Any:
    email = person if isinstance(person, str) else person.email
    return client.post(LOGIN, {"email": email, "password": password})


def guess_passwords(client: Client, person: User, times: int) -> list[int]:
    return [give(client, person, f"wrong {number}").status_code for number in range(times)]


def begin(enrolled: Enrolled, address: str = HOME) -> Client:
    """Give the right password; the code is asked for next."""
    client = at(address)
    assert give(client, enrolled.user)["Location"] == VERIFY
    return client


def get_in(enrolled: Enrolled, client: Client, code: str) -> Client:
    """Sign in to the end in ``client``, which is known from then on."""
    give(client, enrolled.user)
    client.post(VERIFY, {"code": code})
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    """Whether the gate lets this browser through to a view that then says: by POST only."""
    return client.get("/settings/sessions/end-all/", headers=PAGE).status_code == 405
