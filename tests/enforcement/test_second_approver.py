"""Where it takes two of support: asking, approving, declining, and what makes it idle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import objections, passwords
from accounts.models import Account, AuditEvent, Membership, Notice, Role, User
from enforcement import approvals, four_eyes, passes, support
from enforcement.models import Approval, Decision, Help, Pass, PassRequest
from tests.enforcement.approving import HOUR, REASON, ask, is_granted
from tests.enforcement.desk import person_page, root_browser, support_browser
from tests.enforcement.kit import (
    MS,
    enrolled_person,
    sign_in_with_code,
)
from tests.enforcement.shell import run
from tests.factories import make_user
from tests.journeys.clock import DAY, Clock
from tests.twofactor.people import Enrolled, enrol_app
from twofactor import devices

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S40")]

# Asking, approving, declining.


def refusal(client: Client, target: User, asked: Approval, action: str = "approve") -> str:
    """Post the form of an approval that must be refused; return the page."""
    fields = {"number": str(asked.pk), "reason": "no"}
    answer = client.post(person_page(target, action), fields)
    assert answer.status_code == 409
    assert not is_granted(target)
    return str(answer.content.decode())


def mails_of_a_grant() -> list[str]:
    kinds = Notice.objects.filter(kind__startswith="pass_").order_by("kind")
    return list(kinds.values_list("kind", flat=True))


def test_nothing_happens_before_a_second_one_approves(
    dora: Enrolled, owner: User, clock: Clock, two: None
) -> None:
    other = make_user("other@northwind.example")
    Membership.objects.create(account=Account.objects.get(), user=other, role=Role.OWNER)
    first = support_browser("first@gatehouse.example")
    page = first.get(person_page(owner, "pass")).content.decode()
    assert "It takes two, because Olga Owner is an owner of an account" in page
    answer = first.post(
        person_page(owner, "pass"), {"reason": REASON, "ticket": "T-1"}, follow=True
    )
    assert "It waits for a second of support" in answer.content.decode()
    assert (is_granted(owner), mails_of_a_grant()) == (False, [])
    asked = Approval.objects.get()
    assert asked.until == clock.now + HOUR
    clock.forward(minutes=5)
    second = support_browser("second@gatehouse.example")
    assert REASON in second.get("/admin/").content.decode()
    page = second.get(person_page(owner, "approve")).content.decode()
    for said in (REASON, "T-1", "first@gatehouse.example", f'value="{asked.pk}"'):
        assert said in page, said
    second.post(person_page(owner, "approve"), {"number": asked.pk})
    granted = Pass.objects.get()
    assert granted.granted_by
    assert granted.approved_by
    assert granted.granted_by.email == "first@gatehouse.example"
    assert granted.approved_by.email == "second@gatehouse.example"
    assert (granted.reason, granted.ticket) == (REASON, "T-1")
    assert (granted.granted_at, granted.until) == (clock.now, clock.now + DAY)
    assert mails_of_a_grant() == ["pass_granted", "pass_granted_owners"]
    rows = AuditEvent.objects.filter(subject_id=owner.pk, event__startswith="approval")
    assert list(rows.order_by("number").values_list("event", "actor_id")) == [
        ("approval_asked", granted.granted_by_id),
        ("approval_given", granted.approved_by_id),
    ]


def test_whoever_asked_can_not_approve(
    owner: User, dora: Enrolled, clock: Clock, two: None
) -> None:
    client = support_browser()
    client.post(person_page(owner, "pass"), {"reason": REASON})
    assert "a second one has to look" in refusal(client, owner, Approval.objects.get())


def test_whom_it_is_for_can_not_approve(clock: Clock, two: None) -> None:
    asker, target = (enrolled_person(is_staff=True, is_superuser=True) for _ in range(2))
    asked = ask(target.user, asker.user, clock)
    assert "to themselves" in refusal(sign_in_with_code(target), target.user, asked)


def test_for_staff_a_superuser_approves(colleague: Enrolled, clock: Clock, two: None) -> None:
    asker = enrolled_person(is_staff=True, is_superuser=True)
    asked = ask(colleague.user, asker.user, clock)
    assert "Only a superuser" in refusal(support_browser(), colleague.user, asked)
    root_browser().post(person_page(colleague.user, "approve"), {"number": asked.pk})
    assert is_granted(colleague.user)


@pytest.mark.parametrize(("wait", "granted"), [(HOUR - MS, True), (HOUR, False)])
def test_it_can_be_approved_for_an_hour(
    wait: timedelta,
    granted: bool,
    owner: User,
    dora: Enrolled,
    sam: Enrolled,
    clock: Clock,
    two: None,
) -> None:
    asked = ask(owner, sam.user, clock)
    clock.set(clock.now + wait)
    support_browser().post(person_page(owner, "approve"), {"number": asked.pk})
    assert is_granted(owner) is granted


def test_what_lapsed_makes_room(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    first = ask(owner, sam.user, clock)
    with pytest.raises(passes.NotGrantable, match="waits for a second approver already"):
        ask(owner, sam.user, clock)
    clock.forward(hours=1)
    second = ask(owner, sam.user, clock)
    first.refresh_from_db()
    assert (first.closed_as, second.closed_at) == (Decision.LAPSED, None)


def test_what_was_decided_is_decided_once(
    owner: User, dora: Enrolled, sam: Enrolled, colleague: Enrolled, clock: Clock, two: None
) -> None:
    asked = ask(owner, sam.user, clock)
    approvals.approve(user=owner, number=asked.pk, actor=colleague.user, now=clock.now)
    passes.revoke_pass(user=owner, actor=None, now=clock.now)
    assert "was decided" in refusal(support_browser(), owner, asked)
    assert "was decided" in refusal(support_browser("x@g.example"), owner, asked, "decline")


def test_only_what_was_read_is_approved(
    owner: User, dora: Enrolled, sam: Enrolled, colleague: Enrolled, clock: Clock, two: None
) -> None:
    read = ask(owner, sam.user, clock)
    told: dict[str, Any] = {"user": owner, "number": read.pk, "now": clock.now}
    approvals.decline(actor=colleague.user, reason="no", **told)
    ask(owner, colleague.user, clock)
    client = support_browser()
    assert "Another wish" in refusal(client, owner, read)
    assert "Another wish" in refusal(client, owner, read, "decline")


def demoted(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=False)


def kept_out(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def without_device(person: User) -> None:
    devices.app_of(person).delete()  # type: ignore[union-attr]


def gone(person: User) -> None:
    person.delete()


LOSSES = [demoted, kept_out, without_device, gone]


@pytest.mark.parametrize("lose", LOSSES)
def test_who_asked_must_still_be_allowed_to(
    lose: Callable[[User], None],
    owner: User,
    dora: Enrolled,
    sam: Enrolled,
    colleague: Enrolled,
    clock: Clock,
    two: None,
) -> None:
    asked = ask(owner, sam.user, clock)
    lose(sam.user)
    refusal(support_browser(), owner, asked)
    assert ask(owner, colleague.user, clock)


@pytest.mark.parametrize("lose", [demoted, kept_out, without_device])
def test_who_approves_must_still_be_allowed_to(
    lose: Callable[[User], None],
    owner: User,
    dora: Enrolled,
    sam: Enrolled,
    colleague: Enrolled,
    clock: Clock,
    two: None,
) -> None:
    """The rights that count are those in the database, not those the request came with."""
    asked = ask(owner, sam.user, clock)
    lose(User.objects.get(pk=colleague.user.pk))
    with pytest.raises(support.NotAllowed):
        approvals.approve(user=owner, number=asked.pk, actor=colleague.user, now=clock.now)
    assert not is_granted(owner)


def test_an_owner_who_asked_takes_it_back_and_no_other_owner_does(
    northwind: Account, dora: Enrolled, owner: User, clock: Clock, settings: Settings, two: None
) -> None:
    settings.TWO_FACTOR_OWNER_PASSES = True
    other = enrolled_person(email="other@northwind.example")
    member = Membership.objects.get(user=dora.user)
    Membership.objects.filter(pk=member.pk).update(role=Role.OWNER)
    Membership.objects.create(account=northwind, user=other.user, role=Role.OWNER)
    asker = enrol_app(owner, now=clock.now)
    asked = ask(dora.user, asker.user, clock)
    given = {"number": asked.pk, "reason": "She found it."}
    clock.forward(minutes=1)
    page = person_page(dora.user, "decline")
    for enrolled, status in ((other, 404), (asker, 302)):
        client = sign_in_with_code(enrolled)
        assert ("Decline what waits" in shown(client, dora.user)) is (status == 302)
        assert client.post(page, given).status_code == status
    asked.refresh_from_db()
    assert (asked.closed_as, asked.closed_by) == (Decision.DECLINED, asker.user)


def shown(client: Client, person: User) -> str:
    return str(client.get(person_page(person)).content.decode())


def test_declining_needs_a_reason_and_changes_nothing(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    asked = ask(owner, sam.user, clock)
    client = support_browser()
    client.post(person_page(owner, "decline"), {"number": asked.pk, "reason": " "})
    asked.refresh_from_db()
    assert asked.closed_at is None
    client.post(person_page(owner, "decline"), {"number": asked.pk, "reason": "Wrong voice."})
    asked.refresh_from_db()
    assert (asked.closed_as, is_granted(owner)) == (Decision.DECLINED, False)
    assert mails_of_a_grant() == []
    row = AuditEvent.objects.get(event="approval_declined")
    assert row.after == {"what": "pass", "reason": "Wrong voice."}


# For whom two are needed.


@pytest.mark.parametrize(("age", "waits"), [(30 * DAY - MS, True), (30 * DAY, False)])
def test_a_repeat_within_thirty_days_takes_two(
    age: timedelta, waits: bool, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    passes.grant_pass(user=dora.user, actor=sam.user, reason="lost", now=clock.now)
    passes.revoke_pass(user=dora.user, actor=sam.user, now=clock.now)
    clock.set(clock.now + age)
    made = approvals.grant_or_ask(
        user=dora.user, actor=sam.user, reason="again", ticket="", now=clock.now
    )
    assert isinstance(made, Approval) is waits


def test_the_pass_of_somebody_else_asks_for_no_second_one(
    dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    passes.grant_pass(user=dora.user, actor=sam.user, reason="lost", now=clock.now)
    other = enrolled_person(email="other@northwind.example")
    assert passes.grant_pass(user=other.user, actor=sam.user, reason="lost", now=clock.now)


def test_no_other_door_leads_around_it(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    told: dict[str, Any] = {"user": owner, "actor": sam.user, "reason": REASON, "now": clock.now}
    with pytest.raises(four_eyes.ApproverNeeded):
        passes.grant_pass(**told)
    enrol_app(owner, now=clock.now)
    with pytest.raises(four_eyes.ApproverNeeded):
        support.reset(**told)
    assert devices.has_device(owner)


def test_a_reset_takes_two_where_a_pass_does(
    owner: User, dora: Enrolled, clock: Clock, two: None
) -> None:
    """Else whoever may not grant alone would take the factor away alone."""
    enrol_app(owner, now=clock.now)
    first = support_browser("first@gatehouse.example")
    first.post(person_page(owner, "reset"), {"reason": REASON})
    assert devices.has_device(owner)
    asked = Approval.objects.get()
    assert asked.what == Help.RESET
    refusal(first, owner, asked)
    root_browser().post(person_page(owner, "approve"), {"number": asked.pk})
    assert not devices.has_device(User.objects.get(pk=owner.pk))
    assert not Pass.objects.exists()


def test_the_operator_breaks_the_glass_alone(
    owner: User, dora: Enrolled, sam: Enrolled, two: None
) -> None:
    under_a_name = run("grant_pass", owner.email, "--reason", "lost", "--by", sam.user.email)
    assert "waits for a second of support" in under_a_name
    assert not is_granted(owner)
    assert "has a pass until" in run("grant_pass", owner.email, "--reason", "lost")
    assert is_granted(owner)
    assert Approval.objects.get().closed_as == Decision.LAPSED


# What makes it idle.


def test_set_up_leaves_nothing_to_approve(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    asked = ask(owner, sam.user, clock)
    enrol_app(owner, now=clock.now)
    assert "Nothing waits" in refusal(support_browser(), owner, asked)


def test_what_waits_for_somebody_else_goes_on_waiting(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    other = make_user("other@northwind.example")
    Membership.objects.create(account=Account.objects.get(), user=other, role=Role.OWNER)
    for person in (owner, other):
        passes.ask_for_pass(user=person, message="Please!", now=clock.now)
        ask(person, sam.user, clock)
    enrol_app(owner, now=clock.now)
    assert Approval.objects.get(closed_at=None).user == other
    assert PassRequest.objects.get(closed_at=None).user == other


def test_an_objection_leaves_nothing_to_approve(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    """Somebody asked for it in the owner's name, and the owner says so."""
    passes.ask_for_pass(user=owner, message="It is me!", now=clock.now)
    asked = ask(owner, sam.user, clock)
    objections.act(Notice.objects.get(kind="pass_asked"), now=clock.now)
    assert "Nothing waits" in refusal(support_browser(), owner, asked)


def test_it_wasn_t_me_leaves_nothing_to_approve_whatever_it_is_about(
    owner: User, dora: Enrolled, sam: Enrolled, clock: Clock, two: None
) -> None:
    passwords.change_password(user=owner, password="a word of a stranger", now=clock.now)
    asked = ask(User.objects.get(pk=owner.pk), sam.user, clock)
    objections.act(Notice.objects.get(kind="password_changed"), now=clock.now)
    asked.refresh_from_db()
    assert (asked.closed_at, asked.closed_as) == (clock.now, Decision.LAPSED)
