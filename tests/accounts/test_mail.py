"""Every kind of mail, owed by the product itself; ``tests/conftest.py`` lets none lack a value."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.template.loader import get_template
from django.test import Client

from accounts import (
    addresses,
    alarms,
    delivery,
    invitations,
    letters,
    mail,
    memberships,
    objections,
    passwords,
    providers,
)
from accounts.alarms import Alarm
from accounts.mail import Kind
from accounts.models import Account, Membership, Notice, Role, User
from enforcement import (
    advice,
    joining,
    leaving,
    notices,
    passes,
    policies,
    reminding,
    support,
    switching,
)
from enforcement.logouts import end_overdue_sessions
from tests.accounts.entered import ENTERED
from tests.enforcement.kit import DAY, HOUR, MS, sign_in
from tests.factories import make_identity, make_user
from tests.journeys.clock import Clock
from tests.twofactor.people import enrol_app, enrol_phone, make_enrolled, redeem
from twofactor import backup_codes, budget, enrolment, mailbox
from twofactor.models import TOTPDevice
from twofactor.redeem import Kind as CodeKind
from twofactor.redeem import Try

pytestmark = pytest.mark.django_db

# Told by other tests, with parts that are not simply at hand here.
ELSEWHERE = {
    "text_trouble", "requirement_exempt", "membership_moved", "membership_moved_owners",
    "identity_linked", "provider_off",
}  # fmt: skip


def owe_everything(account: Account, owner: User, ada: User, clock: Clock) -> None:
    """Live through a week in which every mail comes up."""
    joining_and_roles(account, owner, ada, clock)
    addresses_and_passwords(ada, clock)
    factors(clock)
    the_requirement(account, owner, ada, clock)
    moved = make_user(name="Mo")
    Membership.objects.create(account=account, user=moved, joined_at=clock.now)
    address_changed_by_support(moved, clock)
    single_sign_on(account, ada, clock)
    delivery.owe_mail_trouble(account.pk, now=clock.now)
    make_user(name="Rose", is_superuser=True)
    alarms.sound(Alarm.FAILED_TRIES, count=1000, now=clock.now)


def joining_and_roles(account: Account, owner: User, ada: User, clock: Clock) -> None:
    guest, gone, left = make_user(name="Gus"), make_user(name="Gil"), make_user(name="Lea")
    for person in (guest, gone, left):
        invitation = invitations.invite(
            account=account, email=person.email, role=Role.MEMBER, actor=owner, now=clock.now
        )
        if person is not guest:
            joining.accept(invitation=invitation, user=person, now=clock.now)
    membership = Membership.objects.get(account=account, user=gone)
    memberships.change_role(membership=membership, role=Role.ADMIN, actor=owner, now=clock.now)
    leaving.remove(membership=membership, actor=owner, now=clock.now)
    leaving.leave(membership=Membership.objects.get(account=account, user=left), now=clock.now)


def addresses_and_passwords(ada: User, clock: Clock) -> None:
    passwords.ask_for_reset(email=ada.email, now=clock.now)
    passwords.change_password(user=ada, password="another long password", now=clock.now)
    for needs_both in (True, False):
        addresses.ask(user=ada, email="new@n.example", needs_both=needs_both, now=clock.now)
    notice = Notice.objects.filter(kind="address_confirm").latest("pk")
    change = addresses.find(addresses.link_of(notice).split("/")[-2], now=clock.now)
    assert change
    other = make_user()
    addresses.ask(user=other, email="moved@n.example", needs_both=False, now=clock.now)
    notice = Notice.objects.filter(kind="address_confirm").latest("pk")
    change = addresses.find(addresses.link_of(notice).split("/")[-2], now=clock.now)
    assert change
    assert addresses.confirm(change=change, now=clock.now)


def address_changed_by_support(member: User, clock: Clock) -> None:
    staff = make_enrolled(make_user(name="Stan", is_staff=True), now=clock.now).user
    support.change_address(
        user=member, email="other@n.example", reason="Left the firm.", actor=staff, now=clock.now
    )


def single_sign_on(account: Account, ada: User, clock: Clock) -> None:
    how: dict[str, Any] = {
        "actor": make_user(is_staff=True),
        "reason": "Asked by Olga.",
        "now": clock.now,
    }
    provider = providers.add(account=account, **ENTERED, **how)
    providers.unlink(identity=make_identity(provider, ada, now=clock.now), **how)


def factors(clock: Clock) -> None:
    person = make_enrolled(make_user(name="Fay"), now=clock.now).user
    enrol_phone(person, now=clock.now)
    person.refresh_from_db()
    enrolled = enrol_app(person, now=clock.now + HOUR)
    user = enrolled.user
    user.refresh_from_db()
    enrolment.new_codes(user, stamp_read=user.stamp, now=clock.now)
    code = Try(
        user_id=user.pk,
        kind=CodeKind.BACKUP,
        code=new_backup_code(user, clock.now),
        attempt="a",
        address="192.0.2.1",
    )
    redeem(code, now=clock.now)
    for _ in range(20):
        budget.failures_of(user, now=clock.now).charge(
            address="192.0.2.1", agent="Firefox", now=clock.now
        )
    other = make_user(name="Fred")
    for _ in range(2):
        budget.failures_of(other, now=clock.now).charge(
            address="192.0.2.1", agent="Firefox", now=clock.now
        )
    budget.failures_of(other, now=clock.now).note_success(
        address="192.0.2.1", agent="Firefox", now=clock.now
    )
    user.refresh_from_db()
    enrolment.remove(user, method="text", stamp_read=user.stamp, now=clock.now)
    enrolment.reset(user, actor=make_user(name="Sam Support"), reason="Asked", now=clock.now)
    mailbox.send_code(user, attempt="a", address="192.0.2.1", now=clock.now)


def new_backup_code(user: User, now: datetime) -> str:
    return backup_codes.replace_codes(user, now=now)[0]


def the_requirement(account: Account, owner: User, ada: User, clock: Clock) -> None:
    lost, ready = make_user(name="Lou"), make_enrolled(make_user(name="Rita"), now=clock.now).user
    for person in (lost, ready):
        Membership.objects.create(account=account, user=person, joined_at=clock.now)
    support = make_user(is_staff=True)
    switching.switch(account=account, is_on=True, actor=support, reason="A call", now=clock.now)
    policy = policies.current(account)
    assert policy
    notices.announce(now=clock.now)
    late = make_user()
    joining.add_by_hand(
        user=late, account=account, role=Role.MEMBER, actor=None, now=clock.now + MS
    )
    passes.ask_for_pass(user=lost, message="Phone stolen", now=clock.now)
    for revoked in (True, False):
        granted = passes.grant_pass(user=lost, actor=None, reason="Lost phone", now=clock.now)
        notices.warn_of_passes(now=granted.until - HOUR)
        if revoked:
            passes.revoke_pass(user=lost, actor=owner, now=clock.now)
    assert passes.settle_pass(user=lost, now=clock.now + DAY)
    objections.act(Notice.objects.get(kind="pass_asked"), now=clock.now)
    reminding.remind_now(account=account, actor=owner, now=clock.now)
    reminding.owe_asked(now=clock.now)
    Account.objects.filter(pk=account.pk).update(email_domains=["work.example"])
    advice.advise(account=account, actor=owner, now=clock.now)
    notices.remind(now=policy.deadline - 12 * HOUR)
    notices.remind(now=policy.deadline - HOUR)
    sign_in(owner)
    end_overdue_sessions(now=policy.deadline)
    switching.switch(account=account, is_on=False, actor=support, reason="x", now=clock.now + DAY)


@pytest.fixture
def owed(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> dict[str, tuple[Kind, Notice]]:
    owe_everything(northwind, owner, ada, clock)
    kinds = {kind.name: kind for kind in mail.registered()}
    return {notice.kind: (kinds[notice.kind], notice) for notice in Notice.objects.all()}


def parts_of(message: EmailMultiAlternatives) -> dict[str, str]:
    (html,) = message.alternatives
    return {"subject": str(message.subject), "text": str(message.body), "html": str(html[0])}


def test_every_registered_kind_has_its_three_templates() -> None:
    assert len(mail.registered()) > 30
    for kind in mail.registered():
        for name in ("subject.txt", "body.txt", "body.html"):
            assert get_template(f"{kind.folder}/{name}"), kind.name


def test_the_product_owes_every_kind_and_each_mail_is_whole(
    owed: dict[str, tuple[Kind, Notice]], clock: Clock
) -> None:
    assert set(owed) == {kind.name for kind in mail.registered()} - ELSEWHERE
    for kind, notice in owed.values():
        parts = parts_of(letters.build(notice, kind, now=clock.now))
        nothing_is_missing(parts, kind.name)
        it_says_why_it_came_and_every_link_is_in_both_parts(parts, kind.name)
        what_the_row_keeps_is_no_secret(parts, notice)


def nothing_is_missing(parts: dict[str, str], name: str) -> None:
    for part, text in parts.items():
        for left in ("None", "{{", "{%"):
            assert left not in text, (name, part)


def it_says_why_it_came_and_every_link_is_in_both_parts(parts: dict[str, str], name: str) -> None:
    assert "You get this mail because" in parts["text"], name
    links = set(re.findall(r"http://testserver[^\s<>\"]*", parts["text"]))
    assert links, name
    for link in links:
        assert link.rstrip(".") in parts["html"], (name, link)
    assert "\n" not in parts["subject"]
    assert len(parts["subject"]) < 100, name


def what_the_row_keeps_is_no_secret(parts: dict[str, str], notice: Notice) -> None:
    """What opens something is in the text of a mail and in no row."""
    row = str(Notice.objects.filter(pk=notice.pk).values().get())
    opening = [
        part
        for link in re.findall(r"http://testserver(/[^\s<>\"]*)", parts["text"])
        for part in re.split(r"[/-]", link)
        if len(part) > 30
    ]
    codes = re.findall(r"^\s*(\d{6})\s*$", parts["text"], re.MULTILINE)
    for secret in opening + codes:
        assert secret not in row, notice.kind


def test_a_variable_that_is_missing_fails_any_test_that_builds_the_mail(now: datetime) -> None:
    (kind,) = [each for each in mail.registered() if each.name == "requirement_ready"]
    notice = Notice(recipient="a@b.example", kind=kind.name, context={})
    with pytest.raises(AssertionError, match="requirement_ready lacks"):
        letters.build(notice, kind, now=now)


def test_no_link_of_any_mail_changes_anything_when_it_is_opened(
    owed: dict[str, tuple[Kind, Notice]], clock: Clock
) -> None:
    """As scanners of mail do: open everything, signed in nowhere."""
    before = snapshot()
    for kind, notice in owed.values():
        text = parts_of(letters.build(notice, kind, now=clock.now))["text"]
        for link in re.findall(r"http://testserver(/[^\s<>\"]*)", text):
            for method in ("get", "head", "options"):
                getattr(Client(), method)(link.rstrip("."), headers={"accept": "text/html"})
    assert snapshot() == before


def snapshot() -> list[Any]:
    models: list[Any] = [User, Membership, Notice, Account, TOTPDevice]
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_names_are_escaped_in_html_and_plain_in_text(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    Account.objects.update(name='<img src="x"> & Söhne')
    northwind.refresh_from_db()
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    notices.announce(now=clock.now)
    notice = Notice.objects.get(kind="requirement_must_act", user=ada)
    kinds = {kind.name: kind for kind in mail.registered()}
    parts = parts_of(letters.build(notice, kinds[notice.kind], now=clock.now))
    assert '<img src="x"> & Söhne' in parts["text"]
    assert '<img src="x">' not in parts["html"]
    assert "&lt;img" in parts["html"]


def test_a_name_with_a_line_break_forges_no_header(
    northwind: Account, owner: User, ada: User, clock: Clock
) -> None:
    Account.objects.update(name="North\r\nBcc: evil@evil.example")
    northwind.refresh_from_db()
    policies.switch_on(account=northwind, actor=owner, now=clock.now)
    notices.announce(now=clock.now)
    notice = Notice.objects.get(kind="requirement_must_act", user=ada)
    kinds = {kind.name: kind for kind in mail.registered()}
    message = letters.build(notice, kinds[notice.kind], now=clock.now).message()
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "Thursday, 26 November 2026, 09:30:00 UTC"),
        (
            "Europe/Berlin",
            "Thursday, 26 November 2026, 10:30:00 CET (Europe/Berlin; 09:30:00 UTC)",
        ),
        (
            "Pacific/Kiritimati",
            "Thursday, 26 November 2026, 23:30:00 +14 (Pacific/Kiritimati; 09:30:00 UTC)",
        ),
        (
            "Pacific/Pago_Pago",
            (
                "Wednesday, 25 November 2026, 22:30:00 SST "
                "(Pacific/Pago_Pago; 26 November, 09:30:00 UTC)"
            ),
        ),
    ],
)
def test_an_instant_is_told_in_the_person_s_zone_with_utc_beside_it(zone: str, told: str) -> None:
    instant = datetime.fromisoformat("2026-11-26T09:30:00+00:00")
    assert letters.told_in(instant, letters.zone_of(User(time_zone=zone))) == told


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "\x00"])
def test_a_zone_that_does_not_exist_is_utc(zone: str) -> None:
    assert letters.zone_of(User(time_zone=zone)).key == "UTC"
