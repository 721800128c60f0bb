"""The certified provider, as it is: sign-in, creation, invitation, sign-out, and bad days."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from django.utils import timezone

from accounts import invitations, oidc_metadata, outgoing
from accounts.models import Account, Identity, Membership, Provider, Role, User
from enforcement import policies
from tests.enforcement.kit import PAGE
from tests.factories import make_account, make_provider
from tests.services.oidc_provider import SECRET, OidcProvider, running_oidc_provider
from tests.sso.kit import is_signed_in, refusals, signed_in_as

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.idp,
    pytest.mark.xdist_group("oidc-provider"),
]
CALLBACK = "http://testserver/sso/northwind/callback/"


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    folder = tmp_path_factory.mktemp("oidc-provider")
    with running_oidc_provider(folder=folder, redirect_uris=[CALLBACK]) as started:
        yield started


@pytest.fixture
def account(idp: OidcProvider, private_allowed: None) -> Account:
    """An account that requires two-factor authentication, and lets its provider bring people."""
    found = make_account("northwind", email_domains=["northwind.example"])
    policies.switch_on(account=found, actor=None, now=timezone.now())
    provider = make_provider(
        found, now=timezone.now(), issuer=idp.issuer, slug="northwind", allow_creation=True
    )
    provider.seal_client_secret(SECRET)
    provider.save()
    return found


def leave(client: Client) -> str:
    answer: Any = client.get("/sso/northwind/", headers=PAGE)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def come_back(client: Client, url: str) -> Any:
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    return client.get(f"{parts.path}?{parts.query}", headers=PAGE)


def sign_in(idp: OidcProvider, name: str = "ada") -> Client:
    client = Client()
    come_back(client, idp.sign_in(leave(client), name=name))
    return client


@pytest.mark.proves("S47", "S48")
def test_a_new_person_is_made_at_the_first_sign_in_and_known_at_the_second(
    idp: OidcProvider, account: Account
) -> None:
    """The account requires a second factor, which its provider looks after: no set-up follows."""
    for _ in range(2):
        client = sign_in(idp)
        assert signed_in_as(client) == "ada@northwind.example"
    assert Membership.objects.get(user__email="ada@northwind.example").account == account
    assert Identity.objects.get().subject == "ada"
    client.post("/logout/")
    assert not is_signed_in(client)
    assert refusals() == []


def test_whoever_holds_an_invitation_joins_as_invited(idp: OidcProvider, account: Account) -> None:
    Provider.objects.update(allow_creation=False)
    owner = Membership.objects.owners().get(account=account).user
    invitations.invite(
        account=account,
        email="grace@northwind.example",
        role=Role.ADMIN,
        actor=owner,
        now=timezone.now(),
    )
    assert signed_in_as(sign_in(idp, "grace")) == "grace@northwind.example"
    assert Membership.objects.get(user__email="grace@northwind.example").role == Role.ADMIN
    assert not is_signed_in(sign_in(idp, "linus"))
    assert refusals() == ["not_invited"]


def test_an_address_that_it_has_not_verified_lets_nobody_in(
    idp: OidcProvider, account: Account
) -> None:
    assert not is_signed_in(sign_in(idp, "unverified"))
    assert refusals() == ["email_unverified"]


def test_it_asks_its_person_anew_when_told_to(idp: OidcProvider, account: Account) -> None:
    client, browser = Client(), requests.Session()
    come_back(client, idp.sign_in(leave(client), browser=browser))
    guarded = "/settings/password/"
    assert client.get(guarded, headers=PAGE).status_code == 302
    answer: Any = client.get("/sso/northwind/prove/", {"next": guarded}, headers=PAGE)
    back = idp.sign_in(answer["Location"], browser=browser)
    assert come_back(client, back)["Location"] == guarded
    assert client.get(guarded, headers=PAGE).status_code == 200


def test_who_says_no_there_is_told_so_here(idp: OidcProvider, account: Account) -> None:
    client = Client()
    url = leave(client)
    asked = requests.get(f"{url}&prompt=none", allow_redirects=False, timeout=10)
    answer = come_back(client, asked.headers["Location"])
    assert answer.status_code == 403
    assert refusals() == ["answer_error"]


def test_new_keys_are_found_by_the_next_sign_in(
    idp: OidcProvider, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a restart in which it forgot everything is no trouble to who begins anew."""
    sign_in(idp)
    client = Client()
    half_way = idp.sign_in(leave(client))
    monkeypatch.setattr(oidc_metadata, "REFETCH_AFTER", timedelta())
    idp.rotate_keys()
    assert come_back(client, half_way).status_code == 403  # its code went with the restart
    assert refusals() == ["code_code"]
    assert signed_in_as(sign_in(idp)) == "ada@northwind.example"


def test_one_that_is_slow_or_down_is_told_and_comes_back(
    idp: OidcProvider, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, process = Client(), idp.process
    assert process is not None
    back = idp.sign_in(leave(client))
    monkeypatch.setattr(outgoing, "TIME_OUT", 0.4)
    process.popen.send_signal(signal.SIGSTOP)  # it takes connections, and says nothing
    slow = come_back(client, back)
    process.popen.send_signal(signal.SIGCONT)
    idp.stop()
    oidc_metadata.forget()
    down = client.get("/sso/northwind/", headers=PAGE)
    assert refusals() == ["code_time_out", "discovery_connection"]
    for page in (slow, down):
        assert page.status_code == 403
        assert "reached at the moment" in page.content.decode()
    monkeypatch.undo()
    idp.start()
    assert signed_in_as(sign_in(idp)) == "ada@northwind.example"
    assert User.objects.filter(email="ada@northwind.example").count() == 1
