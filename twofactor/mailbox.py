"""Proof that whoever sets up reads the person's mailbox: by the link in a mail, or by a code.

A password alone must not be enough to bind a thief's device. Neither the link nor the code is
stored: both are derived from a nonce under a server key, when the mail is built.
"""

import hmac
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from accounts import audit, keys, letters, mail
from accounts.audit import Event
from accounts.client import bucket_of
from accounts.models import Notice, User
from accounts.throttle import TooMany
from twofactor import sent_codes
from twofactor.models import SentCode
from twofactor.redeem import live_code, mailbox_keys

LINK_LIFE = timedelta(days=7)
LABEL = "twofactor.setup-link"


class LinkInvalid(Exception):
    """A set-up link that is altered, or used up by set-up or a new address."""


class LinkTooOld(LinkInvalid):
    """One that was mailed, over a week ago."""


def make_link(user: User, *, now: datetime) -> str:
    """Return the full address of the page that proves ``user``'s mailbox."""
    return letters.absolute(reverse("setup_link", args=[make_token(user, now=now)]))


def give_out_link(user: User, *, now: datetime) -> str:
    """Return a set-up link that goes to no mailbox; the audit has that somebody holds it."""
    audit.record(Event.SETUP_LINK_MADE, subject=user, now=now)
    return make_link(user, now=now)


def make_token(user: User, *, now: datetime) -> str:
    made_at = int(now.timestamp())
    return f"{user.pk}-{made_at}-{keys.mac(LABEL, *_parts(user, made_at)).hex()}"


def _parts(user: User, made_at: int) -> tuple[object, ...]:
    return user.pk, made_at, user.email, user.mailbox_nonce


def read_link(token: str, *, now: datetime) -> User:
    """Return the person whose mailbox ``token`` was mailed to.

    :raises LinkInvalid: whatever is wrong with it.
    """
    try:
        user_id, made_at, signature = token.split("-")
        user = User.objects.get(pk=int(user_id), is_active=True)
        made = datetime.fromtimestamp(int(made_at), UTC)
    except (ValueError, OverflowError, OSError, User.DoesNotExist):
        raise LinkInvalid from None
    known = keys.macs(LABEL, *_parts(user, int(made_at)))
    is_ours = any(hmac.compare_digest(mac.hex().encode(), signature.encode()) for mac in known)
    if not is_ours:
        raise LinkInvalid
    if now >= made + LINK_LIFE:
        raise LinkTooOld
    return user


@transaction.atomic
def send_code(user: User, *, attempt: str, address: str, now: datetime) -> None:
    """Owe ``user`` the mail with a six-digit code for the set-up ``attempt``.

    :raises TooMany: before the wait between two mails, or the limit of the hour, is over.
    """
    user = User.objects.locked(user.pk)
    free_at = next_at(user, now=now)
    if free_at is not None:
        raise TooMany(free_at)
    sent = sent_codes.new(
        user,
        purpose=SentCode.Purpose.MAILBOX,
        attempt=attempt,
        destination_key=mailbox_keys(user.email)[0],
        address=bucket_of(address),
        now=now,
    )
    sent.save()
    mail.owe(
        "mailbox_code",
        to=user,
        occasion=str(sent.uid),
        context={"sent_code": sent.pk, "until": sent.expires_at.isoformat()},
        drop_at=sent.expires_at,
        now=now,
    )


def next_at(user: User, *, now: datetime) -> datetime | None:
    """Return when ``user`` may be mailed the next code; None means at once."""
    return sent_codes.next_at(_mailed(user), now=now)


def was_sent(user: User, *, now: datetime) -> bool:
    """Whether a code that is still good is on its way to ``user``."""
    sent = live_code(user, purpose=SentCode.Purpose.MAILBOX)
    return sent is not None and _is_good(sent, now=now)


def _is_good(sent: SentCode, *, now: datetime) -> bool:
    return sent.used_at is None and now < sent.expires_at and bool(sent.checks_left)


def _mailed(user: User) -> QuerySet[SentCode]:
    return SentCode.objects.filter(user=user, purpose=SentCode.Purpose.MAILBOX)


@sensitive_variables()
def code_for_mail(notice: Notice, now: datetime) -> dict[str, str]:
    """Return the code that ``notice`` delivers, derived at the moment of sending."""
    return {"code": sent_codes.code_of(SentCode.objects.get(pk=notice.context["sent_code"]))}


def code_still_good(notice: Notice, now: datetime) -> bool:
    """Whether it is the code that counts: a newer one takes the place of one that waited."""
    sent = SentCode.objects.select_related("user").filter(pk=notice.context["sent_code"]).first()
    if sent is None or sent != live_code(sent.user, purpose=SentCode.Purpose.MAILBOX):
        return False
    return _is_good(sent, now=now)
