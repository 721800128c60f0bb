"""What support enters about a provider, for tests of what is done with it."""

from dataclasses import replace
from typing import Any

from accounts.models import AuditEvent, Protocol
from accounts.providers import Details, Origin

SECRET = "9kT!shared-with-the-provider"
REASON = "Olga asked for it, called back."
ORIGIN = Origin(protocol=Protocol.OIDC, issuer="https://login.northwind.example/realm")
OTHER_ORIGIN = Origin(protocol=Protocol.OIDC, issuer="https://login.example")
DETAILS = Details(
    name="Northwind Login", email_domains=["northwind.example"], client_id="gatehouse"
)
ENTERED: dict[str, Any] = {"origin": ORIGIN, "details": DETAILS, "secret": SECRET}


def saml_origin() -> Origin:
    return Origin(protocol=Protocol.SAML, issuer="urn:northwind:idp")


def saml_details(pem: str) -> Details:
    return replace(
        DETAILS, client_id="", sso_url="https://login.northwind.example/sso", certificates=pem
    )


def last(event: str) -> Any:
    return AuditEvent.objects.filter(event=event).latest("number")
