"""Half-way in through single sign-on: what is still due before the pages open."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import invitations, signin
from accounts.models import (
    Account,
    Membership,
    Provider,
    Role,
    Session,
    User,
)
from bench.people import request_with_session
from enforcement import policies
from enforcement.models import Policy
from tests.enforcement.kit import (
    MS,
    PAGE,
    browser,
    end_provider,
    provider_of,
    sign_in_through,
)
from tests.factories import make_account, make_identity, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db]


def half_way(person: User, *providers: Provider, invitation: int | None = None) -> Client:
    """A browser whose person passed ``providers``, and stands before whatever comes next."""
    request = request_with_session()
    pending = signin.begin(request, person, next_url="/settings/", method="sso", now=timezone.now())
    passed = tuple(each.pk for each in providers)
    signin.write(request, replace(pending, sso=passed, invitation=invitation))
    request.session.save()
    client = browser()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return client


def leads_to(client: Client) -> str:
    """Return where a page for signed-in people sends this browser, until it opens or asks."""
    answer = client.get("/settings/", headers=PAGE)
    if answer.status_code == 302 and answer["Location"] == "/settings/":
        answer = client.get("/settings/", headers=PAGE)
    return str(answer.headers.get("Location", ""))


@pytest.mark.proves("S38")
@pytest.mark.parametrize("is_enrolled", [False, True])
def test_who_comes_through_sso_is_in_without_set_up_and_without_a_code(
    is_enrolled: bool, provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    if is_enrolled:
        enrol_app(ada, now=clock.now)
    clock.set(policy.deadline)
    client = half_way(ada, provider)
    assert leads_to(client) == ""
    assert Session.objects.get(user=ada).method == "sso"


@pytest.mark.proves("S38")
@pytest.mark.parametrize(
    ("is_enrolled", "target"), [(False, "/two-factor/setup/"), (True, "/login/verify/")]
)
@pytest.mark.parametrize("what", ["another account is due", "switched off meanwhile"])
def test_who_comes_through_sso_goes_on_like_others_where_something_else_is_due(
    what: str,
    is_enrolled: bool,
    target: str,
    provider: Provider,
    policy: Policy,
    other: Account,
    ada: User,
    clock: Clock,
) -> None:
    if what == "another account is due":
        policies.switch_on(account=other, actor=None, now=clock.now)
    if is_enrolled:
        enrol_app(ada, now=clock.now)
    clock.set(policy.deadline)
    client = half_way(ada, provider)
    if what == "switched off meanwhile":
        end_provider(provider, at=clock.now)
    assert leads_to(client) == target


@pytest.mark.proves("S38")
def test_a_sign_in_through_a_provider_that_was_cut_off_meanwhile_starts_over(
    provider: Provider, ada: User, clock: Clock
) -> None:
    client = half_way(ada, provider)
    end_provider(provider, at=clock.now, cut_off_at=clock.now)
    assert leads_to(client).startswith("/login/")


@pytest.mark.proves("S38")
def test_set_up_asks_for_the_other_account_alone(
    provider: Provider, policy: Policy, other: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=other, actor=None, now=clock.now)
    clock.set(policy.deadline)
    client = half_way(ada, provider)
    page = client.get(leads_to(client), headers=PAGE)
    assert [str(hold) for hold in page.context["held_by"]] == ["Southwind"]


@pytest.mark.both_databases
@pytest.mark.proves("S38")
@pytest.mark.parametrize("comes_through", ["their own", "another", "none"])
def test_who_is_invited_joins_at_once_through_that_accounts_sso(
    comes_through: str,
    provider: Provider,
    policy: Policy,
    northwind: Account,
    owner: User,
    clock: Clock,
) -> None:
    clock.forward(hours=1)
    guest = make_user("guest@northwind.example")
    invitation = invitations.invite(
        account=northwind, email=guest.email, role=Role.MEMBER, actor=owner, now=clock.now
    )
    elsewhere = make_account("southwind", members=(guest,))
    make_identity(provider, guest, now=clock.now)
    passed = {
        "their own": [provider],
        "another": [provider_of(elsewhere, guest, now=clock.now)],
        "none": [],
    }[comes_through]
    client = half_way(guest, *passed, invitation=invitation.pk)
    joins = comes_through == "their own"
    assert leads_to(client) == ("" if joins else "/two-factor/setup/")
    assert Membership.objects.filter(user=guest, account=northwind).exists() is joins


@pytest.mark.proves("S38")
def test_a_deadline_that_passes_in_set_up_keeps_what_the_session_passed(
    provider: Provider, policy: Policy, other: Account, ada: User, clock: Clock
) -> None:
    """Set-up goes on as a pending sign-in, from whose end the session is one of SSO again."""
    theirs = policies.switch_on(account=other, actor=None, now=clock.now)
    clock.set(theirs.deadline - MS)
    client = sign_in_through(ada, provider)
    session = client.session
    session["setup"] = {
        "user_id": ada.pk,
        "attempt": "scanned",
        "begun_at": clock.now.isoformat(),
        "mailbox_proved": True,
        "mailbox_nonce": ada.mailbox_nonce,
    }
    session.save()
    clock.set(theirs.deadline)
    assert client.get("/two-factor/setup/", headers=PAGE).status_code == 200
    assert "sso" not in client.session
    assert client.session["pending"]["sso"] == [provider.pk]
    assert client.session["pending"]["method"] == "sso"
