"""Signed answers of SAML, tampered with at random: each is refused, or read as it was signed."""

import copy
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from lxml import etree

from accounts import saml
from accounts.models import Account, Protocol, Provider
from accounts.sso_steps import Failed
from tests.sso.saml import plain
from tests.sso.saml.forging import WRAPPINGS, Element, about
from tests.sso.saml.keys import keys

MALLORY, OLIVIA = "mallory@northwind.example", "olivia@northwind.example"
FRESH = 100  # answers made of one that was signed: it is good for five minutes
UNHARMED = "read as it was signed"

Pick = random.Random


class ReadOtherwise(AssertionError):
    """A tampered answer was read as something that nobody signed."""


def tampered(count: int) -> str:
    """Tamper ``count`` times with a signed answer, by one to three changes each.

    :raises ReadOtherwise: if any is read as something else than what was signed.
    """
    provider, pick = _provider(), random.Random(count)
    met = Counter[str]()
    for number in range(count):
        if number % FRESH == 0:
            signed = _signed(provider)
            honest = _read(provider, signed)
        changed = _changed(signed, pick)
        try:
            found = _read(provider, changed)
        except Failed as error:
            met[f"{error.step}_{error.reason}"] += 1
            continue
        if found != honest:
            raise ReadOtherwise(changed)
        met[UNHARMED] += 1
    told = ", ".join(f"{what}: {times:,}" for what, times in met.most_common(6))
    return f"{count:,} answers tampered with: nobody else was read in any ({told})"


def _provider() -> Provider:
    return Provider(
        account=Account(email_domains=["northwind.example"]),
        slug="northwind",
        protocol=Protocol.SAML,
        issuer="https://idp.example/metadata",
        sso_url="https://idp.example/sso",
        certificates=keys("bench").certificate,
    )


def _signed(provider: Provider) -> str:
    url = saml.request_url(provider, "s" * 43, proves=False, now=datetime.now(UTC))
    given = plain.answer(url, keys("bench"), issuer=provider.issuer, subject="4711", email=MALLORY)
    return plain.decoded(given)


def _read(provider: Provider, answer: str) -> saml.Answer:
    return saml.read(provider, plain.encoded(answer), now=datetime.now(UTC))


def _changed(answer: str, pick: Pick) -> str:
    """Return ``answer`` with one to three changes to its tree, and perhaps one to its text."""
    root = etree.fromstring(answer)
    for _ in range(pick.randint(1, 3)):
        pick.choice(CHANGES)(root, pick)
    text = etree.tostring(root, encoding="unicode")
    return pick.choice(SPELLINGS)(text, pick) if pick.random() < 0.3 else text


def _any(root: Element, pick: Pick) -> Element:
    return pick.choice(list(root.iter("{*}*")))


def _other(root: Element, pick: Pick) -> Element:
    """Return any element but the root, or that where it is alone."""
    return pick.choice(list(root.iter("{*}*"))[1:] or [root])


def _put(root: Element, element: Element, pick: Pick) -> None:
    """Put ``element`` anywhere but into itself."""
    inside = set(element.iter())
    into = pick.choice([each for each in root.iter("{*}*") if each not in inside] or [root])
    into.insert(pick.randint(0, len(into)), element)


def moved(root: Element, pick: Pick) -> None:
    element = _other(root, pick)
    if element is not root:
        _put(root, element, pick)


def doubled(root: Element, pick: Pick) -> None:
    _put(root, copy.deepcopy(_other(root, pick)), pick)


def dropped(root: Element, pick: Pick) -> None:
    element = _other(root, pick)
    if element is not root:
        element.getparent().remove(element)


def renamed(root: Element, pick: Pick) -> None:
    _any(root, pick).tag = _any(root, pick).tag


def reworded(root: Element, pick: Pick) -> None:
    _any(root, pick).text = pick.choice([OLIVIA, "olivia", "", _any(root, pick).text])


def revalued(root: Element, pick: Pick) -> None:
    element, other = _any(root, pick), _any(root, pick)
    if element.attrib:
        name = pick.choice(sorted(element.attrib))
        element.set(name, pick.choice([*other.attrib.values(), "", "id-evil"]))


def unnamed(root: Element, pick: Pick) -> None:
    element = _any(root, pick)
    if element.attrib:
        del element.attrib[pick.choice(sorted(element.attrib))]


def wrapped(root: Element, pick: Pick) -> None:
    """One of the known wrappings of a signed assertion, where there still is one."""
    try:
        pick.choice(WRAPPINGS[2:])(root, about("olivia", OLIVIA))
    except (AttributeError, TypeError):
        reworded(root, pick)


CHANGES: tuple[Callable[[Element, Pick], None], ...] = (
    moved, doubled, dropped, renamed, reworded, revalued, unnamed, wrapped,
)  # fmt: skip


def spelt_with(piece: str) -> Callable[[str, Pick], str]:
    def spelt(text: str, pick: Pick) -> str:
        at = pick.randint(0, len(text))
        return text[:at] + piece + text[at:]

    return spelt


def cut(text: str, pick: Pick) -> str:
    begin = pick.randint(0, len(text))
    return text[:begin] + text[begin + pick.randint(1, 40) :]


SPELLINGS = (
    spelt_with("<!-- -->"), spelt_with("<?x?>"), spelt_with("&lt;"), spelt_with("&#0;"),
    spelt_with("\u200b"), spelt_with(" "), cut,
)  # fmt: skip
