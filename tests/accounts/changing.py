"""How somebody changes an address, and by which links."""

from typing import Any

from django.test import Client

from accounts import addresses
from accounts.models import Notice, User

NEW = "ada@work.example"


def ask(client: Client, email: str = NEW) -> Any:
    return client.post("/settings/email/", {"email": email, "scope": "all"})


def link(kind: str = "address_confirm") -> str:
    notice = Notice.objects.filter(kind=kind).latest("pk")
    return addresses.link_of(notice).removeprefix("http://testserver")


def address_of(person: User) -> str:
    return User.objects.get(pk=person.pk).email
