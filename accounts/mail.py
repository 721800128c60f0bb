"""Mails owed, and their sending.

A mail is one ``Notice`` row, written in the transaction of what it tells. Workers claim rows for
a short lease, send a batch over one connection and mark each row as soon as it is sent: whatever
is killed in between is repeated at most once. What a text needs that must not be stored (a code,
a link with a token) is made by the kind's ``values`` at the moment of sending.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation

from accounts import keys, spare
from accounts.models import Account, Membership, Notice, User
from accounts.records import NoticeState

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A batch stops half-way through its lease: the mail under way may take long on a slow server.
BATCH_SECONDS = LEASE.total_seconds() / 2
REFUSED_US = (SMTPAuthenticationError, SMTPConnectError, SMTPHeloError, SMTPSenderRefused)
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
INSTANTS = ("deadline", "until", "expires", "at", "ended")

Values = Callable[[Notice, datetime], dict[str, Any]]
StillOwed = Callable[[Notice, datetime], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of mail: its folder of templates, and what is asked at the moment of sending."""

    name: str
    app: str
    still_owed: StillOwed | None = None
    values: Values | None = None
    # Mails that nobody but the recipient may know of; trouble with them is not shown to owners.
    is_private: bool = False
    # Whether the mail carries the link that says "it wasn't me".
    offers_not_me: bool = False

    @property
    def folder(self) -> str:
        return f"{self.app}/mail/{self.name}"


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Make kinds known; called once by each app when it is ready."""
    for kind in kinds:
        _kinds[kind.name] = kind


def registered() -> Sequence[Kind]:
    return tuple(_kinds.values())


def owe(
    kind: str,
    *,
    to: User | str,
    occasion: str,
    now: datetime,
    context: dict[str, Any] | None = None,
    account: Account | None = None,
    drop_at: datetime | None = None,
) -> None:
    """Owe one mail, in the transaction under way; a second call for the occasion adds nothing."""
    notice = prepared(
        kind, to=to, occasion=occasion, now=now, context=context, account=account, drop_at=drop_at
    )
    owe_many([notice])


def prepared(
    kind: str,
    *,
    to: User | str,
    occasion: str,
    now: datetime,
    context: dict[str, Any] | None = None,
    account: Account | None = None,
    drop_at: datetime | None = None,
) -> Notice:
    """Return the row of one mail, not saved yet.

    :raises KeyError: for a kind that no app registered.
    """
    known = _kinds[kind]
    return Notice(
        recipient=to if isinstance(to, str) else to.email,
        user=to if isinstance(to, User) else None,
        account_id=account.pk if account else None,
        kind=known.name,
        occasion=occasion,
        context=context or {},
        nonce=secrets.token_urlsafe(16),
        created_at=now,
        due_at=now,
        drop_at=drop_at,
    )


def owe_many(notices: Iterable[Notice]) -> None:
    """Owe many mails in one statement; those already owed stay as they are."""
    Notice.objects.bulk_create(notices, batch_size=500, ignore_conflicts=True)
    # Once for each transaction: one that owes several mails asks the broker a single time.
    waiting = transaction.get_connection().run_on_commit
    if not any(hook is wake for _, hook, *_ in waiting):
        transaction.on_commit(wake, robust=True)


def wake() -> None:
    """Tell a worker that there is work; without a broker the sweep finds the rows."""
    from accounts.tasks import send_notices  # noqa: PLC0415 - tasks call this module

    spare.wake(send_notices)


def send_due(*, now: datetime, limit: int = 100) -> int:
    """Send up to ``limit`` mails that are due; return how many rows were taken in hand."""
    claimed = _claim(now=now, limit=limit)
    if not claimed:
        return 0
    outgoing = _Outgoing()
    stop_at = time.monotonic() + BATCH_SECONDS
    try:
        for place, notice in enumerate(claimed):
            if time.monotonic() >= stop_at:
                _give_back(claimed[place:], now=now)
                break
            _send_one(notice, outgoing, now=now)
    finally:
        outgoing.close()
    return len(claimed)


def _give_back(notices: Sequence[Notice], *, now: datetime) -> None:
    """Let others take what could not be sent within the lease, before it runs out under us."""
    unsent = Notice.objects.filter(pk__in=[notice.pk for notice in notices])
    unsent.filter(state=NoticeState.OWED).update(due_at=now)


@transaction.atomic
def _claim(*, now: datetime, limit: int) -> list[Notice]:
    """Take due rows for the length of a lease; who dies with them gives them back."""
    due = Notice.objects.filter(state=NoticeState.OWED, due_at__lte=now)
    rows = list(due.select_for_update(skip_locked=True).order_by("due_at", "pk")[:limit])
    Notice.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LEASE)
    return rows


class _Outgoing:
    """One connection for a batch; a broken one is replaced for the next mail."""

    def __init__(self) -> None:
        self.connection: BaseEmailBackend | None = None

    def send(self, message: EmailMultiAlternatives) -> None:
        if self.connection is None:
            connection: BaseEmailBackend = get_connection(fail_silently=False)
            connection.open()
            self.connection = connection
        message.connection = self.connection
        message.send()

    def close(self) -> None:
        if self.connection is not None:
            try:
                self.connection.close()
            except (OSError, SMTPException):
                logger.info("The mail connection was already gone.")
            self.connection = None


def _send_one(notice: Notice, outgoing: _Outgoing, *, now: datetime) -> None:
    kind = _kinds.get(notice.kind)
    if kind is None:
        _settle(notice, NoticeState.DROPPED)
        return
    try:
        if _is_stale(notice, kind, now=now):
            _settle(notice, NoticeState.DROPPED)
            return
        outgoing.send(build(notice, kind, now=now))
    except User.DoesNotExist:
        _settle(notice, NoticeState.DROPPED)  # deleted since the row was claimed, as the row was
    except Exception as error:  # noqa: BLE001 - one bad row must stop nobody else's mail
        outgoing.close()
        _note_trouble(notice, kind, error, now=now)
    else:
        _settle(notice, NoticeState.SENT, sent_at=now)


def _is_stale(notice: Notice, kind: Kind, *, now: datetime) -> bool:
    if notice.drop_at is not None and now >= notice.drop_at:
        return True
    return kind.still_owed is not None and not kind.still_owed(notice, now)


def _settle(notice: Notice, state: NoticeState, **values: Any) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, error="", **values)


def _note_trouble(notice: Notice, kind: Kind, error: Exception, *, now: datetime) -> None:
    """Try again later, or give up and tell the owners."""
    # The text of an exception may quote the mail; its type and code say enough.
    told = f"{type(error).__name__} {_code(error) or ''}".strip()
    logger.warning("Mail %s (%s) was not sent: %s", notice.pk, notice.kind, told)
    if notice.tries < len(WAITS) and not _is_permanent(error):
        due_at = now + WAITS[notice.tries]
        Notice.objects.filter(pk=notice.pk).update(
            tries=notice.tries + 1, due_at=due_at, error=told
        )
        return
    _give_up(notice, kind, told, now=now)


@transaction.atomic
def _give_up(notice: Notice, kind: Kind, told: str, *, now: datetime) -> None:
    Notice.objects.filter(pk=notice.pk).update(
        state=NoticeState.FAILED, tries=notice.tries + 1, error=told
    )
    if notice.user_id:
        User.objects.filter(pk=notice.user_id).update(mail_failed_at=now)
    if notice.account_id and not kind.is_private and kind.name != "mail_trouble":
        owe_mail_trouble(notice.account_id, now=now)


def owe_mail_trouble(account_id: int, *, now: datetime) -> None:
    """Tell the owners, at most once a day, that mails of their account do not arrive."""
    owners = Membership.objects.owners().filter(account_id=account_id)
    for membership in owners.select_related("user", "account"):
        owe(
            "mail_trouble",
            to=membership.user,
            occasion=f"account:{account_id}:{now:%Y-%m-%d}",
            account=membership.account,
            context={
                "account": membership.account.name,
                "slug": membership.account.slug,
                "addresses": _failing(account_id),
            },
            now=now,
        )


def _failing(account_id: int) -> list[str]:
    failed = Notice.objects.filter(account_id=account_id, state=NoticeState.FAILED)
    return sorted(set(failed.order_by("-pk").values_list("recipient", flat=True)[:20]))


def _code(error: Exception) -> int | None:
    if isinstance(error, SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=None)
    return error.smtp_code if isinstance(error, SMTPResponseException) else None


def _is_permanent(error: Exception) -> bool:
    """RFC 5321 section 4.2.1: 5yz is final. An address that can't be put in a header is, too.

    Not where the server refuses us, not the recipient: no mail would be at fault for that.
    """
    if isinstance(error, REFUSED_US):
        return False
    if isinstance(error, SMTPRecipientsRefused | SMTPResponseException):
        return (_code(error) or 0) // 100 == 5
    return isinstance(error, ValueError)


def build(notice: Notice, kind: Kind, *, now: datetime) -> EmailMultiAlternatives:
    """Render one mail in its recipient's language and time zone.

    :raises ValueError: for an address that no mail can be sent to.
    """
    check_address(notice.recipient)
    person = notice.user
    with translation.override(person.language if person else settings.LANGUAGE_CODE):
        values = _values(notice, kind, now=now)
        subject = " ".join(render_to_string(f"{kind.folder}/subject.txt", values).split())
        values["subject"] = subject
        text = render_to_string(f"{kind.folder}/body.txt", values)
        html = render_to_string(f"{kind.folder}/body.html", values)
    message = EmailMultiAlternatives(subject, text, to=[notice.recipient])
    message.attach_alternative(html, "text/html")
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def check_address(address: str) -> None:
    """Refuse what would reach nobody, or somebody else.

    Django sends no mail to an empty address and says that it did; and it turns a mailbox name
    beyond ASCII into another name.

    :raises ValueError: for such an address.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain or not local.isascii():
        raise ValueError("No mail can be sent to this address.")


