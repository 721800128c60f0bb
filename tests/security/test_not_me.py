"""“It wasn't me”: what each mail's link takes back, and what it must leave alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import letters, passwords
from accounts.models import Account, AuditEvent, Notice, User
from enforcement import passes, policies, support
from enforcement.models import Pass, PassRequest
from tests.enforcement.kit import (
    MS,
    browser,
    enrolled_person,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.factories import PASSWORD, make_account, make_user
from tests.journeys.clock import Clock
from tests.journeys.post import code_in, mails_to, run_jobs
from tests.twofactor.people import Enrolled, enrol_app, enrol_phone, stamp_of
from twofactor import devices, enrolment
from twofactor.models import BackupCodeSet, SMSDevice, TOTPDevice

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S15")]


@pytest.fixture
def owner(clock: Clock) -> User:
    return make_user("owner@northwind.example", name="Olga Owner")


@pytest.fixture
def ada(clock: Clock) -> User:
    return make_user("ada@northwind.example", name="Ada Lovelace")


@pytest.fixture
def northwind(owner: User, ada: User) -> Account:
    return make_account("northwind", owner=owner, members=(ada,))


@pytest.fixture
def enrolled(northwind: Account, ada: User, clock: Clock) -> Enrolled:
    """Somebody set up an app with Ada's password."""
    return enrol_app(ada, now=clock.now)


@pytest.fixture
def support_person(clock: Clock) -> User:
    return enrolled_person(email="support@gatehouse.example", is_staff=True).user


def mailed(kind: str, person: User) -> Notice:
    return Notice.objects.filter(kind=kind, user=person).latest("pk")


def object_to(kind: str, person: User) -> Any:
    """Press the button behind the link of the latest mail of a kind."""
    return browser().post(link(mailed(kind, person)))


def link(notice: Notice) -> str:
    return f"/not-me/{letters.not_me_token(notice)}/"


def has_codes(person: User) -> bool:
    return BackupCodeSet.objects.filter(user=person).exists()


def test_objecting_to_a_set_up_takes_the_device_and_its_codes_away(
    enrolled: Enrolled, clock: Clock
) -> None:
    thief = sign_in_with_code(enrolled)
    assert object_to("set_up_done", enrolled.user).context["is_done"]
    assert not is_in(thief)
    assert not devices.has_device(enrolled.user)
    assert not has_codes(enrolled.user)
    assert not User.objects.get(pk=enrolled.user.pk).has_usable_password()


