"""A browser's way through the product's pages, for tests that need somebody half-way or in."""

import re
from datetime import datetime

import pyotp
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import PASSWORD
from twofactor import mailbox

SECRET = re.compile(r'data-secret="([A-Z2-7]+)"')
BACKUP_CODE = re.compile(r'<code class="backup-code">([^<]+)</code>')


def sign_in(client: Client, user: User, *, password: str = PASSWORD) -> str:
    """Post the password; return where it leads."""
    answer = client.post("/login/", {"email": user.email, "password": password})
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def come_to_set_up(client: Client, user: User) -> str:
    """Follow the mailed link and sign in; return the secret on the page of the app."""
    link = mailbox.make_link(user, now=timezone.now())
    client.get(link.removeprefix("http://testserver"))
    sign_in(client, user)
    return secret_of(client)


def secret_of(client: Client) -> str:
    found = SECRET.search(client.get("/two-factor/setup/app/").content.decode())
    assert found
    return found[1]


def code_of(secret: str, at: datetime | None = None) -> str:
    return pyotp.TOTP(secret).at(at or timezone.now())


def set_up(client: Client, user: User) -> str:
    """Go the whole way from the mail to the backup codes; return the secret."""
    secret = come_to_set_up(client, user)
    answer = client.post("/two-factor/setup/app/", {"code": code_of(secret)})
    assert BACKUP_CODE.findall(answer.content.decode())
    return secret


def is_in(client: Client) -> bool:
    """Whether the home page opens."""
    return client.get("/", headers={"Accept": "text/html"}).status_code == 200
