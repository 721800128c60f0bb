"""Answers that must let nobody in: wrapped, tampered with, replayed, unsigned, for others, late.

Each case differs from the honest answer, which comes in, by what its name says.
"""

import base64
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from lxml import etree

from accounts.models import Identity, Protocol, Provider, User
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.sso.saml.forging import (
    AUDIENCE,
    DATA,
    WRAPPINGS,
    Element,
    Forgery,
    Signing,
    Transform,
    about,
    all_of,
    assertion_of,
    instant,
    is_still_good,
    on_response,
    place,
    sign,
    with_text,
    with_value,
    without,
)
from tests.sso.saml.idp import ADDRESS, TRANSIENT, IdP, Person
from tests.sso.saml.keys import keys
from tests.sso.saml.way import Way, is_in, post, refusals

pytestmark = [pytest.mark.django_db, pytest.mark.idp, pytest.mark.xdist_group("saml")]

MALLORY = Person(subject="mallory", email="mallory@northwind.example", name="Mallory")
OLIVIA = Person(subject="olivia", email="olivia@northwind.example", name="Olivia")
CALLBACK = "http://testserver/sso/northwind/callback/"


@pytest.fixture
def provider(idp: IdP) -> Provider:
    return made("northwind", idp)


def made(slug: str, idp: IdP) -> Provider:
    """Give an account a provider that knows its owner and Mallory, a member."""
    now, domain = timezone.now(), f"{slug}.example"
    owner, mallory = make_user(f"olivia@{domain}"), make_user(f"mallory@{domain}")
    account = make_account(slug, owner=owner, members=(mallory,), email_domains=[domain])
    provider = make_provider(
        account,
        now=now,
        slug=slug,
        protocol=Protocol.SAML,
        issuer=idp.entity_id,
        sso_url=idp.sso_url,
        certificates=idp.keys.certificate,
    )
    for user, person in ((owner, OLIVIA), (mallory, MALLORY)):
        identity = make_identity(provider, user, now=now)
        Identity.objects.filter(pk=identity.pk).update(subject=person.subject)
    return provider


def check_refused(client: Client, response: Any, code: str) -> None:
    """One clear page, one row that says why, and nobody signed in."""
    assert response.status_code == 403
    assert "<h1>Not signed in</h1>" in response.content.decode()
    assert refusals() == [code]
    assert not is_in(client)


def test_the_honest_answer_that_all_others_differ_from_comes_in(
    client: Client, idp: IdP, provider: Provider
) -> None:
    way = Way(client, provider, idp)
    assert way.come_back(way.answer(MALLORY)).status_code == 302
    assert is_in(client)
    assert refusals() == []


# Of these, what looks for the signed element by its ID finds the signature right.
FOOLS_A_SEARCH = {"wrapped_2", "wrapped_3", "wrapped_4", "wrapped_5"}


@pytest.mark.proves("S51")
@pytest.mark.parametrize("wrapping", WRAPPINGS, ids=lambda each: each.__name__)
def test_a_signature_lets_in_nobody_that_it_does_not_cover(
    client: Client, idp: IdP, provider: Provider, wrapping: Callable[..., None]
) -> None:
    of_response = wrapping in WRAPPINGS[:2]
    way = Way(client, provider, idp)
    root = etree.fromstring(way.idp.answer(way.url, MALLORY, signs=False).encode())
    sign(root, idp.keys, Signing(assertion=not of_response, response=of_response))
    wrapping(root, about(OLIVIA.subject, OLIVIA.email))
    assert is_still_good(root, idp.keys) is (wrapping.__name__ in FOOLS_A_SEARCH)
    check_refused(client, way.come_back(etree.tostring(root)), "signature_wrapped")


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
    "with a comment in its name": Forgery(
        before=with_text("Subject/NameID", "olivia.evil"),
        written=bent("olivia.evil", "olivia<!---->.evil"),
        code="answer_markup",
    ),
    "with a comment in its address": Forgery(
        written=bent("mallory@northwind.example", "mallory@northwind.example<!-- -->"),
        code="answer_markup",
    ),
    "with an instruction in its name": Forgery(
        before=with_text("Subject/NameID", "olivia.evil"),
        written=bent("olivia.evil", "olivia<?x?>.evil"),
        code="answer_markup",
    ),
    "with unparsed text in its name": Forgery(
        written=bent(">mallory<", "><![CDATA[olivia]]><"), code="answer_markup"
    ),
    "no response": Forgery(
        written=bent("samlp:Response", "samlp:LogoutResponse"), code="answer_malformed"
    ),
    "cut off": Forgery(written=lambda xml: xml[:-20], code="answer_malformed"),
}


@pytest.mark.proves("S51")
@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_nobody_comes_in_by_an_answer(
    client: Client, idp: IdP, provider: Provider, forgery: Forgery
) -> None:
    way = Way(client, provider, idp)
    check_refused(client, way.come_back(way.answer(MALLORY, forgery)), forgery.code)


@pytest.mark.proves("S51")
def test_nobody_comes_in_by_another_key_though_the_certificate_is_sent_along(
    client: Client, idp: IdP, provider: Provider
) -> None:
    way = Way(client, provider, idp)
    xml = Forgery(code="").made(idp.answer(way.url, OLIVIA, signs=False), keys("mallory's own"))
    assert keys("mallory's own").certificate.split("\n")[1] in xml
    check_refused(client, way.come_back(xml), "signature_untrusted")