def test_the_next_sign_in_leads_to_set_up_with_a_mailed_code(
    enrolled: Enrolled, northwind: Account, owner: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    clock.forward(days=2)
    object_to("set_up_done", enrolled.user)
    person = User.objects.get(pk=enrolled.user.pk)
    passwords.reset_password(user=person, password=PASSWORD, now=clock.now)
    client = browser()
    answer = client.post("/login/", {"email": person.email, "password": PASSWORD})
    assert answer["Location"] == "/two-factor/setup/mailbox/"
    run_jobs()
    code = code_in(mails_to(person.email, "Your code for setting up")[-1])
    assert client.post("/two-factor/setup/mailbox/", {"code": code})["Location"].startswith(
        "/two-factor/setup/"
    )


def test_what_a_thief_added_to_the_own_set_up_goes_with_it(
    enrolled: Enrolled, clock: Clock
) -> None:
    enrol_phone(enrolled.user, now=clock.now)
    object_to("set_up_done", enrolled.user)
    assert not devices.has_device(enrolled.user)


def test_a_set_up_of_the_person_after_a_reset_stays(
    enrolled: Enrolled, northwind: Account, support_person: User, clock: Clock
) -> None:
    thief_s = mailed("set_up_done", enrolled.user)
    support.reset(user=enrolled.user, actor=support_person, reason="a thief", now=clock.now)
    clock.forward(hours=1)
    own = enrol_app(User.objects.get(pk=enrolled.user.pk), now=clock.now)
    assert browser().post(link(thief_s)).context["is_done"]
    assert own.app is not None
    assert TOTPDevice.objects.filter(pk=own.app.pk).exists()
    assert has_codes(enrolled.user)


def test_a_set_up_of_the_person_under_a_pass_stays(
    enrolled: Enrolled, northwind: Account, support_person: User, clock: Clock
) -> None:
    thief_s = mailed("set_up_done", enrolled.user)
    passes.grant_pass(user=enrolled.user, actor=support_person, reason="lost", now=clock.now)
    clock.forward(hours=1)
    enrol_app(User.objects.get(pk=enrolled.user.pk), now=clock.now)
    browser().post(link(thief_s))
    assert devices.can_verify(User.objects.get(pk=enrolled.user.pk))
    assert has_codes(enrolled.user)


def test_a_device_that_was_added_goes_and_the_one_before_it_stays(
    enrolled: Enrolled, clock: Clock
) -> None:
    clock.forward(days=8)
    enrol_phone(enrolled.user, now=clock.now)
    object_to("device_added", enrolled.user)
    assert TOTPDevice.objects.filter(user=enrolled.user, confirmed=True).count() == 1
    assert not SMSDevice.objects.filter(user=enrolled.user).exists()
    assert not has_codes(enrolled.user)


def test_a_device_that_took_another_s_place_goes(enrolled: Enrolled, clock: Clock) -> None:
    clock.forward(days=8)
    enrol_app(enrolled.user, now=clock.now)
    object_to("device_replaced", enrolled.user)
    assert not devices.has_device(enrolled.user)
    assert not has_codes(enrolled.user)


def test_a_replacement_of_the_replacement_stays(enrolled: Enrolled, clock: Clock) -> None:
    enrol_app(enrolled.user, now=clock.now)
    first = mailed("device_replaced", enrolled.user)
    clock.forward(hours=1)
    own = enrol_app(enrolled.user, now=clock.now)
    browser().post(link(first))
    assert own.app is not None
    assert TOTPDevice.objects.filter(pk=own.app.pk, confirmed=True).exists()
    assert has_codes(enrolled.user)


def test_codes_that_were_made_go_and_the_device_stays(enrolled: Enrolled, clock: Clock) -> None:
    made_codes(enrolled.user, now=clock.now)
    object_to("codes_made", enrolled.user)
    assert devices.has_device(enrolled.user)
    assert not has_codes(enrolled.user)


def test_codes_that_were_made_since_stay(enrolled: Enrolled, clock: Clock) -> None:
    made_codes(enrolled.user, now=clock.now)
    first = mailed("codes_made", enrolled.user)
    clock.forward(minutes=5)
    made_codes(enrolled.user, now=clock.now)
    browser().post(link(first))
    assert has_codes(enrolled.user)


def made_codes(person: User, *, now: datetime) -> None:
    enrolment.new_codes(person, stamp_read=stamp_of(person), now=now)


def test_a_used_code_ends_sessions_and_voids_the_password(enrolled: Enrolled, clock: Clock) -> None:
    thief = sign_in(enrolled.user)
    assert thief.post("/login/recovery/", {"code": enrolled.codes[0]}).status_code == 302
    assert is_in(thief)
    object_to("code_used", enrolled.user)
    assert not is_in(thief)
    assert not User.objects.get(pk=enrolled.user.pk).has_usable_password()
    assert devices.has_device(enrolled.user)


@pytest.mark.parametrize("kind", ["pass_granted", "pass_asked"])
def test_a_pass_is_revoked_and_the_old_set_is_whole_again(
    kind: str, enrolled: Enrolled, support_person: User, clock: Clock
) -> None:
    passes.ask_for_pass(user=enrolled.user, message="", now=clock.now)
    clock.forward(hours=1)
    granted = passes.grant_pass(
        user=enrolled.user, actor=support_person, reason="lost", now=clock.now
    )
    thief = sign_in(enrolled.user)
    assert is_in(thief)
    object_to(kind, enrolled.user)
    granted.refresh_from_db()
    assert granted.closed_as == "revoked"
    assert not is_in(thief)
    person = User.objects.get(pk=enrolled.user.pk)
    assert devices.can_verify(person)
    assert has_codes(person)


def test_a_request_for_a_pass_is_withdrawn(enrolled: Enrolled, clock: Clock) -> None:
    passes.ask_for_pass(user=enrolled.user, message="", now=clock.now)
    object_to("pass_asked", enrolled.user)
    assert not PassRequest.objects.filter(closed_at=None).exists()


def test_a_later_pass_runs_on(enrolled: Enrolled, support_person: User, clock: Clock) -> None:
    passes.grant_pass(user=enrolled.user, actor=support_person, reason="lost", now=clock.now)
    first = mailed("pass_granted", enrolled.user)
    passes.revoke_pass(user=enrolled.user, actor=support_person, now=clock.now)
    clock.forward(hours=1)
    passes.grant_pass(user=enrolled.user, actor=support_person, reason="lost", now=clock.now)
    browser().post(link(first))
    assert Pass.objects.filter(user=enrolled.user, closed_at=None).count() == 1


def test_a_pass_of_before_the_request_runs_on(
    enrolled: Enrolled, support_person: User, clock: Clock
) -> None:
    passes.grant_pass(user=enrolled.user, actor=support_person, reason="lost", now=clock.now)
    clock.forward(hours=1)
    passes.ask_for_pass(user=enrolled.user, message="", now=clock.now)
    object_to("pass_asked", enrolled.user)
    assert Pass.objects.filter(user=enrolled.user, closed_at=None).count() == 1


@pytest.mark.parametrize("later", [timedelta(days=7) - MS, timedelta(days=7)])
def test_a_link_about_a_factor_works_for_seven_days(
    later: timedelta, enrolled: Enrolled, clock: Clock
) -> None:
    clock.set(mailed("set_up_done", enrolled.user).created_at + later)
    answer = object_to("set_up_done", enrolled.user)
    works = later < timedelta(days=7)
    assert answer.status_code == (200 if works else 410)
    assert devices.has_device(enrolled.user) is not works
    assert User.objects.get(pk=enrolled.user.pk).has_usable_password() is not works


def test_a_link_works_once(enrolled: Enrolled, clock: Clock) -> None:
    notice = mailed("set_up_done", enrolled.user)
    browser().post(link(notice))
    person = User.objects.get(pk=enrolled.user.pk)
    passwords.reset_password(user=person, password=PASSWORD, now=clock.now)
    enrol_app(User.objects.get(pk=person.pk), now=clock.now)
    assert browser().post(link(notice)).status_code == 410
    assert devices.has_device(person)
    assert User.objects.get(pk=person.pk).has_usable_password()


def test_an_objection_uses_up_nobody_else_s_and_no_other_of_the_person(
    enrolled: Enrolled, owner: User, clock: Clock
) -> None:
    other = enrol_app(owner, now=clock.now)
    theirs = sign_in_with_code(other)
    here = mailed("set_up_done", other.user)
    made_codes(enrolled.user, now=clock.now)
    object_to("codes_made", enrolled.user)
    assert is_in(theirs)
    assert has_codes(other.user)
    for notice in (here, mailed("set_up_done", enrolled.user)):
        assert browser().post(link(notice)).context["is_done"]
    for person in (other.user, enrolled.user):
        assert not devices.has_device(person)


def test_looking_takes_nothing_away_and_tells_nothing(enrolled: Enrolled) -> None:
    page = browser().get(link(mailed("set_up_done", enrolled.user)))
    assert page.status_code == 200
    assert enrolled.user.email not in page.content.decode()
    assert enrolled.user.name not in page.content.decode()
    assert devices.has_device(enrolled.user)


def test_the_owners_of_binding_accounts_are_told(
    enrolled: Enrolled, northwind: Account, owner: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    make_account("other", owner=make_user("else@other.example"), members=(enrolled.user,))
    object_to("set_up_done", enrolled.user)
    told = Notice.objects.filter(kind="not_me_owners")
    assert [notice.recipient for notice in told] == ["owner@northwind.example"]
    clock.forward(minutes=1)
    run_jobs()
    (mail,) = mails_to(owner.email, "somebody else acted as them")
    assert "ada@northwind.example" in str(mail.body)


@pytest.mark.proves("S60")
def test_it_is_audited_with_what_was_taken_away(enrolled: Enrolled) -> None:
    before = AuditEvent.objects.count()
    object_to("set_up_done", enrolled.user)
    rows = AuditEvent.objects.all()[: AuditEvent.objects.count() - before]
    assert sorted(row.event for row in rows) == ["device_removed", "not_me"]


def test_the_mail_tells_how_long_it_works(enrolled: Enrolled, clock: Clock) -> None:
    passwords.change_password(user=enrolled.user, password=PASSWORD + "!", now=clock.now)
    run_jobs()
    (set_up,) = mails_to(enrolled.user.email, "Two-factor authentication is set up")
    (changed,) = mails_to(enrolled.user.email, "password")
    assert "within 7 days" in str(set_up.body)
    assert "within 3 days" in str(changed.body)


def test_codes_taken_back_are_no_device_in_the_audit(enrolled: Enrolled, clock: Clock) -> None:
    enrolment.new_codes(enrolled.user, stamp_read=stamp_of(enrolled.user), now=clock.now)
    before = AuditEvent.objects.count()
    object_to("codes_made", enrolled.user)
    assert devices.has_device(enrolled.user)
    rows = AuditEvent.objects.all()[: AuditEvent.objects.count() - before]
    assert sorted(row.event for row in rows) == ["backup_codes_removed", "not_me"]
