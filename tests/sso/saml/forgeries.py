"""Answers of which none may let anybody in, each with the reason that support reads."""

from collections.abc import Callable

from lxml import etree

from tests.sso.saml.forging import (
    AUDIENCE,
    DATA,
    Element,
    Forgery,
    Signing,
    Transform,
    all_of,
    assertion_of,
    instant,
    on_response,
    place,
    with_text,
    with_value,
    without,
)
from tests.sso.saml.idp import ADDRESS, TRANSIENT, Person

MALLORY = Person(subject="mallory", email="mallory@northwind.example", name="Mallory")
OLIVIA = Person(subject="olivia", email="olivia@northwind.example", name="Olivia")
CALLBACK = "http://testserver/sso/northwind/callback/"


def bent(old: str, new: str) -> Callable[[str], str]:
    """Return how to put ``new`` in the place of ``old`` in the text of an answer."""

    def written(xml: str) -> str:
        assert old in xml
        return xml.replace(old, new)

    return written


def twice(root: Element) -> None:
    second = etree.fromstring(etree.tostring(assertion_of(root)))
    second.set("ID", "id-second")
    root.append(second)


def moved_into_extensions(root: Element) -> None:
    around = etree.Element("{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
    around.append(assertion_of(root))
    root.insert(1, around)


def encrypted(root: Element) -> None:
    assertion_of(root).tag = "{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion"


def shared_key(root: Element) -> None:
    """The signature's method says that both sides share a key: the certificate is public."""
    method = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}SignatureMethod"))
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")


def with_stylesheet(root: Element) -> None:
    transform = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}Transform"))
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def two_addresses(root: Element) -> None:
    statement = place("AttributeStatement")(root)
    value = next(each for each in statement.iter("{*}AttributeValue") if "@" in str(each.text))
    second = etree.SubElement(value.getparent(), value.tag)
    second.text = "olivia@northwind.example"


def marked_up(root: Element) -> None:
    """What a reader of the first text alone takes for an address of the account."""
    statement = place("AttributeStatement")(root)
    value = next(each for each in statement.iter("{*}AttributeValue") if "@" in str(each.text))
    value.attrib.clear()  # its type is that of a text alone
    etree.SubElement(value, "b").tail = ".evil.example"


def not_let_in(root: Element) -> None:
    status = root.find("{*}Status/{*}StatusCode")
    status.set("Value", "urn:oasis:names:tc:SAML:2.0:status:Responder")
    inner = etree.SubElement(status, status.tag)
    inner.set("Value", "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed")


def with_name_cut_by(markup: str) -> Forgery:
    """A careless reader of it takes what stands before the cut for the whole name."""
    return Forgery(
        before=with_text("Subject/NameID", "olivia.evil"),
        written=bent("olivia.evil", f"olivia{markup}.evil"),
        code="answer_markup",
    )


