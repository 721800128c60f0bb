"""Changing the address: asking for it, and confirming it in the new mailbox."""

from datetime import datetime
from typing import Any

import pytest
from django.core import mail as outgoing
from django.test import Client

from accounts import addresses, delivery, objections
from accounts.addresses import NotChangeable
from accounts.models import Account, AuditEvent, EndReason, Membership, Notice, User
from enforcement import passes, policies
from enforcement.standing import standing_for
from tests.accounts.changing import NEW, address_of, ask, link
from tests.enforcement.kit import (
    DAY,
    MS,
    browser,
    enrolled_person,
    is_in,
    sign_in,
)
from tests.factories import make_account, make_user
from tests.journeys.clock import Clock

pytestmark = pytest.mark.django_db


def told_of(kind: str) -> set[str]:
    return set(Notice.objects.filter(kind=kind).values_list("recipient", flat=True))


@pytest.mark.proves("S44")
def test_nothing_changes_before_the_new_mailbox_confirms(verified: Client, person: User) -> None:
    assert ask(verified)["Location"] == "/settings/email/"
    assert address_of(person) == "ada@home.example"
    assert told_of("address_confirm") == {NEW}
    assert told_of("address_confirm_old") == set()
    page = browser().get(link())
    assert page.status_code == 200
    assert address_of(person) == "ada@home.example"


@pytest.mark.proves("S44", "B105")
def test_the_new_mailbox_alone_confirms_where_a_factor_was_given(
    verified: Client, person: User
) -> None:
    ask(verified)
    assert browser().post(link()).context["is_done"]
    found = User.objects.get(pk=person.pk)
    assert (found.email, found.ended_reason) == (NEW, EndReason.ADDRESS)
    assert found.mailbox_nonce != person.mailbox_nonce
    assert told_of("address_changed") == {NEW, "ada@home.example"}
    for notice in Notice.objects.filter(kind="address_changed"):
        assert not notice.context["by_support"]
    row = AuditEvent.objects.get(event="email_changed")
    assert "example" not in f"{row.before}{row.after}"


def test_the_changes_of_two_people_do_not_meet(
    verified: Client, person: User, ada: User, now: datetime
) -> None:
    ask(verified)
    mine = link()
    addresses.ask(user=ada, email="lovelace@work.example", needs_both=True, now=now)
    assert addresses.awaited(person, now=now) == [NEW]
    assert browser().post(mine).context["is_done"]
    assert address_of(person) == NEW
    assert len(addresses.awaited(ada, now=now)) == 2


def test_who_confirms_in_the_own_browser_stays_in_and_others_end(
    verified: Client, person: User, clock: Clock
) -> None:
    ask(verified)
    assert verified.post(link()).context["is_done"]
    assert is_in(verified)
    assert verified.get("/settings/").wsgi_request.user == person


def test_a_change_elsewhere_ends_every_session(verified: Client, person: User) -> None:
    ask(verified)
    browser().post(link())
    assert not is_in(verified)


