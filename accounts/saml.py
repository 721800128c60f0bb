"""SAML 2.0: to a provider's sign-in page, and from its answer to claims.

The web browser profile with a signed assertion, asked for by us. Reading an answer needs the extra
``deploy/requirements-saml.txt``; its one importer, ``accounts.saml_toolkit``, is loaded by the
first answer. What we send is plain XML, made here. Knows no person and no session.
"""

import base64
import binascii
import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import letters, saml_assertion, signin
from accounts.claims import Claims
from accounts.models import Provider, SeenAssertion
from accounts.saml_names import (
    ASSERTION,
    METADATA,
    PERSISTENT,
    POST_BINDING,
    PROTOCOL,
    Parties,
)
from accounts.sso_steps import Failed, Note, Step

KEPT_FOR = timedelta(hours=1)  # many times what an assertion lives
LARGEST = 200_000  # characters of an answer, as it is sent
DECLARATION = re.compile(r"<\?xml[^<>]*\?>")
NO_PLACE = ("<!", "<?", "\0")
# An xs:ID begins with no digit. What follows is the way's state.
ID_MARK = "_"

for _prefix, _namespace in (("saml", ASSERTION), ("samlp", PROTOCOL), ("md", METADATA)):
    ET.register_namespace(_prefix, _namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's answer whose signature, time and receiver are right."""

    state: str
    assertion_id: str
    claims: Claims

    def read(self, note: Note) -> Claims:
        """Tell a test what went well; nothing is left that could go wrong."""
        for step in (Step.ANSWER, Step.SIGNATURE, Step.CLAIMS):
            note(step, "")
        return self.claims


def is_installed() -> bool:
    try:
        _toolkit()
    except Failed:
        return False
    return True


def _toolkit() -> Any:
    """Return the one module that knows the extra.

    :raises Failed: where that is missing.
    """
    try:
        return import_module("accounts.saml_toolkit")
    except ImportError as error:
        raise Failed(Step.SETUP, "not_installed", _("The extra for SAML is missing.")) from error


def parties(provider: Provider) -> Parties:
    """Return who speaks to whom; our own name is the address of our metadata."""
    return Parties(
        issuer=provider.issuer,
        entity_id=letters.absolute(reverse("sso_metadata", args=[provider.slug])),
        callback=letters.absolute(reverse("sso_callback", args=[provider.slug])),
    )


def request_url(provider: Provider, state: str, *, proves: bool, now: datetime) -> str:
    """Return where to send the browser; ``proves`` asks the provider to ask its person anew.

    No RelayState goes along: where the way leads on stands in the attempt's row.

    :raises Failed: without the extra: nobody could read the answer.
    """
    _toolkit()
    xml = ET.tostring(_request(provider, state, proves=proves, now=now))
    squeezed = zlib.compress(xml, wbits=-zlib.MAX_WBITS)
    query = urlencode({"SAMLRequest": base64.b64encode(squeezed).decode()})
    return f"{provider.sso_url}{'&' if '?' in provider.sso_url else '?'}{query}"


def _request(provider: Provider, state: str, *, proves: bool, now: datetime) -> ET.Element:
    us = parties(provider)
    request = ET.Element(
        f"{{{PROTOCOL}}}AuthnRequest",
        {
            "ID": f"{ID_MARK}{state}",
            "Version": "2.0",
            "IssueInstant": _instant(now),
            "Destination": provider.sso_url,
            "ProtocolBinding": POST_BINDING,
            "AssertionConsumerServiceURL": us.callback,
            **({"ForceAuthn": "true"} if proves else {}),
        },
    )
    ET.SubElement(request, f"{{{ASSERTION}}}Issuer").text = us.entity_id
    if not provider.subject_attribute:
        policy = {"Format": PERSISTENT, "AllowCreate": "true"}
        ET.SubElement(request, f"{{{PROTOCOL}}}NameIDPolicy", policy)
    return request


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata(provider: Provider) -> bytes:
    """Return what the provider's own administrators enter about us."""
    us = parties(provider)
    entity = ET.Element(f"{{{METADATA}}}EntityDescriptor", {"entityID": us.entity_id})
    role = ET.SubElement(
        entity,
        f"{{{METADATA}}}SPSSODescriptor",
        {
            "protocolSupportEnumeration": PROTOCOL,
            "AuthnRequestsSigned": "false",
            "WantAssertionsSigned": "true",
        },
    )
    if not provider.subject_attribute:
        ET.SubElement(role, f"{{{METADATA}}}NameIDFormat").text = PERSISTENT
    ET.SubElement(
        role,
        f"{{{METADATA}}}AssertionConsumerService",
        {"Binding": POST_BINDING, "Location": us.callback, "index": "0", "isDefault": "true"},
    )
    xml: bytes = ET.tostring(entity, encoding="utf-8", xml_declaration=True)
    return xml


def read(provider: Provider, given: str, *, now: datetime) -> Answer:
    """Return what ``given``, the field SAMLResponse, vouches for.

    :raises Failed: at the first step that is not as it must be; without the extra, at once.
    """
    toolkit, us = _toolkit(), parties(provider)
    answer = toolkit.verified(screened(given), us=us, certificates=provider.certificates)
    request_id = saml_assertion.check(answer.assertion, us=us, now=now)
    toolkit.agree(answer, us)
    if not request_id.startswith(ID_MARK):
        raise Failed(Step.CLAIMS, "unasked", _("The assertion answers no request of ours."))
    return Answer(
        state=request_id.removeprefix(ID_MARK),
        assertion_id=saml_assertion.id_of(answer.assertion),
        claims=saml_assertion.claims_of(answer.assertion, provider),
    )


def screened(given: str) -> bytes:
    """Return the XML in ``given``, once nothing in it can lead a parser astray.

    No DTD, so no entity; no comment and no CDATA, at which parsers cut texts in different ways;
    UTF-8 whatever it declares, so that nothing of this can be spelt otherwise.

    :raises Failed: for anything else.
    """
    if not given or len(given) > LARGEST:
        raise Failed(Step.ANSWER, "size", _("The answer is empty or too large."))
    try:
        xml = base64.b64decode("".join(given.split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError) as error:
        raise Failed(Step.ANSWER, "malformed", _("The answer is no base64 of UTF-8.")) from error
    body = DECLARATION.sub("", xml.strip(), count=1) if xml.lstrip().startswith("<?xml") else xml
    if any(markup in body for markup in NO_PLACE):
        raise Failed(Step.ANSWER, "markup", _("The answer holds markup that has no place in it."))
    return body.strip().encode()


def check_relay_state(request: HttpRequest, given: str) -> None:
    """We send none, and follow none; one that leads away from this host is an attack.

    :raises Failed: for such a one.
    """
    if given and given != signin.safe_next(request, given):
        raise Failed(Step.ANSWER, "relay_state", _("The RelayState is no path of ours."))


def remember(provider: Provider, assertion_id: str, *, now: datetime) -> None:
    """Note that an assertion was taken: each is good once.

    :raises Failed: for one that was.
    """
    key = hashlib.sha256(assertion_id.encode()).hexdigest()
    try:
        with transaction.atomic():
            SeenAssertion.objects.create(provider=provider, assertion_key=key, seen_at=now)
    except IntegrityError as error:
        raise Failed(Step.ANSWER, "replayed", _("This answer was given before.")) from error


def forget_old(*, now: datetime) -> None:
    """Housekeeping: what was seen an hour ago has long expired."""
    SeenAssertion.objects.filter(seen_at__lte=now - KEPT_FOR).delete()
