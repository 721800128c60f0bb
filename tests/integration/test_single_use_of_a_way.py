"""Answers of a provider that come in parallel, on PostgreSQL: each way ends once."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import oidc_metadata, providers
from accounts.models import Identity, Membership, User
from tests.factories import make_account, make_provider, make_user
from tests.integration.threads import at_once, raised
from tests.services.idp import CLIENT_SECRET, Idp, running_idp
from tests.sso.kit import House, is_signed_in, refusals

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """An account whose provider lets new people in."""
    settings.SSO_ALLOW_PRIVATE = True
    oidc_metadata.forget()
    with running_idp() as idp:
        account = make_account("northwind", email_domains=["northwind.example"])
        provider = make_provider(
            account, now=timezone.now(), issuer=idp.issuer, slug="northwind", allow_creation=True
        )
        provider.seal_client_secret(CLIENT_SECRET)
        provider.save()
        idp.person = person(idp)
        yield House(account=account, provider=provider, idp=idp)


def person(idp: Idp) -> dict[str, Any]:
    return {"sub": "ada", "email": "ada@northwind.example", "email_verified": True}


def statuses(answers: list[Any]) -> list[int]:
    assert not raised(answers)
    return sorted(answer.status_code for answer in answers)


@pytest.mark.proves("S50")
def test_a_new_person_who_comes_by_two_ways_at_once_is_one_person(house: House) -> None:
    """Six browsers of Ada's, none of which knew her when it left: all are in, as one."""
    browsers = [Client() for _ in range(6)]
    backs = [house.idp.authorize(house.leave(browser)) for browser in browsers]
    calls = [partial(browser.get, back) for browser, back in zip(browsers, backs, strict=True)]
    assert statuses(at_once(calls)) == [302] * 6
    assert Identity.objects.count() == User.objects.filter(email=person(house.idp)["email"]).count()
    assert Membership.objects.filter(user__email="ada@northwind.example").count() == 1
    assert Identity.objects.count() == 1


@pytest.mark.proves("S38")
@pytest.mark.parametrize("end", [providers.switch_off, providers.cut_off])
def test_of_those_who_come_back_while_the_provider_ends_each_is_in_or_refused(
    house: House, end: Any
) -> None:
    browsers = [Client(headers={"accept": "text/html"}) for _ in range(8)]
    backs = []
    for number, browser in enumerate(browsers):
        sub = f"person{number}"
        house.idp.person = {**person(house.idp), "sub": sub, "email": f"{sub}@northwind.example"}
        backs.append(house.idp.authorize(house.leave(browser)))
    support, now = make_user(is_staff=True), timezone.now()
    ending = partial(end, provider=house.provider, actor=support, reason="asked", now=now)
    answers = at_once([
        ending, *(partial(browser.get, back) for browser, back in zip(browsers, backs, strict=True))
    ])  # fmt: skip
    assert set(statuses(answers[1:])) <= {302, 403}
    assert set(refusals()) <= {"provider_off"}
    assert len(refusals()) == statuses(answers[1:]).count(403)
    came = [browser for browser in browsers if "_auth_user_id" in browser.session]
    assert {is_signed_in(browser) for browser in came} <= {end is providers.switch_off}
    assert not is_signed_in(Client())
    assert Client().get(backs[0]).status_code == 403
