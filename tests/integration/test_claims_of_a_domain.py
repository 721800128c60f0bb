"""Two accounts that claim one domain at the same instant, on PostgreSQL: one of them gets it."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Provider
from tests.accounts.entered import ORIGIN, REASON, SECRET
from tests.enforcement.desk import account_page, support_browser
from tests.factories import make_account, make_provider
from tests.integration.threads import at_once, raised

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.proves("S49"),
]
ROUNDS = 5
_numbers = count(1)


@pytest.fixture
def desks() -> list[Client]:
    return [support_browser(f"support{number}@gatehouse.example") for number in range(2)]


def statuses(answers: Sequence[Any]) -> list[int]:
    assert not raised(answers)
    return sorted(answer.status_code for answer in answers)


def owners_of(domain: str) -> list[Account]:
    live = Provider.objects.live().select_related("account")
    return [each.account for each in live if domain in each.account.email_domains]


def test_of_two_providers_added_for_one_domain_one_is_added(desks: list[Client]) -> None:
    for _ in range(ROUNDS):
        domain = f"claimed{next(_numbers)}.example"
        given = {
            "name": "Login",
            "issuer": ORIGIN.issuer,
            "client_id": "gatehouse",
            "secret": SECRET,
            "email_domains": domain,
            "reason": REASON,
        }
        pages = [reverse("admin:accounts_account_provider", args=[make_account().pk]) for _ in "ab"]
        calls = [
            partial(desk.post, f"{page}?protocol=oidc", given)
            for desk, page in zip(desks, pages, strict=True)
        ]
        assert statuses(at_once(calls)) == [200, 302]
        assert len(owners_of(domain)) == 1


def test_of_two_accounts_that_change_to_one_domain_one_does(desks: list[Client]) -> None:
    """By the accounts' own pages, where another domain was claimed before."""
    for _ in range(ROUNDS):
        domain = f"claimed{next(_numbers)}.example"
        accounts = [make_account(email_domains=[f"own{next(_numbers)}.example"]) for _ in "ab"]
        for account in accounts:
            make_provider(account, now=timezone.now())
        calls = [
            partial(
                desk.post,
                account_page(account),
                {"name": account.name, "plan": account.plan, "email_domains": domain},
            )
            for desk, account in zip(desks, accounts, strict=True)
        ]
        assert statuses(at_once(calls)) == [200, 302]
        assert len(owners_of(domain)) == 1
