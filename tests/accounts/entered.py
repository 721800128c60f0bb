"""What support enters about a provider, for tests of what is done with it."""

from typing import Any

from accounts.models import Protocol
from accounts.providers import Details, Origin

SECRET = "9kT!shared-with-the-provider"
REASON = "Olga asked for it, called back."
ORIGIN = Origin(protocol=Protocol.OIDC, issuer="https://login.northwind.example/realm")
OTHER_ORIGIN = Origin(protocol=Protocol.OIDC, issuer="https://login.example")
DETAILS = Details(
    name="Northwind Login", email_domains=["northwind.example"], client_id="gatehouse"
)
ENTERED: dict[str, Any] = {"origin": ORIGIN, "details": DETAILS, "secret": SECRET}