def _values(notice: Notice, kind: Kind, *, now: datetime) -> dict[str, Any]:
    person = notice.user
    values: dict[str, Any] = {
        "site_name": settings.TWO_FACTOR_ISSUER,
        "base_url": settings.BASE_URL,
        "sign_in_url": absolute(reverse("login")),
        "security_url": absolute(reverse("security")),
        "password_reset_url": absolute(reverse("password_reset")),
        "person_name": person.get_full_name() if person else "",
        "recipient": notice.recipient,
        **notice.context,
    }
    for name in INSTANTS:
        if values.get(name):
            values.update(_told(name, values[name], zone_of(person)))
    if "slug" in notice.context:
        values["account_url"] = absolute(reverse("account", args=[notice.context["slug"]]))
    if kind.offers_not_me:
        values["not_me_url"] = absolute(reverse("not_me", args=[not_me_token(notice)]))
    if kind.values is not None:
        values.update(kind.values(notice, now))
    return values


def not_me_token(notice: Notice) -> str:
    """Return the token by which the recipient of ``notice`` says "it wasn't me"."""
    made = keys.mac("not-me", *_not_me_parts(notice))
    return f"{notice.pk}-{made.hex()}"


def is_not_me(token: str, notice: Notice) -> bool:
    """Whether ``token`` was mailed with ``notice``, under whichever of the keys."""
    number, _, given = token.partition("-")
    return number == str(notice.pk) and keys.is_hex_mac(given, "not-me", *_not_me_parts(notice))


