"""An operator may choose other lengths: no mail and no page promises the usual ones then."""

import re
from datetime import timedelta

import pytest
from django.core import mail as outgoing
from django.core.mail import EmailMessage
from pytest_django import Settings

from accounts import delivery
from accounts.models import Account, Membership, Role
from enforcement import passes, policies, tasks
from enforcement.templatetags import lengths
from tests.enforcement.kit import enrolled_person, sign_in, sign_in_with_code
from tests.factories import make_user
from tests.journeys.clock import Clock

USUAL = re.compile(r"\b24[ -]hour|\bone day\b|\ba day\b", re.IGNORECASE)


@pytest.mark.parametrize(
    ("seconds", "lasts", "kind"),
    [
        (86400, "24 hours", "a 24-hour pass"),
        (129600, "36 hours", "a 36-hour pass"),
        (28800, "8 hours", "an 8-hour pass"),
        (39600, "11 hours", "an 11-hour pass"),
        (3600, "1 hour", "a 1-hour pass"),
        (5400, "90 minutes", "a 90-minute pass"),
        (120, "2 minutes", "a 2-minute pass"),
        (61, "61 seconds", "a 61-second pass"),
    ],
)
def test_a_length_is_told_exactly(seconds: int, lasts: str, kind: str, settings: Settings) -> None:
    settings.TWO_FACTOR_PASS = timedelta(seconds=seconds)
    assert (lengths.pass_lasts(), lengths.a_pass()) == (lasts, kind)


def _parts_of(mail: EmailMessage) -> str:
    """Return the plain and the HTML text."""
    alternatives = getattr(mail, "alternatives", ())
    return " ".join([str(mail.body), *(str(content) for content, _ in alternatives)])


def texts_of_mails(clock: Clock) -> dict[str, str]:
    """Return every part of each mail that is due, by its subject."""
    tasks.sweep()
    while delivery.send_due(now=clock.now):
        continue
    found = {str(each.subject): f"{each.subject} {_parts_of(each)}" for each in outgoing.outbox}
    outgoing.outbox.clear()
    return {subject: " ".join(text.split()) for subject, text in found.items()}


@pytest.mark.django_db
def test_mails_and_pages_tell_the_lengths_that_are_set(
    northwind: Account, clock: Clock, settings: Settings
) -> None:
    settings.TWO_FACTOR_PASS, settings.TWO_FACTOR_GRACE = timedelta(minutes=7), timedelta(hours=5)
    lou = enrolled_person(email="lou@northwind.example", name="Lou Lost").user
    admin = enrolled_person(email="admin@northwind.example")
    Membership.objects.create(account=northwind, user=lou, joined_at=clock.now)
    Membership.objects.create(
        account=northwind, user=admin.user, role=Role.ADMIN, joined_at=clock.now
    )
    Membership.objects.create(account=northwind, user=make_user(), joined_at=clock.now)
    policies.switch_on(account=northwind, actor=None, now=clock.now)
    mails, pages = texts_of_mails(clock), []
    half_way = sign_in(lou)
    pages.append(half_way.get("/login/help/").content.decode())
    half_way.post("/login/help/", {"message": ""})
    pages.append(half_way.get("/login/help/").content.decode())
    member = Membership.objects.get(account=northwind, user=lou)
    pages.append(
        sign_in_with_code(admin)
        .get(f"/accounts/{northwind.slug}/members/{member.pk}/pass/")
        .content.decode()
    )
    mails |= texts_of_mails(clock)
    staff = enrolled_person(email="sam@gatehouse.example", is_staff=True).user
    passes.grant_pass(user=lou, actor=staff, reason="lost", now=clock.now)
    mails |= texts_of_mails(clock)
    clock.forward(hours=5)
    mails |= texts_of_mails(clock)
    assert all("7 minutes" in page for page in pages), [len(page) for page in pages]
    assert (
        "a 7-minute pass"
        in mails[f"{northwind}: the time to set up two-factor authentication is over"]
    )
    for text in [*mails.values(), *pages]:
        assert not USUAL.search(text), USUAL.search(text)
    assert sum("7-minute pass" in subject for subject in mails) == 4
