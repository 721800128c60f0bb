"""The jobs, run at the instant the clock shows, and the mails that came of them."""

import re

from django.conf import settings
from django.core import mail as sent
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils import timezone

from accounts.delivery import send_due
from accounts.models import Notice
from enforcement.tasks import carry_out

SETUP_LINK = "/two-factor/setup/link/"
INVITATION = "/invitations/"


def run_jobs() -> None:
    """Do what the workers do, once: carry out what is due, then send what is owed."""
    now = timezone.now()
    carry_out(now=now)
    while send_due(now=now):
        continue
    troubled = Notice.objects.exclude(error="") | Notice.objects.filter(state=Notice.State.FAILED)
    assert not list(troubled), [f"{notice.kind}: {notice.error}" for notice in troubled]


def mails_to(email: str, about: str = "") -> list[EmailMessage]:
    """Return the mails to one mailbox, oldest first, whose subject contains ``about``."""
    return [mail for mail in sent.outbox if mail.to == [email] and about in mail.subject]


def the_mail(email: str, about: str) -> EmailMessage:
    """Return the one mail to a mailbox about something."""
    found = mails_to(email, about)
    assert len(found) == 1, f"{len(found)} mails about {about!r}: {subjects(email)}"
    return found[0]


def subjects(email: str) -> list[str]:
    return [str(mail.subject) for mail in mails_to(email)]


def html_of(mail: EmailMessage) -> str:
    assert isinstance(mail, EmailMultiAlternatives)
    (part,) = mail.alternatives
    return str(part[0])


def link_in(mail: EmailMessage, start: str) -> str:
    """Return the path of the one link that begins so; both parts of the mail carry it."""
    found: set[str] = set(re.findall(rf"{settings.BASE_URL}({start}[^\s\"<>]*)", str(mail.body)))
    assert len(found) == 1, f"{len(found)} links to {start} in {mail.subject!r}"
    path = found.pop()
    assert f"{settings.BASE_URL}{path}" in html_of(mail)
    return path


def code_in(mail: EmailMessage) -> str:
    """Return the six digits that stand alone on a line."""
    (code,) = re.findall(r"^\s*(\d{6})\s*$", str(mail.body), re.MULTILINE)
    assert code in html_of(mail)
    return str(code)