@pytest.mark.proves("S44", "B105")
def test_in_the_window_both_mailboxes_confirm(northwind: Any, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    ask(sign_in(ada))
    assert told_of("address_confirm_old") == {ada.email}
    assert browser().post(link()).context["is_half"]
    assert address_of(ada) == ada.email
    assert browser().post(link("address_confirm_old")).context["is_done"]
    assert address_of(ada) == NEW


def test_on_a_pass_both_mailboxes_confirm(clock: Clock) -> None:
    person = enrolled_person().user
    passes.grant_pass(user=person, actor=None, reason="Lost phone", now=clock.now)
    ask(sign_in(person))
    assert browser().post(link("address_confirm_old")).context["is_half"]
    assert address_of(person) == person.email
    assert browser().post(link()).context["is_done"]
    assert address_of(person) == NEW


def test_one_mailbox_confirming_twice_is_no_second_voice(ada: User, clock: Clock) -> None:
    ask(sign_in(ada))
    path = link()
    assert browser().post(path).context["is_half"]
    assert browser().post(path).status_code == 410
    assert address_of(ada) == ada.email


@pytest.mark.proves("B105")
def test_a_deadline_stays_when_the_address_changes(northwind: Any, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    before = standing_for(User.objects.get(pk=ada.pk)).deadlines
    ask(sign_in(ada))
    browser().post(link())
    browser().post(link("address_confirm_old"))
    assert address_of(ada) == NEW
    assert standing_for(User.objects.get(pk=ada.pk)).deadlines == before


@pytest.mark.parametrize("later", [DAY - MS, DAY])
def test_a_link_lives_a_day(later: Any, verified: Client, person: User, clock: Clock) -> None:
    ask(verified)
    clock.set(clock.now + later)
    answer = browser().post(link())
    assert answer.status_code == (200 if later < DAY else 410)
    assert (address_of(person) == NEW) is (later < DAY)


def test_an_account_called_all_is_not_taken_for_all_of_them(verified: Client, person: User) -> None:
    for slug in ("all", "northwind"):
        make_account(slug, members=(person,))
    ask(verified)
    assert "membership" not in Notice.objects.get(kind="address_confirm").context


def test_a_newer_change_voids_the_older(verified: Client, person: User, clock: Clock) -> None:
    ask(verified, "first@work.example")
    first = link()
    clock.forward(minutes=1)
    ask(verified, "second@work.example")
    assert browser().post(first).status_code == 410
    assert browser().post(link()).context["is_done"]
    assert address_of(person) == "second@work.example"


@pytest.mark.proves("S44")
def test_the_link_in_another_person_s_browser_is_refused(
    verified: Client, person: User, owner: User
) -> None:
    ask(verified)
    other = sign_in(owner)
    assert other.get(link()).status_code == 403
    assert other.post(link()).status_code == 403
    assert address_of(person) == "ada@home.example"


def test_a_taken_address_is_told_to_nobody(
    verified: Client, person: User, owner: User, clock: Clock
) -> None:
    answers = []
    for email, mailed in ((owner.email, set()), (NEW, {NEW})):
        answers.append(ask(verified, email))
        outgoing.outbox.clear()
        # Before a newer change voids it.
        while delivery.send_due(now=clock.now):
            continue
        assert {each.to[0] for each in outgoing.outbox} - {person.email} == mailed
    taken, free = answers
    assert (taken.status_code, taken["Location"]) == (free.status_code, free["Location"])


def test_the_mailbox_of_a_sign_in_is_asked_where_one_membership_moves_to_it(
    northwind: Account, ada: User, clock: Clock
) -> None:
    work, mine = make_user("ada@work.example"), Membership.objects.get(user=ada)
    addresses.ask(user=ada, email=work.email, needs_both=False, membership=mine, now=clock.now)
    delivery.send_due(now=clock.now)
    assert [each.to[0] for each in outgoing.outbox] == [work.email]


def test_an_address_taken_meanwhile_is_refused(verified: Client, person: User) -> None:
    ask(verified)
    make_user(NEW)
    assert browser().post(link()).status_code == 409
    assert address_of(person) == "ada@home.example"


@pytest.mark.parametrize("email", ["ada@home.example", "ADA@Home.example ", "nobody", "", "a@b"])
def test_what_is_no_other_address_is_refused_on_the_page(
    email: str, verified: Client, person: User
) -> None:
    page = ask(verified, email)
    assert page.status_code == 200
    assert page.context["form"].errors["email"]


@pytest.mark.proves("S44", "B105")
def test_an_old_sign_in_must_give_proof_again(verified: Client, person: User, clock: Clock) -> None:
    clock.forward(minutes=10)
    assert ask(verified)["Location"] == "/reauthenticate/?next=%2Fsettings%2Femail%2F"
    assert told_of("address_confirm") == set()


@pytest.mark.parametrize(
    "token", ["", "1", "1-", "-1", "x-y", "1-" + "0" * 64, "9" * 5000, "\u0661"]
)
def test_a_made_up_link_opens_nothing(token: str, verified: Client) -> None:
    ask(verified)
    assert addresses.find(token, now=Notice.objects.latest("pk").created_at) is None
    assert objections.find(token, now=Notice.objects.latest("pk").created_at) is None


def test_asking_for_the_own_address_is_refused(ada: User, now: datetime) -> None:
    with pytest.raises(NotChangeable):
        addresses.ask(user=ada, email="ADA@northwind.example", needs_both=False, now=now)
