"""A provider that is required: the pages open to sessions that passed it, and to owners."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Membership, Provider, Role, User
from enforcement import policies
from tests.enforcement.kit import PAGE, code_of, fetch, is_in, sign_in, sign_in_through
from tests.factories import PASSWORD, make_account, make_identity, make_provider
from tests.journeys.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S38")]

PATH = "/accounts/northwind/"


@pytest.fixture
def provider(northwind: Account, ada: User, clock: Clock) -> Provider:
    found = make_provider(northwind, now=clock.now, is_required=True)
    make_identity(found, ada, now=clock.now)
    return found


def opens(client: Client, path: str = PATH) -> bool:
    return client.get(path, headers=PAGE).status_code == 200


@pytest.mark.both_databases
def test_only_a_session_that_passed_the_provider_sees_the_accounts_pages(
    provider: Provider, ada: User, clock: Clock
) -> None:
    by_password, by_sso = sign_in(ada), sign_in_through(ada, provider)
    assert opens(by_sso)
    answer = by_password.get(PATH, headers=PAGE)
    assert answer.status_code == 403
    assert f"/sso/{provider.slug}/?next=%2Faccounts%2Fnorthwind%2F" in answer.content.decode()
    assert is_in(by_password)
    assert by_password.get("/", headers=PAGE).status_code == 200
    refused = fetch(by_password, PATH)
    assert code_of(refused) == "sso_required"
    assert refused.json()["url"].startswith(f"/sso/{provider.slug}/")


def test_the_providers_of_other_accounts_open_nothing(
    provider: Provider, ada: User, clock: Clock
) -> None:
    other = make_account("southwind", members=(ada,))
    theirs = make_provider(other, now=clock.now)
    make_identity(theirs, ada, now=clock.now)
    client = sign_in_through(ada, theirs)
    assert not opens(client)
    assert opens(client, "/accounts/southwind/")
    assert opens(sign_in_through(ada, theirs, provider))


def test_owners_keep_the_password_door_and_admins_do_not(
    provider: Provider, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    assert opens(sign_in(owner))
    Membership.objects.filter(user=ada, account=northwind).update(role=Role.ADMIN)
    client = sign_in(ada)
    assert not opens(client)
    invited = client.post(f"{PATH}invite/", {"email": "x@northwind.example", "role": "member"})
    assert invited.status_code == 403
    assert not northwind.invitations.exists()


@pytest.mark.parametrize("how", ["not required", "switched off", "cut off"])
def test_who_need_not_come_by_it_sees_them(
    how: str, provider: Provider, ada: User, clock: Clock
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "not required": {"is_required": False},
        "switched off": {"off_at": clock.now},
        "cut off": {"cut_off_at": clock.now},
    }
    client = sign_in(ada)
    assert not opens(client)
    Provider.objects.filter(pk=provider.pk).update(**changes[how])
    assert opens(client)


def test_leaving_needs_no_provider(
    provider: Provider, northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in(ada)
    assert opens(client, f"{PATH}leave/")
    client.post(f"{PATH}leave/", headers=PAGE)
    assert not Membership.objects.filter(user=ada, account=northwind).exists()


def test_an_account_of_others_does_not_exist_whether_its_provider_is_required_or_not(
    provider: Provider, clock: Clock
) -> None:
    stranger = make_account("eastwind").memberships.get().user
    assert sign_in(stranger).get(PATH, headers=PAGE).status_code == 404


def test_who_has_no_work_address_is_told_to_move_the_membership_first(
    provider: Provider, northwind: Account, ada: User, clock: Clock
) -> None:
    Account.objects.filter(pk=northwind.pk).update(email_domains=["northwind.example"])
    hint = "to your work address first"
    assert hint not in sign_in(ada).get(PATH, headers=PAGE).content.decode()
    User.objects.filter(pk=ada.pk).update(email="ada@personal.example")
    shown = sign_in(User.objects.get(pk=ada.pk)).get(PATH, headers=PAGE).content.decode()
    assert hint in shown
    assert "ada@personal.example" in shown
    assert "/settings/email/" in shown


def test_who_came_through_it_reads_no_word_of_a_password_alone(
    provider: Provider, northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    by_sso = sign_in_through(ada, provider)
    by_sso.post("/reauthenticate/", {"password": PASSWORD})
    for path in ("/settings/security/", "/two-factor/setup/"):
        shown = by_sso.get(path, headers=PAGE).content.decode()
        assert f"You came in through {provider.name}" in shown, path
        assert "None of your accounts" not in shown
    assert "with your password alone" in sign_in(ada).get("/settings/security/").content.decode()
