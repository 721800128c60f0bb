"""A mail is owed once a recipient, kind and occasion, and refused for good or for now."""

from datetime import datetime
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from accounts import (
    delivery,
    mail,
)
from accounts.models import Notice, User
from tests.enforcement.kit import HOUR, MINUTE, MS

pytestmark = pytest.mark.django_db

# One mail a recipient, kind and occasion.


def owe(occasion: str, *, to: User | str, now: datetime) -> None:
    mail.owe("password_reset", to=to, occasion=occasion, now=now)


def test_a_mail_is_owed_once_per_occasion(ada: User, owner: User, now: datetime) -> None:
    for _ in range(3):
        owe("one", to=ada, now=now)
    assert Notice.objects.count() == 1
    owe("two", to=ada, now=now)
    owe("one", to=owner, now=now)
    assert Notice.objects.count() == 3


def test_what_is_owed_already_stays_as_it_was(ada: User, now: datetime) -> None:
    owe("one", to=ada, now=now)
    nonce = Notice.objects.get().nonce
    owe("one", to=ada, now=now + HOUR)
    found = Notice.objects.get()
    assert (found.nonce, found.created_at) == (nonce, now)


def test_an_unknown_kind_is_an_error_of_the_program(ada: User, now: datetime) -> None:
    with pytest.raises(KeyError):
        mail.owe("no_such_mail", to=ada, occasion="x", now=now)


# What the mail server says.

REFUSALS = {
    "password of ours": (SMTPAuthenticationError(535, b"no"), False),
    "greeting": (SMTPConnectError(554, b"no"), False),
    "sender": (SMTPSenderRefused(550, b"no", "us@gatehouse.example"), False),
    "recipient, for now": (SMTPRecipientsRefused({"a@b.example": (450, b"later")}), False),
    "recipient": (SMTPRecipientsRefused({"a@b.example": (550, b"unknown")}), True),
    "text, for now": (SMTPDataError(451, b"later"), False),
    "text": (SMTPDataError(554, b"spam"), True),
    "nothing, it is gone": (ConnectionRefusedError(), False),
}


@pytest.mark.proves("B29")
@pytest.mark.parametrize(("error", "is_final"), REFUSALS.values(), ids=REFUSALS)
def test_only_what_is_wrong_with_a_recipient_is_final(
    error: Exception, is_final: bool, ada: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
    owe("one", to=ada, now=now)
    delivery.send_due(now=now)
    notice = Notice.objects.get()
    assert notice.state == (Notice.State.FAILED if is_final else Notice.State.OWED)
    assert (User.objects.get(pk=ada.pk).mail_failed_at == now) is is_final
    assert notice.tries == 1
    if not is_final:
        assert notice.due_at == now + MINUTE


@pytest.mark.parametrize("has_moved", [False, True])
def test_an_old_address_that_fails_says_nothing_of_the_new_one(
    has_moved: bool, ada: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise SMTPRecipientsRefused({ada.email: (550, b"unknown")})

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
    mail.owe("password_changed", to=ada, occasion="one", context={"at": now.isoformat()}, now=now)
    if has_moved:
        User.objects.filter(pk=ada.pk).update(email="ada@elsewhere.example")
    delivery.send_due(now=now)
    assert Notice.objects.get().state == Notice.State.FAILED
    assert (User.objects.get(pk=ada.pk).mail_failed_at is None) is has_moved


def test_a_mail_that_is_given_up_takes_no_other_along(
    ada: User, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise SMTPRecipientsRefused({ada.email: (550, b"unknown")})

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
    owe("one", to=owner, now=now + HOUR)
    owe("one", to=ada, now=now)
    assert delivery.send_due(now=now) == 1
    states = dict(Notice.objects.values_list("recipient", "state"))
    assert states == {ada.email: Notice.State.FAILED, owner.email: Notice.State.OWED}
    assert User.objects.get(pk=owner.pk).mail_failed_at is None


def test_a_mail_that_failed_for_now_is_tried_again_when_it_is_due(
    ada: User, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise ConnectionRefusedError

    owe("one", to=ada, now=now)
    owe("one", to=owner, now=now + HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(EmailMultiAlternatives, "send", refuse)
        delivery.send_due(now=now)
    assert Notice.objects.get(user=owner).due_at == now + HOUR
    assert delivery.send_due(now=now + MINUTE - MS) == 0
    assert delivery.send_due(now=now + MINUTE) == 1
    assert Notice.objects.get(user=ada).state == Notice.State.SENT


def test_what_no_time_is_left_for_in_a_lease_is_given_back(
    ada: User, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else: a mail that is due later stays so."""
    owe("one", to=ada, now=now)
    owe("one", to=owner, now=now + HOUR)
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "BATCH_SECONDS", 0)
        delivery.send_due(now=now)
    assert Notice.objects.get(user=ada).due_at == now
    assert Notice.objects.get(user=owner).due_at == now + HOUR
    assert delivery.send_due(now=now) == 1


@pytest.mark.parametrize("has_moved", [False, True])
def test_an_old_address_that_takes_a_mail_says_nothing_of_the_new_one_either(
    has_moved: bool, ada: User, now: datetime
) -> None:
    mail.owe("password_changed", to=ada, occasion="one", context={"at": now.isoformat()}, now=now)
    User.objects.filter(pk=ada.pk).update(mail_failed_at=now)
    if has_moved:
        User.objects.filter(pk=ada.pk).update(email="ada@elsewhere.example")
    delivery.send_due(now=now)
    assert Notice.objects.get().state == Notice.State.SENT
    assert (User.objects.get(pk=ada.pk).mail_failed_at == now) is has_moved


def test_a_mail_of_a_kind_that_is_no_more_is_dropped(ada: User, now: datetime) -> None:
    owe("one", to=ada, now=now)
    Notice.objects.update(kind="of_an_older_version")
    assert delivery.send_due(now=now) == 1
    assert Notice.objects.get().state == Notice.State.DROPPED
