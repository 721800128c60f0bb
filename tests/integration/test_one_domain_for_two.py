"""Two accounts are given one domain at the same instant: one gets it, the other reads why not."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from accounts.provider_entry import Details
from tests.accounts.entered import DETAILS, ORIGIN, REASON, SECRET
from tests.enforcement.desk import account_page, support_browser
from tests.enforcement.test_admin_providers import add_page, page_of
from tests.factories import make_account, make_provider
from tests.integration.threads import at_once, raised

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.proves("S49"),
]
WANTED, MANY = "wanted.example", 6
Press = Callable[[], Any]


def post(desk: Client, page: str, fields: dict[str, str]) -> Press:
    copy = Client()
    copy.cookies.update(desk.cookies)
    return partial(copy.post, page, fields)


def by_account_page(desk: Client, account: Account) -> Press:
    """The account has a provider, and its domains are entered on its own page."""
    make_provider(account, now=timezone.now())
    fields = {"name": account.name, "plan": account.plan, "email_domains": WANTED}
    return post(desk, account_page(account), fields)


def by_new_provider(desk: Client, account: Account) -> Press:
    fields = {
        "name": DETAILS.name,
        "client_id": DETAILS.client_id,
        "issuer": ORIGIN.issuer,
        "secret": SECRET,
        "email_domains": WANTED,
        "reason": REASON,
    }
    return post(desk, add_page(account), fields)


def by_change(desk: Client, account: Account) -> Press:
    provider = make_provider(account, now=timezone.now())
    given = Details(name=provider.name, client_id=provider.client_id, email_domains=[WANTED])
    fields = {
        "name": given.name,
        "client_id": given.client_id,
        "email_domains": WANTED,
        "reason": REASON,
    }
    return post(desk, page_of(provider, "edit"), fields)


DOORS = {
    "account page": [by_account_page] * MANY,
    "new provider": [by_new_provider] * MANY,
    "all doors": [by_account_page, by_new_provider, by_change] * (MANY // 3),
}


@pytest.mark.parametrize("doors", DOORS)
def test_of_accounts_that_claim_one_domain_at_once_exactly_one_has_it(doors: str) -> None:
    desk = support_browser()
    presses = [
        claim(desk, make_account(email_domains=[f"own{number}.example"]))
        for number, claim in enumerate(DOORS[doors])
    ]
    answers: list[Any] = at_once(presses)
    assert not raised(answers), answers
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [200] * (MANY - 1) + [302]
    refused = [answer.content.decode() for answer in answers if answer.status_code == 200]
    assert all(f"{WANTED} belongs to another account" in page for page in refused)
    holders = [found for found in Account.objects.all() if WANTED in found.email_domains]
    assert len(holders) == 1
