"""The audit and the mails in the admin: to be read, by who may, and not to be changed."""

from typing import Any

import pytest

from accounts import audit, mail, seals
from accounts.audit import Event
from accounts.models import Account, AuditEvent, AuditSeal, Notice, User
from tests.enforcement.desk import owner_browser, root_browser, row_page, support_browser
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db
AUDIT, MAILS = "/admin/accounts/auditevent/", "/admin/accounts/notice/"


def hash_of(row: AuditEvent) -> str:
    seals.seal_all()
    return AuditSeal.objects.get(row=row.pk).hash


def shown(answer: Any) -> list[Any]:
    return list(answer.context["cl"].result_list)


@pytest.fixture
def rows(ada: User, owner: User, northwind: Account, clock: Clock) -> Account:
    audit.record(Event.PASS_GRANTED, actor=None, subject=ada, now=clock.now)
    audit.record(Event.POLICY_ON, actor=owner, account=northwind, now=clock.now)
    audit.record(Event.JOINED, actor=ada, subject=ada, account=northwind, now=clock.now)
    return northwind


def test_the_audit_is_found_by_person_event_and_day(rows: Account, ada: User) -> None:
    client = support_browser()
    about = {"pass_granted", "joined"}
    for query in (f"?q={ada.pk}", "?q=ADA@northwind.example"):
        assert {row.event for row in shown(client.get(AUDIT + query))} == about
    assert [row.event for row in shown(client.get(AUDIT + "?event=joined"))] == ["joined"]
    assert shown(client.get(AUDIT + "?at__gte=2030-01-01T00:00:00%2B00:00")) == []
    assert len(shown(client.get(AUDIT + f"?account_id={rows.pk}"))) == 2


@pytest.mark.parametrize("term", ["x", "9" * 30, "²", "\0", "a@b.example", "-1", " "])
def test_odd_searches_are_no_error(term: str, rows: Account) -> None:
    client = support_browser()
    for path in (AUDIT, MAILS, "/admin/accounts/user/", "/admin/accounts/account/"):
        assert client.get(path, {"q": term}).status_code == 200, path


def test_no_text_inside_a_row_is_searched(rows: Account, clock: Clock) -> None:
    client = support_browser()
    for lookup in ("hash__startswith=a", "after__icontains=x", "address=1.1.1.1", "actor=abc"):
        assert client.get(f"{AUDIT}?{lookup}").status_code == 400, lookup
    for lookup in ("nonce__startswith=a", "context__icontains=x", "user__stamp=1"):
        assert client.get(f"{MAILS}?{lookup}").status_code == 400, lookup


def test_nobody_changes_the_audit(rows: Account) -> None:
    client = root_browser()
    row = AuditEvent.objects.get(event="joined")
    path = row_page(row)
    assert client.get(path).status_code == 200
    assert client.post(path, {"event": "left"}).status_code == 403
    assert client.post(AUDIT, {"action": "delete_selected", "_selected_action": [row.pk]})
    assert AuditEvent.objects.get(pk=row.pk).event == "joined"
    assert audit.first_bad_row() is None


def whole(page: Any) -> str:
    """Return the page as it is read: without the places at which an address may be broken."""
    return str(page.content.decode().replace("<wbr>", ""))


def test_an_owner_learns_no_address_of_support(rows: Account, owner: User, clock: Clock) -> None:
    sam = make_user("sam@gatehouse.example", is_staff=True)
    audit.record(Event.POLICY_OFF, actor=sam, account=rows, now=clock.now)
    row = AuditEvent.objects.get(event="policy_off")
    client = owner_browser(owner)
    for path in (AUDIT, row_page(row)):
        page = whole(client.get(path))
        assert "sam@" not in page
        assert "Support" in page
        assert hash_of(row) not in page
    assert "sam@gatehouse.example" in whole(support_browser().get(AUDIT))


def test_a_page_is_called_by_what_happened_in_words(
    rows: Account, owner: User, ada: User, clock: Clock
) -> None:
    mail.owe("mail_trouble", to=ada, occasion="x", account=rows, now=clock.now)
    event = AuditEvent.objects.get(event="joined")
    for client in (owner_browser(owner), support_browser()):
        for row, words in (
            (event, "Joined"),
            (Notice.objects.get(kind="mail_trouble"), "Mail trouble"),
        ):
            page = client.get(row_page(row)).content.decode()
            assert f"<h1>{words}</h1>" in page
            assert f"<title>{words} · Gatehouse admin</title>" in page


def test_a_deleted_person_stands_as_a_pseudonym(clock: Clock) -> None:
    gone = make_user("gone@northwind.example")
    audit.record(Event.PERSON_ADDED, actor=gone, subject=gone, now=clock.now)
    row = AuditEvent.objects.get(event="person_added")
    gone.delete()
    page = support_browser().get(AUDIT).content.decode()
    assert row.subject[:8] in page
    assert "gone@" not in page


def test_mails_are_listed_without_what_they_say(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    mail.owe(
        "mail_trouble", to=ada, occasion="x", account=northwind, now=clock.now,
        context={"hidden": "words of the mail"},
    )  # fmt: skip
    notice = Notice.objects.get()
    for client in (owner_browser(owner), support_browser()):
        for path in (MAILS, row_page(notice)):
            page = client.get(path).content.decode()
            assert "ada@northwind.example" in page
            assert "words of the mail" not in page
            assert notice.nonce not in page
        assert client.post(row_page(notice), {"state": "sent"}).status_code == 403


def test_mails_are_narrowed_to_an_account(
    owner: User, ada: User, northwind: Account, clock: Clock
) -> None:
    second, foreign = make_account("second", owner=owner), make_account("elsewhere")
    for account in (northwind, second, foreign):
        mail.owe("mail_trouble", to=ada, occasion=account.slug, account=account, now=clock.now)
    client, support = owner_browser(owner), support_browser()
    for browser in (client, support):
        found = shown(browser.get(f"{MAILS}?account=second"))
        assert [row.account_id for row in found] == [second.pk]
        assert browser.get(f"{MAILS}?account=nowhere").status_code == 404
    assert client.get(f"{MAILS}?account=elsewhere").status_code == 404
    assert {row.account_id for row in shown(client.get(MAILS))} == {northwind.pk, second.pk}


def test_only_an_owner_of_several_accounts_is_offered_a_choice(
    owner: User, northwind: Account
) -> None:
    client, choice = owner_browser(owner), "?account=northwind"
    assert choice not in client.get(MAILS).content.decode()
    make_account("second", owner=owner)
    assert choice in client.get(MAILS).content.decode()
    assert choice not in support_browser().get(MAILS).content.decode()


def test_lists_cost_the_same_for_any_number_of_rows(
    northwind: Account, ada: User, clock: Clock, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        other = make_account(owner=make_user())
        audit.record(Event.JOINED, actor=ada, subject=ada, account=other, now=clock.now)
        mail.owe("mail_trouble", to=ada, occasion=str(number), account=other, now=clock.now)
    client = support_browser()
    for path in (AUDIT, MAILS, "/admin/accounts/account/"):
        with django_assert_max_num_queries(8):
            assert client.get(path).status_code == 200
