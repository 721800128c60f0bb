"""A real mail server that refuses, breaks off and dawdles: one bad address stops nobody else."""

from collections import Counter
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts import delivery
from accounts.models import Account, Notice, User
from enforcement import notices, policies
from tests.factories import make_account, make_user
from tests.services.smtp import DISCONNECT, SMTPServer

MINUTE = timedelta(minutes=1)
MEMBERS = [f"{name}@northwind.example" for name in ("ada", "ben", "chloe", "dan", "eve")]
THIRD = MEMBERS[2]
OWNER = "owner@northwind.example"


@pytest.fixture
def now() -> datetime:
    """A while after whatever the test sets up: who joins later gets other mails."""
    return timezone.now() + timedelta(minutes=1)


def require(*emails: str, now: datetime) -> None:
    """Require two-factor authentication of an account with these members, and owe its mails."""
    owner = make_user(OWNER)
    account = make_account("northwind", owner=owner, members=tuple(map(make_user, emails)))
    policies.switch_on(account=account, actor=owner, now=now)
    notices.announce(now=now)


def state_of(email: str, kind: str = "requirement_must_act") -> str:
    return Notice.objects.get(recipient=email, kind=kind).state


def times_mailed(server: SMTPServer) -> dict[str, int]:
    """Return how often each member was mailed; the owner gets mails of other kinds, too."""
    return {email: count for email, count in Counter(server.recipients).items() if email != OWNER}


