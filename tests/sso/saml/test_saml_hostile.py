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
from tests.sso.saml.forgeries import (
    CALLBACK,
    FORGERIES,
    MALLORY,
    OLIVIA,
)
from tests.sso.saml.forging import (
    WRAPPINGS,
    Forgery,
    Signing,
    about,
    is_still_good,
    on_response,
    sign,
    with_value,
)
from tests.sso.saml.idp import IdP, Person
from tests.sso.saml.keys import keys
from tests.sso.saml.way import Way, is_in, post, refusals

pytestmark = [pytest.mark.django_db, pytest.mark.idp, pytest.mark.xdist_group("saml")]


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
