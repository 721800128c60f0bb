"""What support reads at the desk: one sentence about a person, tries, browsers, and who waits."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts import objections
from accounts.models import Account, AuditEvent, Membership, Notice, User
from enforcement import admin_desk, passes, policies, sentence
from enforcement.models import PassRequest
from tests.enforcement.desk import owner_browser, person_page, root_browser, support_browser
from tests.enforcement.kit import browser, enrolled_person, is_in, sign_in
from tests.enforcement.shell import run_json
from tests.enforcement.test_admin_people import text_of
from tests.factories import make_account, make_user
from tests.journeys.clock import DAY, Clock
from tests.twofactor.people import enrol_app

pytestmark = pytest.mark.django_db

UTC = ZoneInfo("UTC")
CRUMB = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"


def told(person: User, now: datetime) -> str:
    return sentence.about(User.objects.get(pk=person.pk), zone=UTC, now=now)


# The sentence.


def test_it_says_what_by_when_and_why(northwind: Account, ada: User, clock: Clock) -> None:
    assert told(ada, clock.now) == (
        "Has nothing to do: no account requires two-factor authentication."
    )
    deadline = policies.switch_on(account=northwind, actor=None, now=clock.now).deadline
    at = "Thursday, 26 November 2026, 10:30:10 UTC"
    assert told(ada, clock.now) == (
        f"Must set up two-factor authentication by {at}, because Northwind requires it; "
        "works as before until then."
    )
    assert told(ada, deadline) == (
        "Must set up two-factor authentication: the next sign-in begins with it, because "
        f"Northwind requires it; it was due on {at}."
    )
    southwind = make_account("southwind", members=(ada,))
    policies.switch_on(account=southwind, actor=None, now=clock.now)
    assert "because Northwind and Southwind require it" in told(ada, clock.now)
    enrol_app(ada, now=clock.now)
    assert told(ada, deadline) == (
        "Is set up: signs in with the password and a code, because Northwind and Southwind "
        "require it."
    )


def test_of_staff_it_says_that_they_are(clock: Clock) -> None:
    staff = make_user(is_staff=True)
    assert "because staff of this site always need it" in told(staff, clock.now)


def test_of_who_is_kept_out_it_says_just_that(ada: User, clock: Clock) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert told(ada, clock.now) == "Can't sign in: this sign-in is deactivated."


def test_of_a_pass_it_says_how_long_and_what_then(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    passes.grant_pass(user=ada, actor=None, reason="lost", now=clock.now)
    assert told(ada, clock.now) == (
        "Is on a pass: signs in with the password alone until Thursday, 26 November 2026, "
        "10:30:10 UTC; then sets up two-factor authentication anew, because Northwind requires it."
    )
    assert "the pass ended on" in told(ada, clock.now + DAY)
    passes.settle_pass(user=ada, now=clock.now + DAY)
    assert "it was due on" in told(ada, clock.now + DAY)


def test_of_a_pass_that_nothing_binds_it_says_so(clock: Clock) -> None:
    person = enrolled_person().user
    passes.grant_pass(user=person, actor=None, reason="lost", now=clock.now)
    assert told(person, clock.now).endswith("because no account requires it.")


def test_who_lost_all_in_a_pass_is_told_of_it_and_of_no_deadline_ahead(
    northwind: Account, ada: User, clock: Clock
) -> None:
    passes.grant_pass(
        user=enrol_app(ada, now=clock.now).user, actor=None, reason="x", now=clock.now
    )
    policies.switch_on(account=northwind, actor=None, now=clock.now + DAY / 2)
    passes.settle_pass(user=ada, now=clock.now + DAY)
    assert told(ada, clock.now + DAY) == (
        "Must set up two-factor authentication: the next sign-in begins with it, because a pass "
        "ran out, and Northwind requires it."
    )


def test_desk_and_command_say_the_same(northwind: Account, ada: User, clock: Clock) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    words = run_json("standing", ada.email)["words"]
    assert words == told(ada, clock.now)
    assert words in text_of(support_browser().get(person_page(ada)))


def test_the_desk_tells_times_in_the_zone_of_who_reads(
    northwind: Account, ada: User, clock: Clock
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    client = support_browser(time_zone="America/New_York")
    words = text_of(client.get(person_page(ada)))
    assert "Wed 25 Nov 2026, 04:30 EST (25 Nov, 09:30 UTC)" in words
    assert "05:30:10 EST (America/New_York; 10:30:10 UTC)" in words


# Tries and browsers.


def page_of(person: User, client: Client | None = None) -> str:
    return text_of((client or support_browser()).get(person_page(person)))


def test_sign_ins_and_failures_are_told_with_address_browser_and_time(
    northwind: Account, ada: User, clock: Clock
) -> None:
    enrolled = enrol_app(ada, now=clock.now)
    client = browser()
    headers = {"user-agent": FIREFOX}
    client.post("/login/", {"email": ada.email, "password": "wrong"}, headers=headers)
    given = {"email": ada.email, "password": "correct horse battery"}
    client.post("/login/", given, headers=headers)
    client.post("/login/verify/", {"code": "000000"}, headers=headers)
    clock.forward(minutes=1)
    code = {"code": enrolled.code_at(clock.now)}
    client.post("/login/verify/", code, headers=headers)
    words = page_of(ada)
    for said in (
        "Signed in Wed 25 Nov 2026, 10:31 UTC from 127.0.0.1 Firefox on Linux",
        "Wrong code Wed 25 Nov 2026, 10:30 UTC from 127.0.0.1 Firefox on Linux",
        "Wrong password Wed 25 Nov 2026, 10:30 UTC from 127.0.0.1 Firefox on Linux",
        "Signed in now From 127.0.0.1, since",
    ):
        assert said in words, said


def test_an_owner_reads_neither(northwind: Account, ada: User, owner: User, clock: Clock) -> None:
    sign_in(ada)
    words = page_of(ada, owner_browser(owner))
    assert "Last sign-ins" not in words
    assert "127.0.0.1" not in words


def test_support_signs_somebody_out_everywhere(northwind: Account, ada: User) -> None:
    one, other, client = sign_in(ada), sign_in(ada), support_browser()
    client.get(person_page(ada, "sign_out"))
    assert is_in(one)
    client.post(person_page(ada, "sign_out"))
    assert not is_in(one)
    assert not is_in(other)
    row = AuditEvent.objects.get(event="sessions_ended", subject_id=ada.pk)
    assert row.actor_id != ada.pk
    assert is_in(sign_in(ada))


@pytest.mark.parametrize("who", ["owner", "self", "stale"])
def test_nobody_else_does(
    who: str, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    theirs = sign_in(ada)
    client = theirs if who == "self" else sign_in(owner) if who == "owner" else support_browser()
    if who == "stale":
        clock.forward(minutes=10)
    client.post(person_page(ada, "sign_out"))
    assert is_in(theirs)


# Lists.


def found(client: Client, query: str) -> list[str]:
    page: Any = client.get("/admin/accounts/user/", {"q": query})
    return [person.email for person in page.context["cl"].result_list]


def test_support_finds_people_by_account(northwind: Account, ada: User, owner: User) -> None:
    make_account("southwind", members=(ada,))
    client = support_browser()
    assert set(found(client, "Northwind owner")) == {owner.email}
    assert found(client, "southw ada") == [ada.email]
    assert found(owner_browser(owner), "southw") == [], "an owner learns of no other account"


def test_every_list_has_a_title_of_ours(northwind: Account) -> None:
    client = root_browser()
    for path, title in (("user", "People"), ("account", "Accounts"), ("notice", "Mails"),
                        ("auditevent", "Audit")):  # fmt: skip
        words = text_of(client.get(f"/admin/accounts/{path}/"))
        assert f"Desk {CRUMB} {title}" in words, path
        for stock in ("Select", "Home"):
            assert stock not in words, (path, stock)


def test_the_queue_tells_age_state_and_who_vouched(
    northwind: Account, ada: User, owner: User, clock: Clock, settings: Any
) -> None:
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    Membership.objects.filter(user=ada).update(role="owner")
    asked = passes.ask_for_pass(user=ada, message="Gone.", now=clock.now)
    clock.forward(hours=3)
    client = support_browser()
    words = text_of(client.get("/admin/"))
    assert "waiting for 3 hours, since" in words
    assert "waits for support nobody vouched for it" in words
    passes.endorse_request(
        asked=asked, account=northwind, actor=owner, message="It is her.", now=clock.now
    )
    settings.TWO_FACTOR_PASS_APPROVAL = True
    client.post(person_page(ada, "pass"), {"reason": "Called back."})
    words = text_of(client.get("/admin/"))
    assert "waits for a second of support vouched for by Olga Owner" in words
    assert "Waiting for a second of support Ada Lovelace : pass" in words


def test_the_queue_goes_on_for_as_long_as_anybody_waits(
    northwind: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_desk, "SHOWN", 2)
    for number in range(3):
        waiting = enrolled_person(email=f"lost{number}@northwind.example").user
        passes.ask_for_pass(user=waiting, message="", now=clock.now)
        clock.forward(minutes=1)
    client = support_browser()
    first = client.get("/admin/").content.decode()
    assert "lost2@northwind.example" not in first
    assert "Page 1 of 2" in first
    assert 'href="?asked=2#asked"' in first
    second = client.get("/admin/?asked=2").content.decode()
    assert "lost2@northwind.example" in second
    assert "lost1@northwind.example" not in second


# A mailbox that is dead.

NEW = {"email": "Ada@New.example ", "reason": "Called back on the known number."}


def test_support_gives_another_address_and_all_are_told(
    northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    theirs, old = sign_in(ada), ada.email
    client = support_browser()
    client.post(person_page(ada, "address"), {**NEW, "reason": " "})
    ada.refresh_from_db()
    assert ada.email == old, "a reason is needed"
    client.post(person_page(ada, "address"), NEW)
    ada.refresh_from_db()
    assert ada.email == "ada@new.example"
    assert not is_in(theirs)
    assert is_in(sign_in(ada))
    told = Notice.objects.filter(kind__startswith="address_changed").order_by("pk")
    assert [(each.kind, each.recipient) for each in told] == [
        ("address_changed", old),
        ("address_changed", "ada@new.example"),
        ("address_changed_owners", owner.email),
    ]
    assert all(each.context["by_support"] for each in told[:2])
    assert {each.context["new_address"] for each in told} == {"ada@new.example"}
    row = AuditEvent.objects.get(event="email_changed")
    assert (row.actor_id == ada.pk, row.subject_id) == (False, ada.pk)
    assert NEW["reason"] in str(row.after)
    assert "@" not in str(row.before) + str(row.after)


def test_the_old_mailbox_takes_it_back(northwind: Account, ada: User) -> None:
    old = ada.email
    support_browser().post(person_page(ada, "address"), NEW)
    objections.act(Notice.objects.get(kind="address_changed", recipient=old), now=timezone.now())
    ada.refresh_from_db()
    assert ada.email == old


def test_an_address_of_somebody_is_refused(northwind: Account, ada: User, owner: User) -> None:
    client, old = support_browser(), ada.email
    for email in (owner.email, old):
        answer = client.post(person_page(ada, "address"), {**NEW, "email": email})
        assert answer.status_code == 409
        assert answer.context["form"].errors["email"]
        assert NEW["reason"] in text_of(answer)
    assert User.objects.get(pk=ada.pk).email == old


def test_support_reads_that_somebody_signs_in_with_it(
    northwind: Account, ada: User, owner: User
) -> None:
    answer = support_browser().post(person_page(ada, "address"), {**NEW, "email": owner.email})
    assert "There is a sign-in with this address." in text_of(answer)


@pytest.mark.parametrize("who", ["owner", "self", "stale"])
def test_nobody_else_changes_it(
    who: str, northwind: Account, ada: User, owner: User, clock: Clock
) -> None:
    client = sign_in(ada) if who == "self" else sign_in(owner) if who == "owner" else None
    client = client or support_browser()
    if who == "stale":
        clock.forward(minutes=10)
    client.post(person_page(ada, "address"), NEW)
    assert User.objects.get(pk=ada.pk).email == ada.email


def test_of_staff_a_superuser_changes_it(clock: Clock) -> None:
    target = enrolled_person(email="colleague@gatehouse.example", is_staff=True).user
    assert support_browser().post(person_page(target, "address"), NEW).status_code == 409
    assert root_browser().post(person_page(target, "address"), NEW).status_code == 302


# A second click.


@pytest.mark.proves("S60")
def test_a_second_click_on_reset_is_written_and_mailed_once(
    northwind: Account, clock: Clock
) -> None:
    dora, client = enrolled_person().user, support_browser()
    Membership.objects.create(account=northwind, user=dora, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    for _ in range(2):
        assert client.post(person_page(dora, "reset"), {"reason": "lost"}).status_code == 302
        clock.forward(seconds=1)
    assert AuditEvent.objects.filter(event="two_factor_reset").count() == 1
    assert Notice.objects.filter(kind="reset").count() == 1


def test_a_reset_answers_its_own_person_s_wish_for_a_pass(northwind: Account, clock: Clock) -> None:
    dora, other = enrolled_person().user, enrolled_person().user
    for person in (dora, other):
        Membership.objects.create(account=northwind, user=person, joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    for person in (dora, other):
        passes.ask_for_pass(user=person, message="", now=clock.now)
    support_browser().post(person_page(dora, "reset"), {"reason": "lost"})
    assert PassRequest.objects.get(closed_at=None).user == other
