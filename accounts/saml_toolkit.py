"""From an answer's bytes to its one assertion, once its signature is proved to cover it.

The one importer of the extra ``deploy/requirements-saml.txt``; loaded by ``accounts.saml`` alone.
python3-saml checks schema, signatures and conditions. What it leaves open is closed here before it
is asked: which element a signature belongs to is a matter of place, not of searching by ID.
"""

import base64
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from lxml.etree import XMLSyntaxError
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from accounts import certificates as pem
from accounts.saml_names import (
    ASSERTION,
    DIGEST_METHODS,
    POST_BINDING,
    PREFIXES,
    PROTOCOL,
    SIGNATURE_METHODS,
    SUCCESS,
    TRANSFORMS,
    Parties,
)
from accounts.sso_steps import Failed, Step

ID_NAMES = ("ID", "Id", "id", "iD", "{http://www.w3.org/XML/1998/namespace}id")
SIGNATURE_OF = {
    f"{{{PROTOCOL}}}Response": OneLogin_Saml2_Utils.RESPONSE_SIGNATURE_XPATH,
    f"{{{ASSERTION}}}Assertion": OneLogin_Saml2_Utils.ASSERTION_SIGNATURE_XPATH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An answer whose one assertion is signed by the provider."""

    assertion: Any
    response: OneLogin_Saml2_Response


def verified(xml: bytes, *, us: Parties, certificates: str) -> Verified:
    """Return the answer in ``xml``, its assertion signed by one of ``certificates``.

    :raises Failed: if there is not exactly one, in its place, signed as it must be.
    """
    keys = [each.pem for each in pem.read(certificates)]
    settings = OneLogin_Saml2_Settings(_settings(us, keys), sp_validation_only=True)
    try:
        response = OneLogin_Saml2_Response(settings, base64.b64encode(xml))
    except (XMLSyntaxError, ValueError) as error:
        raise Failed(Step.ANSWER, "malformed", _("The answer is no XML.")) from error
    except OneLogin_Saml2_Error as error:
        raise Failed(Step.ANSWER, "encrypted", _("The assertion is encrypted.")) from error
    assertion = _only_assertion(response.document)
    for holder in _signed(response.document, assertion):
        _check_by(keys, response.document, SIGNATURE_OF[holder.tag])
    return Verified(assertion=assertion, response=response)


def agree(answer: Verified, us: Parties) -> None:
    """Let the toolkit look at all of it as well: schema, times, receiver, signatures.

    :raises Failed: for what it does not like, and for an address that only begins like ours.
    """
    if answer.response.document.get("Destination", us.callback) != us.callback:
        raise Failed(
            Step.CLAIMS,
            "destination",
            _("The answer was not sent to %(callback)s.") % {"callback": us.callback},
        )
    # Asked for a yes or no: of its errors, some are plain exceptions.
    if not answer.response.is_valid(_request_data(us)):
        raise Failed(Step.ANSWER, "invalid", str(answer.response.get_error())[:300])


def _settings(us: Parties, keys: list[str]) -> dict[str, Any]:
    return {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": us.entity_id,
            "assertionConsumerService": {"url": us.callback, "binding": POST_BINDING},
        },
        "idp": {
            "entityId": us.issuer,
            "x509certMulti": {"signing": keys},
        },
        "security": {
            "wantAssertionsSigned": True,
            "wantAttributeStatement": False,
            "wantNameId": False,
            "rejectDeprecatedAlgorithm": True,
            "allowSingleLabelDomains": True,
        },
    }


def _only_assertion(root: Any) -> Any:
    """Return the one assertion there is, a child of the response that it came in."""
    if root.tag != f"{{{PROTOCOL}}}Response":
        raise Failed(Step.ANSWER, "malformed", _("The answer is no SAML response."))
    status = root.find("samlp:Status/samlp:StatusCode", PREFIXES)
    if status is None or status.get("Value") != SUCCESS:
        said = "" if status is None else _status(status)
        raise Failed(Step.ANSWER, "error", _("The provider said %(said)s.") % {"said": repr(said)})
    if any(_local(each) == "EncryptedAssertion" for each in root.iter()):
        raise Failed(Step.ANSWER, "encrypted", _("The assertion is encrypted."))
    found = [each for each in root.iter() if _local(each) == "Assertion"]
    if len(found) != 1 or found[0].getparent() is not root:
        raise Failed(Step.SIGNATURE, "wrapped", _("The answer holds not exactly one assertion."))
    if found[0].tag != f"{{{ASSERTION}}}Assertion":
        raise Failed(Step.SIGNATURE, "wrapped", _("The assertion is none of SAML 2.0."))
    return found[0]


def _status(status: Any) -> str:
    """Return the last part of the innermost code, which says most."""
    codes = [each.get("Value", "") for each in status.iter() if _local(each) == "StatusCode"]
    return str(codes[-1]).rpartition(":")[2][:100]


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _signed(root: Any, assertion: Any) -> list[Any]:
    """Return what is signed: the assertion, perhaps the response; each holds its signature."""
    ids = Counter(value for each in root.iter() for value in map(each.get, ID_NAMES) if value)
    if any(count > 1 for count in ids.values()):
        raise Failed(Step.SIGNATURE, "wrapped", _("Two elements have one ID."))
    found = [each for each in root.iter() if _local(each) == "Signature"]
    holders = [each.getparent() for each in found]
    if not any(each is assertion for each in holders):
        raise Failed(Step.SIGNATURE, "unsigned", _("The assertion is not signed."))
    if len(set(holders)) != len(holders) or not {*holders} <= {root, assertion}:
        raise Failed(Step.SIGNATURE, "wrapped", _("A signature stands where it has no place."))
    for signature, holder in zip(found, holders, strict=True):
        _check_signature(signature, holder)
    return holders


def _check_signature(signature: Any, holder: Any) -> None:
    references = signature.findall("ds:SignedInfo/ds:Reference", PREFIXES)
    is_ours = len(references) == 1 and references[0].get("URI") == f"#{holder.get('ID')}"
    if not is_ours or signature.find("ds:Object", PREFIXES) is not None:
        raise Failed(Step.SIGNATURE, "wrapped", _("A signature covers not what it stands in."))
    for path, allowed in (
        ("ds:SignedInfo/ds:SignatureMethod", SIGNATURE_METHODS),
        ("ds:SignedInfo/ds:Reference/ds:DigestMethod", DIGEST_METHODS),
        ("ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform", TRANSFORMS),
    ):
        used = {each.get("Algorithm") for each in signature.findall(path, PREFIXES)}
        if not used or not used <= allowed:
            names = ", ".join(sorted(map(str, used)))[:200]
            raise Failed(
                Step.SIGNATURE,
                "algorithm",
                _("The signature uses %(algorithms)s.") % {"algorithms": names or "-"},
            )


def _check_by(keys: list[str], root: Any, path: str) -> None:
    try:
        OneLogin_Saml2_Utils.validate_sign(root, xpath=path, multicerts=keys, raise_exceptions=True)
    except OneLogin_Saml2_ValidationError as error:
        text = _("The signature is none of the provider's, or what it covers was changed.")
        raise Failed(Step.SIGNATURE, "untrusted", text) from error


def _request_data(us: Parties) -> dict[str, str]:
    """Return our callback as the toolkit wants it; the request itself is not asked."""
    at = urlsplit(us.callback)
    return {
        "https": "on" if at.scheme == "https" else "off",
        "http_host": at.netloc,
        "script_name": at.path,
    }