FORGERIES = {
    "unsigned": Forgery(signing=Signing(assertion=False), code="signature_unsigned"),
    "signed around the assertion alone": Forgery(
        signing=Signing(assertion=False, response=True), code="signature_unsigned"
    ),
    "signed with SHA-1": Forgery(
        signing=Signing(method=Transform.RSA_SHA1), code="signature_algorithm"
    ),
    "digested with SHA-1": Forgery(
        signing=Signing(digest=Transform.SHA1), code="signature_algorithm"
    ),
    "signed with a shared key": Forgery(after=shared_key, code="signature_algorithm"),
    "transformed by a stylesheet": Forgery(after=with_stylesheet, code="signature_algorithm"),
    "about somebody else after signing": Forgery(
        after=with_text("Subject/NameID", OLIVIA.subject), code="signature_untrusted"
    ),
    "with another time after signing": Forgery(
        after=with_value(DATA, "NotOnOrAfter", instant(minutes=4)), code="signature_untrusted"
    ),
    "for another audience": Forgery(
        before=with_text(AUDIENCE, "http://testserver/sso/umbrella/metadata/"),
        code="claims_audience",
    ),
    "for an audience that begins like us": Forgery(
        before=with_text(AUDIENCE, "http://testserver/sso/northwind/metadata/.evil.example"),
        code="claims_audience",
    ),
    "for any audience": Forgery(
        before=without("Conditions/AudienceRestriction"), code="claims_audience"
    ),
    "for another recipient": Forgery(
        before=with_value(DATA, "Recipient", "http://testserver/sso/umbrella/callback/"),
        code="claims_recipient",
    ),
    "for a recipient that holds our address": Forgery(
        before=with_value(DATA, "Recipient", f"https://evil.example/?{CALLBACK}"),
        code="claims_recipient",
    ),
    "for any recipient": Forgery(before=without(DATA, "Recipient"), code="claims_recipient"),
    "sent to another address": Forgery(
        before=on_response("Destination", f"{CALLBACK}more"), code="claims_destination"
    ),
    "from another issuer": Forgery(
        before=with_text("Issuer", "https://umbrella.example/metadata"), code="claims_issuer"
    ),
    "in answer to another request": Forgery(
        before=all_of(
            with_value(DATA, "InResponseTo", "_other"), on_response("InResponseTo", "_other")
        ),
        code="state_unknown",
    ),
    "in answer to two requests": Forgery(
        before=on_response("InResponseTo", "_other"), code="answer_invalid"
    ),
    "in answer to no request": Forgery(before=without(DATA, "InResponseTo"), code="claims_unasked"),
    "in answer to a request that is none of ours": Forgery(
        before=all_of(
            with_value(DATA, "InResponseTo", "other"), on_response("InResponseTo", "other")
        ),
        code="claims_unasked",
    ),
    "expired": Forgery(
        before=with_value("Conditions", "NotOnOrAfter", instant(seconds=-1)),
        code="claims_expired",
    ),
    "expired for the bearer": Forgery(
        before=with_value(DATA, "NotOnOrAfter", instant(seconds=-1)), code="claims_expired"
    ),
    "made five minutes ago for an hour": Forgery(
        before=all_of(
            with_value(".", "IssueInstant", instant(minutes=-5)),
            with_value("Conditions", "NotOnOrAfter", instant(hours=1)),
            with_value(DATA, "NotOnOrAfter", instant(hours=1)),
        ),
        code="claims_expired",
    ),
    "without an end for the bearer": Forgery(
        before=without(DATA, "NotOnOrAfter"), code="claims_incomplete"
    ),
    "with an end that is no time": Forgery(
        before=with_value("Conditions", "NotOnOrAfter", "never"), code="claims_incomplete"
    ),
    "with an end by another clock": Forgery(
        before=with_value("Conditions", "NotOnOrAfter", "2099-01-01T00:00:00+01:00"),
        code="answer_invalid",
    ),
    "from two minutes on": Forgery(
        before=with_value("Conditions", "NotBefore", instant(minutes=2)), code="claims_too_early"
    ),
    "made in the future": Forgery(
        before=with_value(".", "IssueInstant", instant(minutes=2)), code="claims_too_early"
    ),
    "without conditions": Forgery(before=without("Conditions"), code="claims_incomplete"),
    "without a sign-in": Forgery(before=without("AuthnStatement"), code="answer_invalid"),
    "for whoever holds a key": Forgery(
        before=with_value(
            "Subject/SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
        ),
        code="claims_confirmation",
    ),
    "with two assertions": Forgery(after=twice, code="signature_wrapped"),
    "with its assertion elsewhere": Forgery(after=moved_into_extensions, code="signature_wrapped"),
    "encrypted": Forgery(
        before=encrypted, signing=Signing(assertion=False), code="answer_encrypted"
    ),
    "not let in": Forgery(before=not_let_in, code="answer_error"),
    "with two addresses": Forgery(before=two_addresses, code="claims_address"),
    "with markup in its address": Forgery(before=marked_up, code="claims_address"),
    "without an address": Forgery(before=without("AttributeStatement"), code="claims_address"),
    "about nobody": Forgery(before=with_text("Subject/NameID", " "), code="claims_subject"),
    "with a name that may pass on": Forgery(
        before=with_value("Subject/NameID", "Format", ADDRESS), code="claims_subject_format"
    ),
    "with a name for this time": Forgery(
        before=with_value("Subject/NameID", "Format", TRANSIENT), code="claims_subject_format"
    ),
    "with an address for a name": Forgery(
        before=with_text("Subject/NameID", "Mallory@northwind.example"),
        code="claims_subject_address",
    ),
    "with a comment in its name": with_name_cut_by("<!---->"),
    "with a comment in its address": Forgery(
        written=bent("mallory@northwind.example", "mallory@northwind.example<!-- -->"),
        code="answer_markup",
    ),
    "with an instruction in its name": with_name_cut_by("<?x?>"),
    "with unparsed text in its name": Forgery(
        written=bent(">mallory<", "><![CDATA[olivia]]><"), code="answer_markup"
    ),
    "no response": Forgery(
        written=bent("samlp:Response", "samlp:LogoutResponse"), code="answer_malformed"
    ),
    "cut off": Forgery(written=lambda xml: xml[:-20], code="answer_malformed"),
}
