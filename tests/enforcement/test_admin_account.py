"""An account's page in the admin: what it shows, and which of its fields take a change."""

import re
from typing import Any

import pytest

from accounts import delivery
from accounts.models import Account, AuditEvent, Membership, Notice, Plan, User
from enforcement import account_changes, notices, policies
from enforcement.models import Policy
from tests.enforcement.desk import account_page, owner_browser, requirement_page, support_browser
from tests.factories import make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def stored(account: Account) -> Account:
    return Account.objects.get(pk=account.pk)


EVERYTHING = {
    "name": "Northwind Films", "plan": "free", "slug": "taken", "email_domains": "evil.example",
    "created_at": "2000-01-01", "id": "99", "deadline": "2030-01-01", "policies": "1",
}  # fmt: skip


def test_the_page_is_called_by_the_account(owner: User, northwind: Account) -> None:
    shown = owner_browser(owner).get(account_page(northwind)).content.decode()
    title = shown.partition("<title>")[2].partition("</title>")[0]
    assert " ".join(title.split()) == "Northwind · Gatehouse admin"


def test_an_owner_changes_the_name_and_nothing_else(owner: User, northwind: Account) -> None:
    answer = owner_browser(owner).post(account_page(northwind), EVERYTHING)
    assert answer.status_code == 302
    after = stored(northwind)
    assert after.name == "Northwind Films"
    assert (after.plan, after.slug) == (Plan.ENTERPRISE, "northwind")
    assert (after.email_domains, after.created_at) == ([], northwind.created_at)
    row = AuditEvent.objects.get(event="account_changed")
    assert (row.before, row.after) == ({"name": "Northwind"}, {"name": "Northwind Films"})
    assert row.actor_id == owner.pk


