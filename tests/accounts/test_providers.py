"""Support adds, changes and ends an account's provider; each act is audited and told."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail as django_mail

from accounts import certificates, provider_checks, providers, signals
from accounts.models import (
    Account,
    AuditEvent,
    EndReason,
    Identity,
    Membership,
    Notice,
    Protocol,
    Provider,
    Role,
    User,
)
from accounts.provider_checks import NotValid
from accounts.providers import Details, NotAllowed, Origin
from tests.accounts.entered import (
    DETAILS,
    ENTERED,
    ORIGIN,
    OTHER_ORIGIN,
    REASON,
    SECRET,
)
from tests.accounts.pem import make_pem, private_pem, weak_pem
from tests.factories import make_account, make_identity, make_provider, make_user
from tests.journeys.post import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam() -> User:
    return make_user("sam@gatehouse.example", name="Sam Support", is_staff=True)


@pytest.fixture
def acting(sam: User, now: datetime, northwind: Account) -> dict[str, Any]:
    return {"actor": sam, "reason": REASON, "now": now}


@pytest.fixture
def provider(northwind: Account, acting: dict[str, Any]) -> Provider:
    return providers.add(account=northwind, **ENTERED, **acting)


@pytest.fixture
def ended() -> Iterator[list[tuple[Provider, bool]]]:
    """What the apps above are told."""
    found: list[tuple[Provider, bool]] = []

    def note(sender: Any, *, provider: Provider, cut_off: bool, **kwargs: Any) -> None:
        found.append((provider, cut_off))

    signals.provider_ended.connect(note)
    yield found
    signals.provider_ended.disconnect(note)


def last(event: str) -> Any:
    return AuditEvent.objects.filter(event=event).latest("number")


def saml_origin() -> Origin:
    return Origin(protocol=Protocol.SAML, issuer="urn:northwind:idp")


def saml_details(pem: str) -> Details:
    return replace(
        DETAILS, client_id="", sso_url="https://login.northwind.example/sso", certificates=pem
    )


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


# What can be entered


def test_a_domain_belongs_to_one_account_with_a_live_provider(
    provider: Provider, acting: dict[str, Any]
) -> None:
    southwind = make_account("southwind", email_domains=["northwind.example"])
    new = {"account": southwind, "origin": ORIGIN, "secret": SECRET, **acting}
    with pytest.raises(NotValid, match="belongs to another account"):
        providers.add(details=DETAILS, **new)
    providers.switch_off(provider=provider, **acting)
    assert providers.add(details=DETAILS, **new).is_live


@pytest.mark.parametrize(
    "domains", [[], ["gmail.com"], ["northwind"], ["a b.example"], ["ok.example", "-x.example"]]
)
def test_odd_domains_are_refused(domains: list[str], northwind: Account) -> None:
    with pytest.raises(NotValid) as refused:
        provider_checks.check_domains(northwind, domains)
    assert refused.value.field == "email_domains"


ISSUERS_REFUSED = [
    "", "login.example", "http://login.example", "ftp://login.example", "https://",
    "https://me:word@login.example", "https://login.example/?a=b", "https://login.example/#a",
    "https://login.example/.well-known/openid-configuration", "https://login.example:x",
    "https://localhost/realm", "https://idp.internal", "https://intranet", "https://127.0.0.1",
    "https://127.1", "https://0x7f.0.0.0x1", "https://10.0.0.7/", "https://169.254.169.254/",
    "https://[::1]/", "https://[fe80::1]/", "https://100.64.0.1/", "https://nas.home.arpa",
    "https://login.microsoftonline.com/common/v2.0", "https://login.example/a b",
    "https://login.example\\@evil.example", "https://login.example/\u202e", "https://[", "x" * 600,
    "https://login.example/" + "x" * 600,
]  # fmt: skip


@pytest.mark.parametrize("issuer", ISSUERS_REFUSED)
def test_odd_issuers_are_refused(issuer: str) -> None:
    with pytest.raises(NotValid) as refused:
        provider_checks.check_issuer(Protocol.OIDC, issuer)
    assert refused.value.field == "issuer"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://accounts.google.com",
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "https://northwind.eu.auth0.com/",
        "https://login.northwind.example:8443/realms/all",
        "https://8.8.8.8/",
    ],
)
def test_issuers_as_the_large_providers_have_them_are_taken(issuer: str) -> None:
    provider_checks.check_issuer(Protocol.OIDC, issuer)


def test_a_provider_on_this_machine_is_taken_where_the_operator_allows_it(settings: Any) -> None:
    settings.SSO_ALLOW_PRIVATE = True
    provider_checks.check_issuer(Protocol.OIDC, "http://127.0.0.1:9000")
    provider_checks.check_sign_in_url("http://localhost:9000/sso")


@pytest.mark.parametrize("issuer", ["urn:northwind:idp", "https://idp.example/metadata?x=y"])
def test_an_entity_id_is_any_name_in_one_piece(issuer: str) -> None:
    provider_checks.check_issuer(Protocol.SAML, issuer)


@pytest.mark.parametrize("issuer", ["", "two words", "line\nbreak", "hid\u200bden", "x" * 501])
def test_odd_entity_ids_are_refused(issuer: str) -> None:
    with pytest.raises(NotValid):
        provider_checks.check_issuer(Protocol.SAML, issuer)


def test_without_its_extra_no_provider_of_saml_is_added(
    northwind: Account, acting: dict[str, Any], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accounts.saml_toolkit", None)
    details = saml_details(make_pem(now=now))
    with pytest.raises(NotValid, match="SAML is not installed here"):
        providers.add(account=northwind, origin=saml_origin(), details=details, **acting)
    assert not Provider.objects.exists()


def test_saml_takes_one_certificate_or_two(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    one, two = make_pem("one.example", now=now), make_pem("two.example", now=now)
    provider = providers.add(
        account=northwind, origin=saml_origin(), details=saml_details(one), **acting
    )
    providers.change(provider=provider, details=saml_details(one + two), **acting)
    provider.refresh_from_db()
    names = [each.name for each in certificates.read(provider.certificates)]
    assert names == ["CN=one.example", "CN=two.example"]
    fingerprints = last("provider_changed").after["certificates"]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in fingerprints)
    assert len(fingerprints) == 2
    with pytest.raises(NotAllowed, match="certificates"):
        providers.rotate_secret(provider=provider, secret="x", **acting)


def test_a_certificate_as_it_stands_in_metadata_is_taken(now: datetime) -> None:
    pem = make_pem(now=now)
    bare = "\n".join(pem.splitlines()[1:-1])
    assert provider_checks.checked_certificates(bare, now=now) == pem


def certificates_refused(now: datetime) -> list[str]:
    pem = make_pem(now=now)
    return [
        "", "no certificate", "AAAA", pem * 3, pem[:200], private_pem(), pem + private_pem(),
        make_pem(now=now, good_for=timedelta()), weak_pem(now=now), "é" * 30,
    ]  # fmt: skip


def test_odd_certificates_are_refused(now: datetime) -> None:
    for text in certificates_refused(now):
        with pytest.raises(NotValid) as refused:
            provider_checks.checked_certificates(text, now=now)
        assert refused.value.field == "certificates"
        assert "PRIVATE KEY-----" not in str(refused.value)


def test_a_certificate_that_has_expired_hinders_no_other_change(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    details = saml_details(make_pem(now=now, good_for=timedelta(days=1)))
    provider = providers.add(account=northwind, origin=saml_origin(), details=details, **acting)
    later = {**acting, "now": now + timedelta(days=2)}
    renamed = replace(details, name="Renamed", certificates=provider.certificates)
    assert providers.change(provider=provider, details=renamed, **later) == ["name"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "x" * 256}, "client_id"),
    ],
)
def test_odd_names_are_refused(
    changed: dict[str, str], field: str, northwind: Account, acting: dict[str, Any]
) -> None:
    details = replace(DETAILS, **changed)  # type: ignore[arg-type]
    with pytest.raises(NotValid) as refused:
        providers.add(account=northwind, origin=ORIGIN, details=details, secret=SECRET, **acting)
    assert refused.value.field == field
    assert not Provider.objects.exists()


@pytest.mark.parametrize("secret", ["", "two\nlines", "x" * 1001])
def test_odd_secrets_are_refused(secret: str, northwind: Account, acting: dict[str, Any]) -> None:
    with pytest.raises(NotValid) as refused:
        providers.add(account=northwind, origin=ORIGIN, details=DETAILS, secret=secret, **acting)
    assert refused.value.field == "secret"
    assert len(str(refused.value)) < 100


def test_only_saml_names_people_by_an_attribute(
    northwind: Account, acting: dict[str, Any], now: datetime
) -> None:
    with pytest.raises(NotValid):
        providers.add(
            account=northwind,
            origin=replace(ORIGIN, subject_attribute="employeeNumber"),
            details=DETAILS,
            secret=SECRET,
            **acting,
        )
    provider = providers.add(
        account=northwind,
        origin=replace(saml_origin(), subject_attribute="employeeNumber"),
        details=saml_details(make_pem(now=now)),
        **acting,
    )
    assert provider.subject_attribute == "employeeNumber"
