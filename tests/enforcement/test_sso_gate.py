"""The gate and single sign-on: exempt is a session, for the accounts whose provider it passed."""

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import invitations, memberships, sessions, signin
from accounts.models import (
    Account,
    EndReason,
    Identity,
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
    DAY,
    MS,
    PAGE,
    browser,
    code_of,
    fetch,
    is_in,
    sign_in,
    sign_in_through,
    sign_in_with_code,
)
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.django_db]

ENGINES = ["accounts.session_db", "accounts.session_cached_db"]


@pytest.fixture
def provider(northwind: Account, ada: User, clock: Clock) -> Provider:
    """Northwind's, which knows Ada."""
    found = make_provider(northwind, now=clock.now)
    make_identity(found, ada, now=clock.now)
    return found


@pytest.fixture
def policy(northwind: Account, owner: User, clock: Clock) -> Policy:
    return policies.switch_on(account=northwind, actor=owner, now=clock.now)


@pytest.fixture
def other(ada: User, clock: Clock) -> Account:
    """A second account of Ada's, which requires nothing yet."""
    account = make_account("southwind")
    Membership.objects.create(account=account, user=ada, joined_at=clock.now)
    return account


def other_provider(other: Account, ada: User, clock: Clock) -> Provider:
    found = make_provider(other, now=clock.now)
    make_identity(found, ada, now=clock.now)
    return found


def end(provider: Provider, *, at: object, **how: object) -> None:
    Provider.objects.filter(pk=provider.pk).update(**(how or {"off_at": at}))


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
    theirs = other_provider(other, ada, clock)
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
    end(theirs, at=clock.now)
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
        end(provider, at=clock.now)
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
    end(provider, at=clock.now)
    assert is_in(client)
    clock.set(policy.deadline - MS)
    assert is_in(client)
    clock.set(policy.deadline)
    assert code_of(fetch(client)) == "code_required"


@pytest.mark.proves("S38")
def test_what_ends_sessions_after_the_provider_is_off_ends_those_that_came_through_it(
    provider: Provider, policy: Policy, ada: User, clock: Clock
) -> None:
    client = sign_in_through(ada, provider)
    Identity.objects.filter(provider=provider).update(stamp_at_end=ada.stamp)
    end(provider, at=clock.now)
    assert is_in(client)
    enrolled = enrol_app(ada, now=clock.now)
    detail = fetch(client).json()["detail"]
    assert str(EndReason.SET_UP.label) in detail
    assert is_in(sign_in_with_code(enrolled))


@pytest.mark.proves("S38")
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
    theirs = other_provider(other, ada, clock)
    client, by_password, by_theirs = (
        sign_in_through(ada, theirs, provider),
        sign_in(ada),
        sign_in_through(ada, theirs),
    )
    end(provider, at=clock.now, cut_off_at=clock.now)
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
    end(provider, at=clock.now)
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


# Half-way in


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
        end(provider, at=clock.now)
    assert leads_to(client) == target


@pytest.mark.proves("S38")
def test_a_sign_in_through_a_provider_that_was_cut_off_meanwhile_starts_over(
    provider: Provider, ada: User, clock: Clock
) -> None:
    client = half_way(ada, provider)
    end(provider, at=clock.now, cut_off_at=clock.now)
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
        "another": [other_provider(elsewhere, guest, clock)],
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
