"""The gate and single sign-on: exempt is a session, for the accounts whose provider it passed."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from accounts import memberships, sessions
from accounts.models import (
    Account,
    EndReason,
    Identity,
    Membership,
    Provider,
    Session,
    User,
)
from enforcement import policies
from enforcement.models import Policy
from tests.enforcement.kit import (
    DAY,
    MS,
    PAGE,
    code_of,
    end_provider,
    fetch,
    is_in,
    provider_of,
    sign_in,
    sign_in_through,
    sign_in_with_code,
)
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db]

ENGINES = ["accounts.session_db", "accounts.session_cached_db"]


def banner(client: Client) -> Any:
    found = client.get("/settings/", headers=PAGE).context["banner"]
    return found.accounts if found else None


@pytest.mark.both_databases
@pytest.mark.proves("S38", "B89")
@pytest.mark.parametrize("engine", ENGINES)
def test_of_two_browsers_of_one_person_the_one_that_came_through_sso_goes_on(
    engine: str, provider: Provider, policy: Policy, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.SESSION_ENGINE = engine
    by_sso, by_password = sign_in_through(ada, provider), sign_in(ada)
    assert banner(by_sso) is None
    assert banner(by_password) == ("Northwind",)
    clock.set(policy.deadline - MS)
    assert is_in(by_password)
    clock.set(policy.deadline)
    assert is_in(by_sso)
    assert code_of(fetch(by_password)) == "signed_out_deadline"
    assert sign_in(ada).get("/settings/", headers=PAGE)["Location"].startswith("/two-factor/setup/")
    assert is_in(by_sso)


@pytest.mark.proves("S38", "B89")
def test_how_a_session_came_in_outlives_a_new_key(
    provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    session = client.session
    before = session.session_key
    session.cycle_key()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    clock.set(policy.deadline)
    assert is_in(client)
    row = Session.objects.get(user=ada)
    assert row.pk != before
    assert (row.method, row.sso) == ("sso", f",{provider.pk},")


@pytest.mark.proves("S38")
def test_the_provider_of_one_account_exempts_from_no_other(
    provider: Provider, policy: Policy, other: Account, ada: User, clock: Clock
) -> None:
    clock.forward(hours=1)
    theirs = policies.switch_on(account=other, actor=None, now=clock.now)
    client = sign_in_through(ada, provider)
    assert banner(client) == ("Southwind",)
    clock.set(policy.deadline)
    assert is_in(client)
    clock.set(theirs.deadline)
    assert code_of(fetch(client)) == "signed_out_deadline"
    assert not is_in(sign_in_through(ada, provider))


@pytest.mark.proves("S38")
def test_two_providers_exempt_from_both_accounts_and_one_from_its_own(
    provider: Provider, policy: Policy, other: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=other, actor=None, now=clock.now)
    theirs = provider_of(other, ada, now=clock.now)
    both, ours_alone, theirs_alone = (
        sign_in_through(ada, provider, theirs),
        sign_in_through(ada, provider),
        sign_in_through(ada, theirs),
    )
    assert banner(both) is None
    assert banner(theirs_alone) == ("Northwind",)
    clock.set(policy.deadline)
    assert is_in(both)
    assert not is_in(ours_alone)
    assert not is_in(theirs_alone)
    end_provider(theirs, at=clock.now)
    assert not is_in(both)


@pytest.mark.proves("S38")
def test_staff_are_bound_through_sso_too(provider: Provider, ada: User, clock: Clock) -> None:
    client = sign_in_through(ada, provider)
    assert is_in(client)
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    assert not is_in(client)


@pytest.mark.both_databases
@pytest.mark.proves("S38")
@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_exemption_ends_with_the_provider_at_the_next_request(
    is_deleted: bool, provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    """The row alone is changed here: no job and no signal has to run before."""
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline)
    assert is_in(client)
    if is_deleted:
        Provider.objects.filter(pk=provider.pk)._raw_delete("default")
        Identity.objects.all()._raw_delete("default")
        User.objects.filter(pk=ada.pk).update(last_provider=None)
    else:
        end_provider(provider, at=clock.now)
    assert code_of(fetch(client)) == "signed_out_deadline"


@pytest.mark.proves("S38")
@pytest.mark.parametrize("before", [True, False], ids=["set up before", "set up since"])
def test_who_is_enrolled_is_asked_for_no_code_where_the_provider_was_switched_off_since(
    before: bool, provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    """Until something is due; a set-up in another browser ended no session of SSO."""
    if before:
        enrol_app(ada, now=clock.now)
    client = sign_in_through(ada, provider)
    if not before:
        enrol_app(ada, now=clock.now)
    assert is_in(client)
    ada.refresh_from_db()
    Identity.objects.filter(provider=provider).update(stamp_at_end=ada.stamp)
    end_provider(provider, at=clock.now)
    assert is_in(client)
    clock.set(policy.deadline - MS)
    assert is_in(client)
    clock.set(policy.deadline)
    assert code_of(fetch(client)) == "code_required"


def test_who_is_enrolled_is_asked_for_a_code_where_the_provider_was_deleted(
    provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    """Nothing is left that would tell it from one that was cut off."""
    enrol_app(ada, now=clock.now)
    client = sign_in_through(ada, provider)
    assert is_in(client)
    provider.delete()
    assert code_of(fetch(client)) == "code_required"


@pytest.mark.proves("S38")
def test_what_ends_sessions_after_the_provider_is_off_ends_those_that_came_through_it(
    provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    Identity.objects.filter(provider=provider).update(stamp_at_end=ada.stamp)
    end_provider(provider, at=clock.now)
    assert is_in(client)
    enrolled = enrol_app(ada, now=clock.now)
    detail = fetch(client).json()["detail"]
    assert str(EndReason.SET_UP.label) in detail
    assert is_in(sign_in_with_code(enrolled))


@pytest.mark.proves("S38", "S33")
@pytest.mark.parametrize("reason", [EndReason.FACTOR_CHANGED, EndReason.RESET, EndReason.SET_UP])
def test_a_renewed_stamp_ends_sessions_by_password_and_only_unverifies_those_of_sso(
    reason: EndReason, provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    by_sso, by_password = sign_in_through(ada, provider), sign_in(ada)
    sessions.renew_stamp(User.objects.filter(pk=ada.pk), reason=reason)
    assert not is_in(by_password)
    clock.set(policy.deadline)
    assert is_in(by_sso)
    sessions.end_everything(User.objects.get(pk=ada.pk))
    assert not is_in(by_sso)


@pytest.mark.both_databases
@pytest.mark.proves("S38")
@pytest.mark.parametrize("engine", ENGINES)
def test_cutting_a_provider_off_ends_its_sessions_and_no_other(
    engine: str, provider: Provider, other: Account, ada: User, clock: Clock, settings: Settings
) -> None:
    settings.SESSION_ENGINE = engine
    theirs = provider_of(other, ada, now=clock.now)
    client, by_password, by_theirs = (
        sign_in_through(ada, theirs, provider),
        sign_in(ada),
        sign_in_through(ada, theirs),
    )
    end_provider(provider, at=clock.now, cut_off_at=clock.now)
    assert str(EndReason.CUT_OFF.label) in fetch(client).json()["detail"]
    page = client.get("/settings/", headers=PAGE, follow=True)
    assert "single sign-on was stopped" in page.content.decode()
    assert is_in(by_password)
    assert is_in(by_theirs)


@pytest.mark.both_databases
@pytest.mark.proves("S38", "B96")
def test_who_left_the_account_is_signed_out_of_what_came_through_its_provider(
    provider: Provider, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    client, by_password = sign_in_through(ada, provider), sign_in(ada)
    membership = Membership.objects.get(user=ada, account=northwind)
    memberships.remove(membership=membership, actor=owner, now=clock.now)
    assert str(EndReason.LEFT.label) in fetch(client).json()["detail"]
    assert is_in(by_password)
    Membership.objects.create(account=northwind, user=ada, joined_at=clock.now)
    assert is_in(sign_in_through(ada, provider))


@pytest.mark.proves("B92")
def test_who_came_through_sso_may_look_at_set_up_and_leave_it(
    provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline + DAY)
    assert client.get("/two-factor/setup/", headers=PAGE).status_code in {200, 302}
    assert client.get("/", headers=PAGE).status_code == 200
    assert is_in(client)


@pytest.mark.proves("B96")
def test_no_requirement_no_gate_for_whom_no_provider_exempts_any_more(
    provider: Provider, policy: Policy, northwind: Account, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    clock.set(policy.deadline)
    end_provider(provider, at=clock.now)
    assert not is_in(client)
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert is_in(client)


def test_who_is_set_up_is_told_when_a_code_is_asked_for(
    provider: Provider, policy: Policy, other: Account, ada: User, clock: Clock
) -> None:
    enrol_app(ada, now=clock.now)
    theirs = policies.switch_on(account=other, actor=None, now=clock.now)
    page = sign_in_through(ada, provider).get("/settings/", headers=PAGE)
    shown = page.context["banner"]
    assert (shown.kind, shown.accounts, shown.until) == ("factor", ("Southwind",), theirs.deadline)
    assert "will ask you for a code" in page.content.decode()