def test_a_rename_takes_nothing_back_that_support_changed_meanwhile(
    owner: User, northwind: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, new = account_changes.change, {"plan": Plan.FREE, "email_domains": ["northwind.example"]}

    def late(**asked: Any) -> None:
        Account.objects.filter(pk=northwind.pk).update(**new)
        real(**asked)

    monkeypatch.setattr(account_changes, "change", late)
    assert owner_browser(owner).post(account_page(northwind), EVERYTHING).status_code == 302
    after = stored(northwind)
    assert after.name == "Northwind Films"
    assert (after.plan, after.email_domains) == (Plan.FREE, ["northwind.example"])
    assert AuditEvent.objects.get(event="account_changed").after == {"name": "Northwind Films"}


def test_support_changes_plan_and_domains(northwind: Account) -> None:
    given = {"name": "Northwind", "plan": "team", "email_domains": "Northwind.example\n@b.example"}
    assert support_browser().post(account_page(northwind), given).status_code == 302
    after = stored(northwind)
    assert (after.plan, after.email_domains) == (Plan.TEAM, ["northwind.example", "b.example"])
    row = AuditEvent.objects.get(event="account_changed")
    assert set(row.after or {}) == {"plan", "email_domains"}


def test_a_change_of_nothing_is_no_event(northwind: Account) -> None:
    given = {"name": "Northwind", "plan": "enterprise", "email_domains": ""}
    assert support_browser().post(account_page(northwind), given).status_code == 302
    assert not AuditEvent.objects.filter(event="account_changed").exists()


@pytest.mark.parametrize("domains", ["no domain", "a@b.example", "<script>", "-x.example", "\0"])
def test_what_is_no_domain_is_refused(domains: str, northwind: Account) -> None:
    given = {"name": "Northwind", "plan": "enterprise", "email_domains": domains}
    answer = support_browser().post(account_page(northwind), given)
    assert answer.status_code == 200
    assert "email_domains" in answer.context["adminform"].form.errors
    assert stored(northwind).email_domains == []


@pytest.mark.parametrize("plan", ["free", "team"])
def test_the_plan_stays_while_the_requirement_is_on(
    plan: str, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = support_browser()
    given = {"name": "Northwind", "plan": plan, "email_domains": ""}
    answer = client.post(account_page(northwind), given)
    assert "Switch the requirement off first; then change the plan." in text_of(answer)
    assert stored(northwind).plan == Plan.ENTERPRISE
    policies.switch_off(account=northwind, actor=None, now=clock.now)
    assert client.post(account_page(northwind), given).status_code == 302
    assert stored(northwind).plan == plan


@pytest.mark.proves("S64")
def test_the_page_tells_whom_no_mail_reached(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    client = owner_browser(owner)
    assert "not required" in text_of(client.get(account_page(northwind)))
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    assert "being prepared" in text_of(client.get(account_page(northwind)))
    notices.announce(now=clock.now)
    Notice.objects.filter(user=ada, kind="requirement_must_act").update(
        state=Notice.State.FAILED, error="SMTPRecipientsRefused 550"
    )
    words = text_of(client.get(account_page(northwind)))
    assert "0 sent, 1 waiting, 1 failed" in words
    assert "ada@northwind.example Requirement: please set up SMTPRecipientsRefused 550" in words
    delivery.send_due(now=clock.now)
    assert "1 sent, 0 waiting, 1 failed" in text_of(client.get(account_page(northwind)))


def test_the_page_tells_when_the_deadline_is_over(
    owner: User, northwind: Account, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    client = support_browser()
    assert "required soon" in text_of(client.get(account_page(northwind)))
    clock.forward(hours=24)
    words = text_of(support_browser("late@gatehouse.example").get(account_page(northwind)))
    assert "required The time to set up is over." in words
    assert "by owner@northwind.example" in words


def test_nobody_edits_a_period(northwind: Account, clock: Clock) -> None:
    policy = policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = support_browser()
    client.post(account_page(northwind), EVERYTHING | {"plan": "enterprise"})
    assert Policy.objects.get() == policy
    assert Policy.objects.get().deadline == policy.deadline
    for path in ("/admin/enforcement/policy/", f"/admin/enforcement/policy/{policy.pk}/change/"):
        assert client.get(path).status_code == 404


def test_names_are_shown_as_text(owner: User, northwind: Account) -> None:
    mallory = make_user("m@northwind.example", name="<img src=x>")
    Membership.objects.create(account=northwind, user=mallory)
    Account.objects.filter(pk=northwind.pk).update(name="<b>bold</b>")
    client = owner_browser(owner)
    for path in ("/admin/", "/admin/accounts/account/", "/admin/accounts/user/",
                 account_page(northwind)):  # fmt: skip
        page = client.get(path).content.decode()
        assert "<img src=x>" not in page, path
        assert "<b>bold" not in page, path


def test_pages_ask_for_nothing_that_the_browser_forbids(owner: User, northwind: Account) -> None:
    """No inline script or style, which the content security policy would block."""
    client = owner_browser(owner)
    for path in ("/admin/", "/admin/accounts/account/", "/admin/accounts/user/",
                 "/admin/accounts/auditevent/", "/admin/accounts/notice/",
                 account_page(northwind), requirement_page(northwind)):  # fmt: skip
        answer = client.get(path)
        page = answer.content.decode()
        assert answer.status_code == 200, path
        assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page), path
        assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_the_pages_speak_of_desk_and_accounts_and_tell_times_with_their_zone(
    owner: User, northwind: Account
) -> None:
    client = owner_browser(owner)
    listed = text_of(client.get("/admin/accounts/account/"))
    assert "Desk \u203a Accounts" in listed
    assert "Select account" not in listed
    assert "Home" not in listed
    page = text_of(client.get(account_page(northwind)))
    assert "Desk \u203a Accounts \u203a Northwind" in page
    assert "Created: Wed 25 Nov 2026, 09:30:10 UTC" in page
    assert not re.search(r"\d [ap]\.m\.", page)
