"""What the tests of SSO do again and again: go to a provider, and come back."""

from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.audit import Event
from accounts.models import Account, AuditEvent, Identity, Membership, Provider, User
from tests.factories import make_identity, make_user
from tests.services.idp import Idp


@dataclass(kw_only=True)
class House:
    """An account with its provider, and a browser."""

    account: Account
    provider: Provider
    idp: Idp
    client: Client = field(default_factory=Client)

    @property
    def start_url(self) -> str:
        return f"/sso/{self.provider.slug}/"

    def leave(self, client: Client | None = None, *, next_url: str = "") -> str:
        """Return where the browser is sent."""
        answer: Any = (client or self.client).get(self.start_url, {"next": next_url})
        assert answer.status_code == 302, answer.content.decode()
        return str(answer["Location"])

    def come_back(self, client: Client | None = None, **changed: str) -> Any:
        """Go there and come back with the provider's answer."""
        browser = client or self.client
        return browser.get(self.idp.authorize(self.leave(browser), **changed))


def refusals(code: str = "") -> list[str]:
    """Return why somebody was refused, row by row."""
    rows = AuditEvent.objects.filter(event=Event.SSO_REFUSED).order_by("pk")
    found = [str((row.after or {}).get("reason")) for row in rows]
    return [each for each in found if not code or each == code]


def is_signed_in(client: Client) -> bool:
    return client.get("/settings/", headers={"accept": "text/html"}).status_code == 200


def signed_in_as(client: Client) -> str:
    """Return the address of whoever is signed in there; empty for nobody."""
    user_id = client.session.get("_auth_user_id")
    if user_id is None or not is_signed_in(client):
        return ""
    return User.objects.get(pk=user_id).email


def known_ada(house: House) -> User:
    """Return a member whom the provider knows by the subject that it tells."""
    told = house.idp.person
    ada = make_user(told["email"])
    Membership.objects.create(account=house.account, user=ada)
    make_identity(house.provider, ada, now=timezone.now())
    Identity.objects.filter(provider=house.provider, user=ada).update(subject=told["sub"])
    return ada


def check_refused(answer: Any, client: Client, *, code: str) -> None:
    """Nobody is in, the page says so, and exactly one row tells why."""
    assert answer.status_code == 403, answer
    assert "Not signed in" in answer.content.decode()
    (reason,) = refusals()
    assert reason.startswith(code), reason
    assert "_auth_user_id" not in client.session
    assert "pending" not in client.session