@pytest.mark.proves("S51")
def test_an_answer_is_good_once(client: Client, idp: IdP, provider: Provider) -> None:
    way = Way(client, provider, idp)
    xml = way.answer(MALLORY)
    assert way.come_back(xml).status_code == 302
    client.post("/logout/")
    check_refused(client, way.come_back(xml), "state_used")


@pytest.mark.proves("S51")
def test_an_assertion_is_good_once_whatever_it_answers(
    client: Client, idp: IdP, provider: Provider
) -> None:
    same = Forgery(before=with_value(".", "ID", "id-same"), code="answer_replayed")
    for _ in range(2):
        client.post("/logout/")
        way = Way(client, provider, idp)
        response = way.come_back(way.answer(MALLORY, same))
    check_refused(client, response, same.code)


@pytest.mark.proves("S51")
def test_an_answer_opens_no_other_browser(idp: IdP, provider: Provider) -> None:
    mallory, victim = Client(), Client()
    way = Way(mallory, provider, idp)
    Way(victim, provider, idp)
    response = post(victim, provider, way.answer(MALLORY))
    check_refused(victim, response, "state_of_other_browser")


@pytest.mark.proves("S51", "S55")
@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x"]
)
def test_an_answer_that_would_lead_elsewhere_leads_nowhere(
    client: Client, idp: IdP, provider: Provider, to: str
) -> None:
    way = Way(client, provider, idp)
    response = way.come_back(way.answer(MALLORY), RelayState=to)
    check_refused(client, response, "answer_relay_state")


@pytest.mark.proves("S51", "S55")
def test_the_way_on_is_what_was_asked_for_and_not_what_comes_back(
    client: Client, idp: IdP, provider: Provider
) -> None:
    way = Way(client, provider, idp, to="/settings/")
    response = way.come_back(way.answer(MALLORY), RelayState="/settings/delete/")
    assert response["Location"] == "/settings/"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Wait for a request that nobody may send."""
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen()
        waiting.setblocking(False)
        yield waiting


BOMB = (
    '<!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)
DOCTYPES = {
    "a bomb of entities": (BOMB, "&i;", "utf-8"),
    "a bomb in two bytes a letter": (BOMB, "&i;", "utf-16"),
    "a bomb in two bytes without a mark": (BOMB, "&i;", "utf-16-le"),
    "a bomb in seven bits": (BOMB, "&i;", "utf-7"),
    "an entity of a file": (
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;", "utf-8",
    ),
    "an entity from elsewhere": ('<!DOCTYPE r [<!ENTITY x SYSTEM "{url}">]>', "&x;", "utf-8"),
    "a parameter from elsewhere": (
        '<!DOCTYPE r [<!ENTITY % x SYSTEM "{url}"> %x;]>', "mallory", "utf-8",
    ),
    "a definition from elsewhere": ('<!DOCTYPE r SYSTEM "{url}">', "mallory", "utf-8"),
}  # fmt: skip


@pytest.mark.proves("S51")
@pytest.mark.parametrize(("doctype", "name", "encoding"), DOCTYPES.values(), ids=DOCTYPES)
def test_no_document_type_is_looked_at_however_it_is_written(
    client: Client,
    idp: IdP,
    provider: Provider,
    listener: socket.socket,
    doctype: str,
    name: str,
    encoding: str,
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    way = Way(client, provider, idp)
    xml = way.answer(MALLORY).replace(">mallory<", f">{name}<")
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    response = way.come_back((declared + doctype.replace("{url}", url) + xml).encode(encoding))
    is_utf_8 = encoding != "utf-16"  # its first bytes are none
    check_refused(client, response, "answer_markup" if is_utf_8 else "answer_malformed")
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.proves("S51")
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "answer_size"),
        ("A" * 200_001, "answer_size"),
        ("no base64", "answer_malformed"),
        (base64.b64encode(b"no XML").decode(), "answer_malformed"),
    ],
    ids=["nothing", "too much", "no base64", "no XML"],
)
def test_what_is_no_answer_is_refused(
    client: Client, idp: IdP, provider: Provider, given: str, code: str
) -> None:
    way = Way(client, provider, idp)
    response = client.post(f"/sso/{way.provider.slug}/callback/", {"SAMLResponse": given})
    check_refused(client, response, code)


@pytest.mark.proves("S49", "S51")
@pytest.mark.parametrize("has_same_keys", [False, True])
def test_two_providers_crossing_let_nobody_into_the_other_account(
    client: Client, started: dict[str, IdP], provider: Provider, has_same_keys: bool
) -> None:
    """Even one provider that serves both accounts, by one name and one key."""
    ours, theirs = started["northwind"], started["umbrella"]
    other = made("umbrella", ours if has_same_keys else theirs)
    at_other = Way(client, other, ours if has_same_keys else theirs)
    turned = Forgery(after=on_response("Destination", CALLBACK), code="")
    answer = at_other.answer(OLIVIA, turned)
    response = post(client, provider, answer)
    check_refused(client, response, "claims_audience" if has_same_keys else "signature_untrusted")
    at_ours = Way(client, provider, ours)
    post(client, other, at_ours.answer(OLIVIA))
    assert not is_in(client)
    assert len(refusals()) == 2


@pytest.mark.proves("S49", "S51")
def test_a_provider_speaks_for_nobody_outside_of_its_accounts_domains(
    client: Client, started: dict[str, IdP], provider: Provider
) -> None:
    made("umbrella", started["umbrella"])
    way = Way(client, provider, started["northwind"])
    response = way.come_back(
        way.answer(Person(subject="new", email="olivia@umbrella.example", name="Olivia"))
    )
    check_refused(client, response, "email_unverified")
    assert User.objects.count() == 4
