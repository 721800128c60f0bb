"""Owners reach their own account's rows alone, by every page of the admin."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from accounts import audit, invitations, mail
from accounts.audit import Event
from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from enforcement import passes, policies
from enforcement.admin_actions import KINDS
from tests.enforcement.desk import owner_browser, person_page, support_browser
from tests.enforcement.kit import enrolled_person, sign_in
from tests.factories import make_account, make_provider, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Tenant:
    account: Account
    owner: User
    member: User
    ids: dict[str, list[Any]]  # of the rows of each model


def tenant(word: str, *, clock: Clock) -> Tenant:
    """An account whose every row has ``word`` in what it shows."""
    owner = make_user(f"owner@{word}.example", name=f"Owner {word}")
    member = enrolled_person(email=f"member@{word}.example", name=f"Member {word}").user
    account = make_account(word, owner=owner, members=(member,), email_domains=[f"{word}.example"])
    now = clock.now
    policies.switch_on(account=account, actor=owner, now=now)
    passes.ask_for_pass(user=member, message=f"I am of {word}.", now=now)
    passes.grant_pass(user=member, actor=None, reason=f"{word} rang", now=now)
    invitations.invite(
        account=account, email=f"new@{word}.example", role=Role.MEMBER, actor=owner, now=now
    )
    audit.record(
        Event.ACCOUNT_CHANGED, actor=owner, subject=member, account=account,
        after={"name": word}, now=now,
    )  # fmt: skip
    mail.owe("mail_trouble", to=member, occasion=word, account=account, now=now)
    mail.owe("password_changed", to=member, occasion=word, account=account, now=now)
    ids = {
        "account": [account.pk],
        "user": [owner.pk, member.pk],
        "auditevent": one_of_each("event", AuditEvent.objects.filter(account_id=account.pk)),
        "notice": one_of_each("kind", Notice.objects.filter(account_id=account.pk)),
        "provider": [make_provider(account, now=now, name=f"Provider {word}").pk],
    }
    return Tenant(account, owner, member, ids)


def one_of_each(column: str, rows: QuerySet[Any]) -> list[int]:
    return list(dict(rows.values_list(column, "pk")).values())


@pytest.fixture
def alpha(db: None, clock: Clock) -> Tenant:
    return tenant("alphaville", clock=clock)


@pytest.fixture
def beta(alpha: Tenant, clock: Clock) -> Tenant:
    return tenant("betatown", clock=clock)


def row_pages(of: Tenant) -> list[str]:
    """Return every page of the admin for every row of a tenant."""
    stock = [
        reverse(f"admin:accounts_{model}_change", args=[pk])
        for model, keys in of.ids.items()
        for pk in keys
    ]
    people = [person_page(person, action) for person in (of.owner, of.member) for action in KINDS]
    return [
        *stock,
        *people,
        reverse("admin:accounts_account_requirement", args=[of.account.pk]),
    ]


def lists() -> list[str]:
    return [
        "/admin/",
        "/admin/accounts/",
        *[
            reverse(f"admin:accounts_{model._meta.model_name}_changelist")
            for model in admin.site._registry
        ],
    ]


def test_every_registered_model_is_in_the_matrix(alpha: Tenant) -> None:
    assert {model._meta.model_name for model in admin.site._registry} == set(alpha.ids)
    assert all(alpha.ids.values())


def test_an_owner_finds_no_row_of_another_account(alpha: Tenant, beta: Tenant) -> None:
    client = owner_browser(alpha.owner)
    for path in row_pages(beta):
        read, sent = client.get(path), client.post(path, {"name": "mine", "confirm": "off"})
        assert read.status_code == 404, path
        assert sent.status_code in {404, 405}, path
        assert "betatown" not in (read.content + sent.content).decode(), path
    assert Account.objects.get(pk=beta.account.pk).name == "Betatown"
    assert policies.current(beta.account) is not None
    assert passes.open_pass(beta.member) is not None


def test_a_foreign_row_and_no_row_look_the_same(alpha: Tenant, beta: Tenant) -> None:
    client = owner_browser(alpha.owner)
    for model, keys in beta.ids.items():
        pages = [
            client.get(reverse(f"admin:accounts_{model}_change", args=[pk]))
            for pk in (keys[0], 987654)
        ]
        assert pages[0].content == pages[1].content, model


def test_no_list_search_or_filter_shows_another_account(alpha: Tenant, beta: Tenant) -> None:
    client = owner_browser(alpha.owner)
    queries = [
        "", "?q=betatown", "?q=member@betatown.example", f"?q={beta.member.pk}", "?all=",
        f"?account_id={beta.account.pk}", f"?subject_id={beta.member.pk}", "?o=1.2.3",
        "?p=1", "?state__exact=owed", "?event=policy_on", "?e=1", "?_popup=1",
        "?_facets=True", "?plan__exact=enterprise", "?is_active__exact=1",
    ]  # fmt: skip
    for path in lists():
        for query in queries:
            answer = client.get(path + query, follow=True)
            page = answer.content.decode()
            is_supports = path == "/admin/accounts/provider/"  # owners have no such list
            assert answer.status_code in ({404} if is_supports else {200, 400}), path + query
            # What was searched for is repeated in the search box and in the filters' links.
            term = query.removeprefix("?q=")
            found = page.replace(term, "").replace(quote(term), "") if "?q=" in query else page
            assert "betatown" not in found.lower(), path + query
            if answer.context and "cl" in answer.context:
                assert answer.context["cl"].queryset.count() <= answer.context["cl"].result_count


def test_an_owner_sees_the_own_rows_in_each_list(alpha: Tenant, beta: Tenant) -> None:
    client = owner_browser(alpha.owner)
    for model in alpha.ids:
        page = client.get(reverse(f"admin:accounts_{model}_changelist"))
        assert "alphaville" in page.content.decode().lower(), model
    for path in row_pages(alpha):
        assert client.get(path).status_code in {200, 404}, path


def test_what_is_private_to_a_member_is_no_business_of_the_owners(
    alpha: Tenant, clock: Clock
) -> None:
    private = Notice.objects.get(kind="password_changed", account_id=alpha.account.pk)
    path = reverse("admin:accounts_notice_change", args=[private.pk])
    assert owner_browser(alpha.owner).get(path).status_code == 404
    assert support_browser().get(path).status_code == 200


def test_a_member_of_two_accounts_shows_an_owner_one(alpha: Tenant, beta: Tenant) -> None:
    Membership.objects.create(account=beta.account, user=alpha.member)
    client = owner_browser(alpha.owner)
    for path in [*lists(), *row_pages(alpha)]:
        answer = client.get(path)
        assert "betatown" not in answer.content.decode().lower(), path


def test_an_owner_learns_no_foreign_deadline_from_a_member(
    clock: Clock, alpha: Tenant, beta: Tenant
) -> None:
    eve = enrolled_person(email="eve@alphaville.example").user
    Membership.objects.create(account=alpha.account, user=eve)
    Membership.objects.create(account=beta.account, user=eve)
    policies.switch_off(account=alpha.account, actor=None, now=clock.now)
    passes.ask_for_pass(user=eve, message="Of betatown.", now=clock.now)
    passes.grant_pass(user=eve, actor=None, reason="betatown rang", now=clock.now)
    client = owner_browser(alpha.owner)
    pages = client.get(person_page(eve)).content + client.get("/admin/").content
    assert "Deadline" not in pages.decode()
    assert "betatown" not in pages.decode()
    assert client.post(person_page(eve, "pass_revoke")).status_code == 404


def test_support_finds_all_of_it(alpha: Tenant, beta: Tenant) -> None:
    client = support_browser()
    for path in [*row_pages(alpha), *row_pages(beta)]:
        answer = client.get(path)
        assert answer.status_code == (404 if path.endswith("/staff/") else 200), path


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_members_and_admins_have_no_admin_at_all(alpha: Tenant, role: Role) -> None:
    person = make_user("plain@alphaville.example")
    Membership.objects.create(account=alpha.account, user=person, role=role)
    client: Client = sign_in(person)
    for path in [*lists(), *row_pages(alpha)]:
        answer = client.get(path)
        assert answer.status_code != 200, path
        assert "alphaville" not in answer.content.decode().replace(person.email, "")
