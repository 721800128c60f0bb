"""Answers of a hostile provider, and honest ones that were tampered with on their way.

``Forgery`` tells one: what happens to an answer before the provider signs it, how it is signed,
and what happens to it afterwards. The eight wrappings are those that SAML Raider knows.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from lxml import etree

from tests.sso.saml.keys import Keys

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
Element = Any
xmlsec: Any = import_module("xmlsec")  # its stubs lack most of what it has
Transform: Any = xmlsec.Transform
Change = Callable[[Element], None]


def unchanged(root: Element) -> None:
    """Leave the answer as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How an answer is signed; the defaults are right."""

    method: Any = Transform.RSA_SHA256
    digest: Any = Transform.SHA256
    more_transforms: tuple[Any, ...] = ()
    assertion: bool = True
    response: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    before: Change = unchanged
    signing: Signing = field(default_factory=Signing)
    after: Change = unchanged
    written: Callable[[str], str] = str
    code: str

    def made(self, xml: str, keys: Keys) -> str:
        root = etree.fromstring(xml.encode())
        self.before(root)
        sign(root, keys, self.signing)
        self.after(root)
        return self.written(etree.tostring(root).decode())


def sign(root: Element, keys: Keys, signing: Signing) -> None:
    """Sign in place, the assertion first: the response's signature covers that one's."""
    if signing.assertion:
        _sign(assertion_of(root), keys, signing)
    if signing.response:
        _sign(root, keys, signing)


def _sign(element: Element, keys: Keys, signing: Signing) -> None:
    signature = xmlsec.template.create(element, Transform.EXCL_C14N, signing.method, ns="ds")
    element.insert(1, signature)  # behind the issuer
    reference = xmlsec.template.add_reference(
        signature, signing.digest, uri=f"#{element.get('ID')}"
    )
    xmlsec.template.add_transform(reference, Transform.ENVELOPED)
    for transform in (*signing.more_transforms, Transform.EXCL_C14N):
        xmlsec.template.add_transform(reference, transform)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(keys.key, xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(keys.certificate, xmlsec.KeyFormat.PEM)
    context.sign(signature)


def is_still_good(root: Element, keys: Keys) -> bool:
    """Whether a verifier that looks for what is signed by its ID finds the signature right."""
    anew = etree.fromstring(etree.tostring(root))
    xmlsec.tree.add_ids(anew, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(keys.certificate, xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(next(anew.iter(f"{DS}Signature")))
    except xmlsec.Error:
        return False
    return True


def assertion_of(root: Element) -> Element:
    return root.find(f"{SAML}Assertion")


def place(path: str) -> Callable[[Element], Element]:
    """Return how to find the element at ``path`` of the assertion; "." is the assertion."""
    steps = "/".join(f"{SAML}{step}" for step in path.split("/") if step != ".")
    return lambda root: assertion_of(root).find(steps) if steps else assertion_of(root)


AUDIENCE = "Conditions/AudienceRestriction/Audience"
DATA = "Subject/SubjectConfirmation/SubjectConfirmationData"


def with_text(path: str, text: str) -> Change:
    def change(root: Element) -> None:
        place(path)(root).text = text

    return change


def with_value(path: str, name: str, value: str | Callable[[], str]) -> Change:
    def change(root: Element) -> None:
        place(path)(root).set(name, value() if callable(value) else value)

    return change


def without(path: str, name: str = "") -> Change:
    """Take away the attribute ``name``, or the element itself."""

    def change(root: Element) -> None:
        element = place(path)(root)
        if name:
            del element.attrib[name]
        else:
            element.getparent().remove(element)

    return change


def on_response(name: str, value: str) -> Change:
    return lambda root: root.set(name, value)


def all_of(*changes: Change) -> Change:
    def change(root: Element) -> None:
        for each in changes:
            each(root)

    return change


def instant(**since: float) -> Callable[[], str]:
    """Return what writes the time ``since`` from then on, as SAML does."""
    return lambda: (datetime.now(UTC) + timedelta(**since)).strftime("%Y-%m-%dT%H:%M:%SZ")


def about(subject: str, email: str) -> Callable[[Element], Element]:
    """Return how a copy of an assertion is made that is about somebody else, and unsigned."""

    def made(assertion: Element) -> Element:
        evil = copy.deepcopy(assertion)
        evil.set("ID", "id-evil")
        evil.find(f"{SAML}Subject/{SAML}NameID").text = subject
        for value in evil.iter(f"{SAML}AttributeValue"):
            if "@" in (value.text or ""):
                value.text = email
        return unsigned(evil)

    return made


def unsigned(element: Element) -> Element:
    for signature in element.findall(f"{DS}Signature"):
        element.remove(signature)
    return element


Evil = Callable[[Element], Element]


def wrapped_1(root: Element, evil: Evil) -> None:
    """The signed response inside the signature of an evil one."""
    original = unsigned(copy.deepcopy(root))
    signature = root.find(f"{DS}Signature")
    root.set("ID", "id-evil-response")
    root.replace(assertion_of(root), evil(assertion_of(root)))
    signature.append(original)


def wrapped_2(root: Element, evil: Evil) -> None:
    """The signed response beside the signature of an evil one."""
    original = unsigned(copy.deepcopy(root))
    signature = root.find(f"{DS}Signature")
    root.set("ID", "id-evil-response")
    root.replace(assertion_of(root), evil(assertion_of(root)))
    signature.addprevious(original)


def wrapped_3(root: Element, evil: Evil) -> None:
    """An evil assertion before the signed one."""
    assertion_of(root).addprevious(evil(assertion_of(root)))


def wrapped_4(root: Element, evil: Evil) -> None:
    """The signed assertion inside an evil one."""
    original = assertion_of(root)
    around = evil(original)
    root.replace(original, around)
    around.append(original)


def wrapped_5(root: Element, evil: Evil) -> None:
    """An evil assertion with the signature, the original without it at the end."""
    original = assertion_of(root)
    signed = evil(original)
    signed.insert(1, copy.deepcopy(original.find(f"{DS}Signature")))
    root.replace(original, signed)
    root.append(unsigned(original))


def wrapped_6(root: Element, evil: Evil) -> None:
    """An evil assertion with the signature, the original inside that."""
    original = assertion_of(root)
    signature = copy.deepcopy(original.find(f"{DS}Signature"))
    signed = evil(original)
    signed.insert(1, signature)
    root.replace(original, signed)
    signature.append(unsigned(original))


def wrapped_7(root: Element, evil: Evil) -> None:
    """An evil assertion among the response's extensions, with the ID of the signed one."""
    original = assertion_of(root)
    extensions = etree.Element(f"{SAMLP}Extensions")
    inside = evil(original)
    inside.set("ID", original.get("ID"))
    extensions.append(inside)
    root.insert(1, extensions)


def wrapped_8(root: Element, evil: Evil) -> None:
    """An evil assertion with the signature, the original in an object of that."""
    original = assertion_of(root)
    signature = copy.deepcopy(original.find(f"{DS}Signature"))
    signed = evil(original)
    signed.insert(1, signature)
    root.replace(original, signed)
    etree.SubElement(signature, f"{DS}Object").append(unsigned(original))


WRAPPINGS = (
    wrapped_1, wrapped_2, wrapped_3, wrapped_4, wrapped_5, wrapped_6, wrapped_7, wrapped_8,
)  # fmt: skip
