"""One answer of an identity provider, sent by many browsers at once: one comes in.

All of them hold the same browser's cookies, as somebody would who copied them with the answer.
"""

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from django.test import Client, override_settings
from django.utils import timezone

from accounts import oidc_metadata
from accounts.audit import Event
from accounts.models import (
    AddressFailure,
    Identity,
    Protocol,
    Provider,
    SeenAssertion,
    SSOAttempt,
    User,
)
from bench.proof.fleet import PROCESSES, Answer, Fleet, Post, cookies_of, running_fleet
from bench.proof.single_use import check, events, sessions_of
from tests.factories import make_account, make_provider
from tests.services.idp import CLIENT_SECRET, running_idp
from tests.sso.kit import House
from tests.sso.saml import plain
from tests.sso.saml.keys import keys

_numbers = count(1)


def by_openid_connect(fleet: Fleet, uses: int) -> None:
    oidc_metadata.forget()
    with override_settings(SSO_ALLOW_PRIVATE=True), running_idp() as idp:
        provider = _provider(issuer=idp.issuer)
        provider.seal_client_secret(CLIENT_SECRET)
        provider.save()
        email = f"ada@{provider.slug}.example"
        idp.person = {"sub": "ada", "email": email, "email_verified": True}
        house = House(account=provider.account, provider=provider, idp=idp)
        back = idp.authorize(house.leave())
        answers = fleet.post(_copies(house.client, uses, method="get", path=back))
        asked = idp.asked.count("/token")
    _check("OpenID Connect", answers, provider, email, codes=(asked, 1))


def by_saml(fleet: Fleet, uses: int) -> None:
    seen = SeenAssertion.objects.count()
    provider = _provider(
        protocol=Protocol.SAML,
        issuer="https://idp.example/metadata",
        sso_url="https://idp.example/sso",
        certificates=keys("races").certificate,
    )
    email, browser = f"ada@{provider.slug}.example", Client()
    left = browser.get(f"/sso/{provider.slug}/").headers["Location"]
    given = plain.answer(left, keys("races"), issuer=provider.issuer, subject="ada", email=email)
    posts = _copies(
        browser,
        uses,
        path=f"/sso/{provider.slug}/callback/",
        fields={"SAMLResponse": given},
    )
    answers = fleet.post(posts)
    _check("SAML", answers, provider, email, seen=(SeenAssertion.objects.count() - seen, 1))


def _provider(**fields: str) -> Provider:
    """One that lets new people into its account."""
    slug = f"office-{next(_numbers)}"
    account = make_account(slug, email_domains=[f"{slug}.example"])
    return make_provider(account, now=timezone.now(), slug=slug, allow_creation=True, **fields)


def _copies(
    browser: Client,
    number: int,
    *,
    path: str,
    method: str = "post",
    fields: dict[str, str] | None = None,
) -> list[Post]:
    cookies = cookies_of(browser)
    return [
        Post(
            path=path,
            method=method,
            fields=fields or {},
            cookies=cookies,
            address=f"198.51.100.{1 + turn % 20}",
        )
        for turn in range(number)
    ]


def _check(
    protocol: str,
    answers: list[Answer],
    provider: Provider,
    email: str,
    **found: tuple[object, object],
) -> None:
    person = User.objects.get(email=email)
    check(
        protocol,
        answers,
        let_in=(sum(answer.status == 302 for answer in answers), 1),
        led=([answer.location for answer in answers if answer.location], ["/"]),
        sessions=(sessions_of(person), 1),
        audited=(events(Event.SIGNED_IN, subject_id=person.pk), 1),
        known=(Identity.objects.filter(provider=provider).count(), 1),
        used=(SSOAttempt.objects.filter(provider=provider).exclude(used_at=None).count(), 1),
        **found,
    )


WAYS = (by_openid_connect, by_saml)


def run(fleet: Fleet, *, uses: int, rounds: int) -> None:
    """Send an answer of each protocol ``uses`` times at once, ``rounds`` times.

    :raises Lost: if more or fewer than one came in, or one was answered with an error.
    """
    for _ in range(rounds):
        for way in WAYS:
            way(fleet, uses)
            AddressFailure.objects.all().delete()


def run_all(*, uses: int, rounds: int) -> str:
    """The same on this process's database.

    :raises Lost: as above.
    """
    with (
        TemporaryDirectory(prefix="gh-ways-") as name,
        running_fleet(Path(name), threads=uses // PROCESSES) as fleet,
    ):
        run(fleet, uses=uses, rounds=rounds)
    return (
        f"{rounds} rounds of {uses} callbacks at once over {PROCESSES} processes, by OpenID "
        "Connect and by SAML: of each answer one came in, and no callback was answered with an "
        "error"
    )
