"""A browser for tests of pages: signs in by the product's own forms, at a frozen clock."""

from datetime import datetime
from typing import Any

import time_machine
from django.test import Client

from accounts.models import Notice, User
from tests.factories import PASSWORD
from twofactor import mailbox

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


class Browser:
    """Pages as a person sees them; ``at`` moves the clock."""

    def __init__(self, *, now: datetime, address: str = "192.0.2.7") -> None:
        self.client = Client(headers=PAGE, REMOTE_ADDR=address)
        self.now = now

    def get(self, path: str) -> Any:
        with time_machine.travel(self.now, tick=False):
            return self.client.get(path)

    def post(self, path: str, **fields: str) -> Any:
        with time_machine.travel(self.now, tick=False):
            return self.client.post(path, fields)

    def give_password(self, user: User, *, next_url: str = "/settings/security/") -> Any:
        return self.post("/login/", email=user.email, password=PASSWORD, next=next_url)

    def is_in(self) -> bool:
        status: int = self.get("/settings/security/").status_code
        return status == 200

    def mailed_code(self, user: User) -> str:
        """Read the code out of the latest mail."""
        notice = Notice.objects.filter(kind="mailbox_code", user=user).latest("pk")
        return mailbox.code_for_mail(notice, self.now)["code"]


def shown_codes(response: Any) -> list[str]:
    return list(response.context["codes"])
