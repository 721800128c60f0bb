"""What a signed assertion says: for whom, until when, in answer to what, and about which person.

Called by ``accounts.saml`` with the element whose signature was checked; nothing outside of it is
read. The element's own texts are whole: comments were refused before anything was parsed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.claims import Claims
from accounts.emails import canonical_email, domain_of
from accounts.models import Provider
from accounts.saml_names import BEARER, PERSISTENT, PREFIXES, Parties
from accounts.sso_steps import Failed, Step

LIFE = timedelta(minutes=5)  # whatever longer one the provider names
SKEW = timedelta(seconds=60)  # that the provider's clock may be ahead
LONGEST_SUBJECT = 255
CONTEXT = "saml:AuthnContext/saml:AuthnContextClassRef"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
# What the providers call an address: by hand and at Okta and Google; Entra; Keycloak's two.
ADDRESSES = (
    "email",
    "mail",
    "emailaddress",
    f"{_CLAIMS}/emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "urn:oid:1.2.840.113549.1.9.1",
)
NAMES = (
    "displayname",
    "name",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "urn:oid:2.16.840.1.113730.3.1.241",
)
GIVEN_NAMES = ("givenname", "firstname", f"{_CLAIMS}/givenname", "urn:oid:2.5.4.42")
SURNAMES = ("surname", "lastname", "sn", f"{_CLAIMS}/surname", "urn:oid:2.5.4.4")


def check(assertion: Any, *, us: Parties, now: datetime) -> str:
    """Return the ID of the request that ``assertion`` answers, if it is for us and for now.

    :raises Failed: if not.
    """
    if _texts(assertion, "saml:Issuer") != [us.issuer]:
        raise _wrong("issuer", _("The assertion comes from somebody else."))
    _check_times(assertion, now=now)
    _check_audience(assertion, us)
    return _check_confirmation(assertion, us, now=now)


def _wrong(reason: str, text: str) -> Failed:
    return Failed(Step.CLAIMS, reason, text)


def _texts(element: Any, path: str) -> list[str]:
    """Return the texts at ``path``; none of one that holds elements beside its text."""
    found = element.findall(path, PREFIXES)
    return ["" if len(each) else (each.text or "").strip() for each in found]


def _only(element: Any, path: str) -> Any:
    found = element.findall(path, PREFIXES)
    if len(found) != 1:
        raise _wrong(
            "incomplete", _("The assertion has not exactly one %(path)s.") % {"path": path}
        )
    return found[0]


def _instant(element: Any, name: str) -> datetime | None:
    written = element.get(name)
    if written is None:
        return None
    try:
        at = datetime.fromisoformat(written)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong("incomplete", _("%(name)s is no time.") % {"name": name}) from error


def _needed_instant(element: Any, name: str) -> datetime:
    at = _instant(element, name)
    if at is None:
        raise _wrong("incomplete", _("The assertion names no %(name)s.") % {"name": name})
    return at


def _check_times(assertion: Any, *, now: datetime) -> None:
    """An assertion is taken within five minutes of its making, and within what it says itself."""
    conditions = _only(assertion, "saml:Conditions")
    issued_at = _needed_instant(assertion, "IssueInstant")
    begins = [issued_at, _instant(conditions, "NotBefore") or issued_at]
    if max(begins) > now + SKEW:
        raise _wrong("too_early", _("The assertion is not valid yet: one of the clocks is wrong."))
    ends_at = _instant(conditions, "NotOnOrAfter")
    if now >= min(ends_at or issued_at + LIFE, issued_at + LIFE):
        raise _wrong("expired", _("The assertion has expired, or one of the clocks is wrong."))


def _check_audience(assertion: Any, us: Parties) -> None:
    """Each restriction must name us, and there must be one."""
    restrictions = assertion.findall("saml:Conditions/saml:AudienceRestriction", PREFIXES)
    if not restrictions or any(
        us.entity_id not in _texts(each, "saml:Audience") for each in restrictions
    ):
        raise _wrong(
            "audience", _("The assertion is not for %(entity)s.") % {"entity": us.entity_id}
        )


def _check_confirmation(assertion: Any, us: Parties, *, now: datetime) -> str:
    confirmation = _only(assertion, "saml:Subject/saml:SubjectConfirmation")
    data = _only(confirmation, "saml:SubjectConfirmationData")
    if confirmation.get("Method") != BEARER:
        raise _wrong("confirmation", _("The assertion is not one for the bearer."))
    if data.get("Recipient") != us.callback:
        raise _wrong(
            "recipient", _("The assertion is not for %(callback)s.") % {"callback": us.callback}
        )
    if now >= _needed_instant(data, "NotOnOrAfter"):
        raise _wrong("expired", _("The assertion has expired, or one of the clocks is wrong."))
    request_id = data.get("InResponseTo")
    if not request_id:
        raise _wrong("unasked", _("The assertion answers no request: begin at our sign-in page."))
    return str(request_id)


def id_of(assertion: Any) -> str:
    return str(assertion.get("ID"))


def claims_of(assertion: Any, provider: Provider) -> Claims:
    """Return whom the assertion is about.

    :raises Failed: where that could be somebody else tomorrow, or has no single address.
    """
    attributes = dict(_attributes(assertion))
    statement = _only(assertion, "saml:AuthnStatement")
    email = _address(attributes)
    subject = _subject(assertion, attributes, provider)
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise _wrong("subject", _("The assertion does not say who the person is."))
    if canonical_email(subject) == canonical_email(email):
        raise _wrong("subject_address", _("The person is named by an address, which can pass on."))
    return Claims(
        subject=subject,
        email=email,
        # A company's own provider speaks for the addresses of its own domains, and no others.
        email_verified=domain_of(canonical_email(email)) in provider.account.email_domains,
        name=_name(attributes),
        auth_time=_needed_instant(statement, "AuthnInstant"),
        acr="".join(_texts(statement, CONTEXT)[:1])[:LONGEST_SUBJECT],
    )


def _attributes(assertion: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield each attribute by its name in lower case; one that comes twice holds all its values."""
    found: dict[str, list[str]] = {}
    for each in assertion.findall("saml:AttributeStatement/saml:Attribute", PREFIXES):
        values = found.setdefault(str(each.get("Name", "")).lower(), [])
        values += [text for text in _texts(each, "saml:AttributeValue") if text]
    yield from found.items()


def _first(attributes: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    return next((attributes[name] for name in names if attributes.get(name)), [])


def _address(attributes: dict[str, list[str]]) -> str:
    values = _first(attributes, ADDRESSES)
    if len(values) != 1 or not values[0].isprintable():
        raise _wrong("address", _("The assertion holds no address, or several in one attribute."))
    return values[0]


def _subject(assertion: Any, attributes: dict[str, list[str]], provider: Provider) -> str:
    if provider.subject_attribute:
        values = attributes.get(provider.subject_attribute.lower(), [])
        return values[0] if len(values) == 1 else ""
    name_id = _only(assertion, "saml:Subject/saml:NameID")
    if name_id.get("Format") != PERSISTENT:
        raise _wrong("subject_format", _("The NameID is not a persistent one."))
    return _texts(assertion, "saml:Subject/saml:NameID")[0]


def _name(attributes: dict[str, list[str]]) -> str:
    whole = _first(attributes, NAMES)
    parts = _first(attributes, GIVEN_NAMES)[:1] + _first(attributes, SURNAMES)[:1]
    return whole[0] if whole else " ".join(parts)
