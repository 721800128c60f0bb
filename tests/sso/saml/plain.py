"""A provider of SAML in a few lines: for tests that need no whole one, and start none."""

import base64
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lxml import etree

from tests.sso.saml.forging import Signing, sign
from tests.sso.saml.keys import Keys

ANSWER = """
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="id-response"
  xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" IssueInstant="{now}">
<saml:Issuer>{issuer}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion ID="id-assertion-{request}" Version="2.0" IssueInstant="{now}">
<saml:Issuer>{issuer}</saml:Issuer>
<saml:Subject>
<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData Recipient="{callback}" InResponseTo="{request}" NotOnOrAfter="{end}"/>
</saml:SubjectConfirmation></saml:Subject>
<saml:Conditions><saml:AudienceRestriction><saml:Audience>{us}</saml:Audience>
</saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext><saml:AuthnContextClassRef>
urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>
</saml:AuthnStatement>
<saml:AttributeStatement><saml:Attribute Name="email">
<saml:AttributeValue>{email}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>
</saml:Assertion></samlp:Response>
"""
ISSUER = "{urn:oasis:names:tc:SAML:2.0:assertion}Issuer"


def answer(url: str, keys: Keys, *, issuer: str, subject: str, email: str) -> str:
    """Return what ``url`` is answered with, as it stands in the field SAMLResponse."""
    root = etree.fromstring(unsigned(url, issuer=issuer, subject=subject, email=email))
    sign(root, keys, Signing())
    return encoded(etree.tostring(root, encoding="unicode"))


def unsigned(url: str, *, issuer: str, subject: str, email: str) -> str:
    request, now = question(url), datetime.now(UTC)
    xml = ANSWER.format(
        now=written(now),
        end=written(now + timedelta(minutes=5)),
        issuer=issuer,
        us=request.findtext(ISSUER),
        callback=request.get("AssertionConsumerServiceURL"),
        request=request.get("ID"),
        subject=subject,
        email=email,
    )
    return xml.strip()


def encoded(xml: str) -> str:
    return base64.b64encode(xml.encode()).decode()


def decoded(given: str) -> str:
    return base64.b64decode(given).decode()


def question(url: str) -> Any:
    squeezed = base64.b64decode(parse_qs(urlsplit(url).query)["SAMLRequest"][0])
    return etree.fromstring(zlib.decompress(squeezed, -15))


def callback_of(url: str) -> str:
    return str(question(url).get("AssertionConsumerServiceURL"))


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
