"""One browser on its way to a provider of SAML and back."""

import base64
from collections.abc import Mapping
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, Provider
from tests.sso.saml.forging import Forgery
from tests.sso.saml.idp import IdP, Person

HONEST = Forgery(code="")


class Way:
    """Begun at our own page; ``client`` carries the browser's cookies."""

    def __init__(
        self,
        client: Client,
        provider: Provider,
        idp: IdP,
        *,
        start: str = "sso_start",
        to: str = "",
    ) -> None:
        self.client, self.provider, self.idp = client, provider, idp
        left = client.get(reverse(start, args=[provider.slug]), {"next": to} if to else {})
        assert left.status_code == 302, left.content.decode()
        self.url = left["Location"]

    def answer(self, person: Person, forgery: Forgery = HONEST, **given: Any) -> str:
        """Return the provider's answer, signed here: many times as fast as by pysaml2."""
        xml = self.idp.answer(self.url, person, signs=False, **given)
        return forgery.made(xml, self.idp.keys)

    def come_back(self, xml: str | bytes, **fields: str) -> Any:
        return post(self.client, self.provider, xml, fields)


def post(
    client: Client, provider: Provider, xml: str | bytes, fields: Mapping[str, str] | None = None
) -> Any:
    raw = xml.encode() if isinstance(xml, str) else xml
    given = {"SAMLResponse": base64.b64encode(raw).decode(), **(fields or {})}
    return client.post(reverse("sso_callback", args=[provider.slug]), given)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def refusals() -> list[str]:
    """Return the reasons of all refusals that were written down, the first one first."""
    rows = AuditEvent.objects.filter(event="sso_refused").order_by("number")
    return [(row.after or {}).get("reason", "") for row in rows]
