from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import delivery
from accounts.models import Notice, User, random_value
from accounts.throttle import TooMany
from tests.factories import make_user
from tests.twofactor.people import ADDRESS, attempt_of, enrol_app, redeem, wrong
from twofactor import mailbox
from twofactor.models import SentCode
from twofactor.redeem import CodeRejected, Kind, Reason, Try

pytestmark = pytest.mark.django_db

MS = timedelta(milliseconds=1)
WEEK = timedelta(days=7)
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def ada() -> User:
    return make_user("ada@northwind.example")


@pytest.mark.proves("B99")
def test_a_link_is_good_for_a_week(ada: User, now: datetime) -> None:
    made = now.replace(microsecond=0)
    token = mailbox.make_token(ada, now=made)
    assert mailbox.read_link(token, now=made + WEEK - MS) == ada
    with pytest.raises(mailbox.LinkInvalid):
        mailbox.read_link(token, now=made + WEEK)


@pytest.mark.proves("B99")
@pytest.mark.parametrize("change", ["email", "mailbox_nonce", "is_active"])
def test_a_link_dies_with_what_it_vouches_for(change: str, ada: User, now: datetime) -> None:
    token = mailbox.make_token(ada, now=now)
    new: Any = {"email": "new@x.example", "mailbox_nonce": random_value(), "is_active": False}
    User.objects.filter(pk=ada.pk).update(**{change: new[change]})
    with pytest.raises(mailbox.LinkInvalid):
        mailbox.read_link(token, now=now)


@pytest.mark.proves("B99")
def test_enrolment_voids_the_link(ada: User, now: datetime) -> None:
    token = mailbox.make_token(ada, now=now)
    enrol_app(ada, now=now)
    with pytest.raises(mailbox.LinkInvalid):
        mailbox.read_link(token, now=now)


@pytest.mark.proves("B99")
def test_an_altered_link_is_refused(ada: User, now: datetime) -> None:
    other = make_user()
    person, made_at, signature = mailbox.make_token(ada, now=now).split("-")
    for token in (
        f"{other.pk}-{made_at}-{signature}",
        f"{person}-{int(made_at) + 1}-{signature}",
        f"{person}-{made_at}-{signature[:-1]}x",
        f"{person}-{made_at}-é",
        f"{person}-{'9' * 30}-{signature}",
        "",
        "-",
        "\0--",
        "a-b-c",
        "99999999999999999999-1-x",
    ):
        with pytest.raises(mailbox.LinkInvalid):
            mailbox.read_link(token, now=now)


def send(user: User, *, now: datetime) -> str:
    """Mail a code, and read it out of the mail."""
    mailbox.send_code(user, attempt="a", address="192.0.2.1", now=now)
    notice = Notice.objects.filter(kind="mailbox_code").latest("pk")
    return mailbox.code_for_mail(notice, now)["code"]


def proving(user: User, code: str) -> Try:
    return attempt_of(user, code, kind=Kind.MAILBOX, purpose=SentCode.Purpose.MAILBOX)


def test_the_mailed_code_proves_the_mailbox_once(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    assert redeem(proving(ada, code), now=now + TEN_MINUTES - MS) is Kind.MAILBOX
    with pytest.raises(CodeRejected):
        redeem(proving(ada, code), now=now + TEN_MINUTES - MS)


def test_who_signs_in_anew_can_use_the_mail_that_is_on_its_way(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    anew = replace(proving(ada, code), attempt="another sign-in")
    assert redeem(anew, now=now) is Kind.MAILBOX


def test_it_is_too_late_after_ten_minutes(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    with pytest.raises(CodeRejected) as error:
        redeem(proving(ada, code), now=now + TEN_MINUTES)
    assert error.value.reason is Reason.EXPIRED


@pytest.mark.proves("B99")
def test_it_takes_five_checks_over_the_common_budget(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    for _ in range(5):
        with pytest.raises(CodeRejected):
            redeem(proving(ada, wrong(code)), now=now)
    with pytest.raises(TooMany):
        redeem(proving(ada, code), now=now)
    assert SentCode.objects.get().checks_left == 0


def test_a_code_mailed_to_the_old_address_is_dead(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    User.objects.filter(pk=ada.pk).update(email="new@northwind.example")
    with pytest.raises(CodeRejected):
        redeem(proving(ada, code), now=now)


def test_no_code_lies_in_rows_or_tasks(ada: User, now: datetime) -> None:
    code = send(ada, now=now)
    notice = Notice.objects.get(kind="mailbox_code")
    assert code not in str(notice.context)
    row = SentCode.objects.values().get()
    assert all(code not in str(value) for name, value in row.items() if name != "uid")


def test_mails_wait_for_one_another(ada: User, now: datetime) -> None:
    send(ada, now=now)
    with pytest.raises(TooMany):
        send(ada, now=now + timedelta(seconds=29))
    send(make_user(), now=now + timedelta(seconds=29))
    send(ada, now=now + timedelta(seconds=30))


def test_the_mail_delivers_the_code(ada: User, now: datetime, mailoutbox: list[Any]) -> None:
    code = send(ada, now=now)
    assert delivery.send_due(now=now) == 1
    assert mailoutbox[0].to == [ada.email]
    assert code in mailoutbox[0].body


def test_a_late_mail_with_a_dead_code_is_not_sent(
    ada: User, now: datetime, mailoutbox: list[Any]
) -> None:
    send(ada, now=now)
    delivery.send_due(now=now + TEN_MINUTES)
    assert not mailoutbox


def test_no_mail_brings_a_code_that_a_newer_one_replaced(
    ada: User, now: datetime, mailoutbox: list[Any]
) -> None:
    mailbox.send_code(ada, attempt="a", address=ADDRESS, now=now)
    later = now + timedelta(seconds=30)
    mailbox.send_code(ada, attempt="a", address=ADDRESS, now=later)
    delivery.send_due(now=later)
    (message,) = mailoutbox
    newest = Notice.objects.filter(kind="mailbox_code").latest("pk")
    assert mailbox.code_for_mail(newest, later)["code"] in str(message.body)