@pytest.mark.django_db
def test_a_batch_goes_over_one_connection(smtp_server: SMTPServer, now: datetime) -> None:
    require(*MEMBERS, now=now)
    assert delivery.send_due(now=now) == len(MEMBERS) + 2
    assert smtp_server.connections == 1
    assert times_mailed(smtp_server) == dict.fromkeys(MEMBERS, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("answer", ["451 try again later", "421 busy", DISCONNECT])
@pytest.mark.proves("B29")
def test_whom_the_server_put_off_is_tried_again_alone(
    answer: str, smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)
    smtp_server.refusals[THIRD] = answer
    delivery.send_due(now=now)
    others = [email for email in MEMBERS if email != THIRD]
    assert times_mailed(smtp_server) == dict.fromkeys(others, 1)
    assert state_of(THIRD) == Notice.State.OWED
    smtp_server.refusals.clear()
    assert delivery.send_due(now=now + MINUTE - timedelta(milliseconds=1)) == 0
    assert delivery.send_due(now=now + MINUTE) == 1
    assert times_mailed(smtp_server) == dict.fromkeys(MEMBERS, 1)
    assert not Notice.objects.filter(kind="mail_trouble").exists()


@pytest.mark.django_db
@pytest.mark.proves("B29")
def test_whom_the_server_refuses_is_marked_and_owners_told_once_a_day(
    smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)
    smtp_server.refusals.update({THIRD: "550 no such person", MEMBERS[3]: "553 never heard of"})
    delivery.send_due(now=now)
    delivery.send_due(now=now + MINUTE)
    others = [email for email in MEMBERS if email not in smtp_server.refusals]
    assert times_mailed(smtp_server) == dict.fromkeys(others, 1)
    assert state_of(THIRD) == state_of(MEMBERS[3]) == Notice.State.FAILED
    assert User.objects.get(email=THIRD).mail_failed_at == now
    (told,) = [sent for sent in smtp_server.to(OWNER) if "can't be reached" in sent["Subject"]]
    assert THIRD in body_of(told)
    assert delivery.send_due(now=now + timedelta(hours=10)) == 0  # a final refusal stays final


@pytest.mark.django_db
def test_another_refusal_tells_the_owners_again_on_another_day_only(
    smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)
    account = Account.objects.get()
    for later in (timedelta(), timedelta(hours=16), timedelta(hours=24)):
        delivery.owe_mail_trouble(account.pk, now=now + later)
    assert Notice.objects.filter(kind="mail_trouble", recipient=OWNER).count() == 2


@pytest.mark.django_db
def test_a_server_that_is_away_costs_no_mail(
    smtp_server: SMTPServer, now: datetime, settings: Settings
) -> None:
    require(*MEMBERS, now=now)
    settings.EMAIL_PORT = 1
    delivery.send_due(now=now)
    settings.EMAIL_PORT = smtp_server.port
    assert set(Notice.objects.values_list("state", flat=True)) == {Notice.State.OWED}
    delivery.send_due(now=now + MINUTE)
    assert times_mailed(smtp_server) == dict.fromkeys(MEMBERS, 1)


ODD = {
    "a name beyond ASCII": ("jürgen@northwind.example", Notice.State.FAILED),
    "a domain beyond ASCII": ("eve@bücher.example", Notice.State.SENT),
    "a plus": ("a+b@northwind.example", Notice.State.SENT),
    "no address": ("", Notice.State.FAILED),
    "no domain": ("nobody", Notice.State.FAILED),
    "a line break": ("a@northwind.example\nBcc: thief@evil.example", Notice.State.FAILED),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("email", "state"), ODD.values(), ids=ODD)
@pytest.mark.proves("B31")
def test_an_odd_address_is_mailed_or_marked_alone(
    email: str, state: str, smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)
    Notice.objects.filter(recipient=THIRD).update(recipient=email)
    delivery.send_due(now=now)
    others = [each for each in MEMBERS if each != THIRD]
    found = times_mailed(smtp_server)
    assert {each: found.get(each) for each in others} == dict.fromkeys(others, 1)
    assert Notice.objects.get(kind="requirement_must_act", recipient=email).state == state
    assert not smtp_server.to("thief@evil.example")
    assert len(found) == len(others) + (state == Notice.State.SENT)


@pytest.mark.django_db
@pytest.mark.proves("S63")
def test_a_row_that_no_mail_can_be_made_of_stops_nobody_elses(
    smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)
    Notice.objects.filter(recipient=THIRD).update(context={})
    for later in range(2):
        delivery.send_due(now=now + later * MINUTE)
    assert times_mailed(smtp_server) == dict.fromkeys([*MEMBERS[:2], *MEMBERS[3:]], 1)
    found = Notice.objects.get(recipient=THIRD)
    assert (found.state, found.tries, found.error) == ("owed", 2, "KeyError")


@pytest.mark.django_db
def test_a_server_that_dawdles_does_not_outlast_the_lease(
    smtp_server: SMTPServer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(*MEMBERS, now=now)
    monkeypatch.setattr(delivery, "BATCH_SECONDS", 0)
    assert delivery.send_due(now=now) == len(MEMBERS) + 2
    assert not smtp_server.mails
    # What was given back is free at once, to whichever worker comes first.
    monkeypatch.setattr(delivery, "BATCH_SECONDS", 60)
    delivery.send_due(now=now)
    assert times_mailed(smtp_server) == dict.fromkeys(MEMBERS, 1)


@pytest.mark.proves("B39")
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_whoever_is_deleted_while_a_batch_runs_stops_nobody_elses_mail(
    smtp_server: SMTPServer, now: datetime
) -> None:
    require(*MEMBERS, now=now)

    def delete(sent: EmailMessage) -> None:
        smtp_server.on_mail = None
        User.objects.filter(email__in=MEMBERS[-2:]).delete()
        connections.close_all()

    smtp_server.on_mail = delete
    delivery.send_due(now=now)
    assert times_mailed(smtp_server) == dict.fromkeys(MEMBERS[:-2], 1)
    assert set(Notice.objects.values_list("state", flat=True)) == {Notice.State.SENT}


def body_of(sent: EmailMessage) -> str:
    part = sent.get_body(preferencelist=("plain",))
    return str(part.get_content()) if part else ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outage", "state"), [(timedelta(days=3) - MINUTE, "owed"), (timedelta(days=3), "failed")]
)
def test_a_server_of_ours_may_be_away_for_three_days(
    outage: timedelta, state: str, now: datetime, settings: Settings
) -> None:
    """However often it was tried: the mail waits, and no address is said to be at fault."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    require(THIRD, now=now)
    at = now
    while at <= now + outage:
        delivery.send_due(now=at)
        at += timedelta(hours=6) + MINUTE
    delivery.send_due(now=now + outage)
    Notice.objects.filter(state="owed").update(due_at=now + outage)
    delivery.send_due(now=now + outage)
    assert state_of(THIRD) == state
    assert User.objects.get(email=THIRD).mail_failed_at is None