def _not_me_parts(notice: Notice) -> tuple[object, ...]:
    return notice.pk, notice.nonce, notice.recipient


def zone_of(person: User | None) -> ZoneInfo:
    try:
        return ZoneInfo(person.time_zone if person else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _told(name: str, value: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return an instant, and how it is told: in the person's zone, named, with UTC beside it."""
    instant = datetime.fromisoformat(value)
    return {name: instant, f"{name}_told": told_in(instant, zone)}


def told_in(instant: datetime, zone: ZoneInfo) -> str:
    """Return ``instant`` to the second, as "Thursday, 26 November 2026, 09:30:00 UTC"."""
    local = timezone.localtime(instant, zone)
    in_utc = instant.astimezone(UTC)
    day = formats.date_format(local, "l, j F Y")
    if local.utcoffset() == timedelta():
        return f"{day}, {in_utc:%H:%M:%S} UTC"
    same_day = local.date() == in_utc.date()
    utc = f"{in_utc:%H:%M:%S} UTC" if same_day else f"{in_utc:%d %B, %H:%M:%S} UTC"
    return f"{day}, {local:%H:%M:%S} {local:%Z} ({zone.key}; {utc})"


def absolute(path: str) -> str:
    """Return the full address of ``path``; the host comes from settings, never from a request."""
    return f"{settings.BASE_URL}{path}"
