"""Support adds, changes and ends an account's provider; each act is audited and told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.core import mail as django_mail

from accounts import providers, signals
from accounts.models import (
    Account,
    AuditEvent,
    EndReason,
    Identity,
    Membership,
    Notice,
    Provider,
    Role,
    User,
)
from accounts.providers import NotAllowed
from tests.accounts.entered import (
    DETAILS,
    ENTERED,
    ORIGIN,
    OTHER_ORIGIN,
    REASON,
    SECRET,
    last,
)
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.post import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended() -> Iterator[list[tuple[Provider, bool]]]:
    """What the apps above are told."""
    found: list[tuple[Provider, bool]] = []

    def note(sender: Any, *, provider: Provider, cut_off: bool, **kwargs: Any) -> None:
        found.append((provider, cut_off))

    signals.provider_ended.connect(note)
    yield found
    signals.provider_ended.disconnect(note)


def test_support_adds_a_provider(provider: Provider, northwind: Account, sam: User) -> None:
    provider.refresh_from_db()
    northwind.refresh_from_db()
    assert provider.is_live
    assert provider.slug == "northwind"
    assert provider.open_client_secret() == SECRET
    assert northwind.email_domains == ["northwind.example"]
    row = last("provider_added")
    assert (row.actor_id, row.account_id) == (sam.pk, northwind.pk)
    assert row.after["issuer"] == ORIGIN.issuer
    assert row.after["reason"] == REASON


def test_no_row_but_the_providers_own_holds_the_secret_and_there_it_is_sealed(
    provider: Provider, acting: dict[str, Any]
) -> None:
    providers.rotate_secret(provider=provider, secret=f"{SECRET}2", **acting)
    provider.refresh_from_db()
    assert provider.open_client_secret() == f"{SECRET}2"
    assert SECRET.encode() not in bytes(provider.client_secret)
    told = [*AuditEvent.objects.values_list("before", "after"), *Notice.objects.values_list()]
    assert SECRET not in str(told)
    assert last("provider_secret_rotated").account_id == provider.account_id


def test_a_change_is_audited_with_what_was_and_what_is(
    provider: Provider, acting: dict[str, Any]
) -> None:
    details = replace(DETAILS, name="Login", allow_creation=True)
    assert providers.change(provider=provider, details=details, **acting) == [
        "name",
        "allow_creation",
    ]
    row = last("provider_changed")
    assert row.before == {"name": "Northwind Login", "allow_creation": False}
    assert row.after == {
        "provider": provider.pk,
        "name": "Login",
        "allow_creation": True,
        "reason": REASON,
    }


def test_a_change_of_nothing_is_told_to_nobody(provider: Provider, acting: dict[str, Any]) -> None:
    mails = Notice.objects.count()
    assert providers.change(provider=provider, details=DETAILS, **acting) == []
    assert Notice.objects.count() == mails
    assert not AuditEvent.objects.filter(event="provider_changed").exists()


def test_the_owners_are_mailed_of_each_act(
    provider: Provider, northwind: Account, acting: dict[str, Any]
) -> None:
    second = make_user("otto@northwind.example")
    Membership.objects.create(account=northwind, user=second, role=Role.OWNER)
    providers.rotate_secret(provider=provider, secret="other", **acting)
    providers.change(provider=provider, details=replace(DETAILS, is_required=True), **acting)
    new = providers.replace(
        provider=provider,
        origin=OTHER_ORIGIN,
        details=DETAILS,
        secret=SECRET,
        **acting,
    )
    providers.switch_off(provider=new, **acting)
    providers.cut_off(provider=new, **acting)
    run_jobs()
    to_second = [each for each in django_mail.outbox if each.to == [second.email]]
    subjects = [str(each.subject) for each in to_second]
    assert subjects == [
        "Single sign-on of Northwind was changed",
        "Single sign-on of Northwind was changed",
        "Northwind has another provider for single sign-on",
        "Single sign-on of Northwind is switched off",
        "Single sign-on of Northwind was cut off",
    ]
    texts = " ".join(str(each.body) for each in to_second)
    assert "What changed: whether everybody must come through it" in texts
    assert f"Reason given: {REASON}" in texts
    assert "our support" in texts
    assert "Sam" not in texts
    assert SECRET not in texts


def test_an_issuer_is_replaced_by_another_provider_at_the_same_address(
    provider: Provider,
    acting: dict[str, Any],
    ada: User,
    now: datetime,
    ended: list[tuple[Provider, bool]],
) -> None:
    make_identity(provider, ada, now=now)
    new = providers.replace(
        provider=provider,
        origin=OTHER_ORIGIN,
        details=DETAILS,
        secret=SECRET,
        **acting,
    )
    provider.refresh_from_db()
    assert (provider.off_at, provider.cut_off_at) == (now, None)
    assert (new.slug, provider.slug) == ("northwind", f"northwind-{provider.pk}")
    assert not new.identities.exists()
    assert last("provider_off").after["provider"] == provider.pk
    assert last("provider_added").after["replaces"] == provider.pk
    assert ended == [(provider, False)]


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_the_apps_above_are_told_of_the_end_and_nothing_of_it_changes_any_more(
    provider: Provider,
    acting: dict[str, Any],
    is_cut_off: bool,
    ended: list[tuple[Provider, bool]],
) -> None:
    end = providers.cut_off if is_cut_off else providers.switch_off
    end(provider=provider, **acting)
    assert ended == [(provider, is_cut_off)]
    provider.refresh_from_db()
    assert not provider.is_live
    for act in (
        lambda: providers.switch_off(provider=provider, **acting),
        lambda: providers.rotate_secret(provider=provider, secret="x", **acting),
        lambda: providers.change(provider=provider, details=DETAILS, **acting),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert providers.add(account=provider.account, **ENTERED, **acting).is_live


def test_one_that_was_switched_off_can_still_be_cut_off_once(
    provider: Provider, acting: dict[str, Any]
) -> None:
    providers.switch_off(provider=provider, **acting)
    providers.cut_off(provider=provider, **acting)
    with pytest.raises(NotAllowed):
        providers.cut_off(provider=provider, **acting)


def test_an_end_that_nobody_can_carry_out_is_no_end(
    provider: Provider, acting: dict[str, Any]
) -> None:
    def fail(sender: Any, **kwargs: Any) -> None:
        raise RuntimeError

    signals.provider_ended.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            providers.switch_off(provider=provider, **acting)
    finally:
        signals.provider_ended.disconnect(fail)
    provider.refresh_from_db()
    assert provider.is_live
    assert not AuditEvent.objects.filter(event="provider_off").exists()


@pytest.mark.proves("S38")
def test_who_is_unlinked_is_signed_out_and_told(
    provider: Provider, acting: dict[str, Any], ada: User, now: datetime
) -> None:
    identity, salt = make_identity(provider, ada, now=now), ada.session_salt
    providers.unlink(identity=identity, **acting)
    ada.refresh_from_db()
    assert not Identity.objects.exists()
    assert ada.session_salt != salt
    assert ada.ended_reason == EndReason.UNLINKED
    row = last("sso_unlinked")
    assert (row.subject_id, row.account_id) == (ada.pk, provider.account_id)
    assert identity.subject not in str(row.before)
    assert Notice.objects.filter(kind="sso_unlinked", user=ada).count() == 1
    with pytest.raises(NotAllowed):
        providers.unlink(identity=identity, **acting)


def test_support_unlinks_neither_itself_nor_other_staff(
    provider: Provider, acting: dict[str, Any], sam: User, now: datetime
) -> None:
    staff = make_user(is_staff=True)
    for person in (sam, staff):
        identity = make_identity(provider, person, now=now)
        with pytest.raises(NotAllowed):
            providers.unlink(identity=identity, **acting)
    root = make_user(is_staff=True, is_superuser=True)
    providers.unlink(identity=Identity.objects.get(user=staff), **{**acting, "actor": root})


def test_only_support_with_a_reason_does_any_of_it(
    provider: Provider, acting: dict[str, Any], owner: User, ada: User, now: datetime
) -> None:
    identity = make_identity(provider, ada, now=now)
    acts: list[Callable[..., Any]] = [
        lambda **how: providers.add(account=make_account(), **ENTERED, **how),
        lambda **how: providers.change(provider=provider, details=DETAILS, **how),
        lambda **how: providers.rotate_secret(provider=provider, secret="x", **how),
        lambda **how: providers.replace(provider=provider, **ENTERED, **how),
        lambda **how: providers.switch_off(provider=provider, **how),
        lambda **how: providers.cut_off(provider=provider, **how),
        lambda **how: providers.unlink(identity=identity, **how),
    ]
    retired = make_user(is_staff=True, is_active=False)
    rows = AuditEvent.objects.count()
    for act in acts:
        for how in (
            {**acting, "actor": owner},
            {**acting, "actor": retired},
            {**acting, "reason": " "},
        ):
            with pytest.raises(NotAllowed):
                act(**how)
    assert AuditEvent.objects.count() == rows


def test_an_account_has_one_live_provider(
    provider: Provider, northwind: Account, acting: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed):
        providers.add(account=northwind, origin=ORIGIN, details=DETAILS, secret="x", **acting)


def test_an_address_that_another_account_has_is_not_taken_over(
    provider: Provider, northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    twin = make_account("southwind")
    make_provider(northwind, now=now, slug="southwind", off_at=now)
    added = providers.add(
        account=twin,
        origin=ORIGIN,
        details=replace(DETAILS, email_domains=["southwind.example"]),
        secret=SECRET,
        **acting,
    )
    assert added.slug == "southwind-2"
