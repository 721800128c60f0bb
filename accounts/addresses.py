"""Change the email address: the new mailbox confirms first, the old one is told.

A change under way is no row of its own: the notice that carries the link is. Its context holds
the two addresses, its nonce makes the token, and its answer is the mark that it was used.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, keys, letters, mail, moving
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import EndReason, Membership, Notice, User, random_value

LIFE = timedelta(hours=24)
KINDS = ("address_confirm", "address_confirm_old")
LABEL, UNDER = "address", "address-asked-under"  # of keys


class NotChangeable(Exception):
    """The address can't be changed so; the text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of address that some mailbox is asked to confirm."""

    notice: Notice
    user: User

    @property
    def old(self) -> str:
        return str(self.notice.context["old_address"])

    @property
    def new(self) -> str:
        return str(self.notice.context["new_address"])

    @property
    def account(self) -> str:
        """The account whose membership moves; empty where the address changes everywhere."""
        return str(self.notice.context.get("account", ""))

    @property
    def membership_id(self) -> int | None:
        number = self.notice.context.get("membership")
        return int(number) if number is not None else None


@transaction.atomic
def ask(
    *,
    user: User,
    email: str,
    needs_both: bool,
    now: datetime,
    membership: Membership | None = None,
) -> None:
    """Mail the new mailbox (and the old one where no factor was given) to confirm the change.

    With ``membership`` only that one moves to ``email``, which may be a sign-in already. Else the
    address changes everywhere; whether it is somebody's already is never told: the mail to it is
    dropped, and waited for in vain.

    :raises NotChangeable: if it is the address already.
    """
    email = canonical_email(email)
    if email == user.email:
        raise NotChangeable(_("This is your address already."))
    audit.record(
        Event.EMAIL_CHANGE_ASKED,
        actor=user,
        subject=user,
        after={"to": keys.pseudonym(email)},
        now=now,
    )
    change_id = random_value()
    context = {
        "old_address": user.email,
        "new_address": email,
        "needs_both": needs_both,
        "change": change_id,
        "user": user.pk,
        "asked_under": keys.mac(UNDER, *_secrets_of(user)).hex(),
        "expires": (now + LIFE).isoformat(),
        # The mailbox has no sign-in, but its reader is known.
        "language": user.language,
        "time_zone": user.time_zone,
    }
    if membership is not None:
        context |= {"membership": membership.pk, "account": membership.account.name}
    _void_older(user, now=now)
    recipients = [(email, KINDS[0])] + ([(user.email, KINDS[1])] if needs_both else [])
    for recipient, kind in recipients:
        mail.owe(kind, to=recipient, occasion=f"change:{change_id}", context=context, now=now)


def _secrets_of(user: User) -> tuple[str, str]:
    """Return what a change is asked under: what throws a thief out takes the change along.

    A new password, "it wasn't me" and a sign-out everywhere renew one of the two.
    """
    return user.password, user.session_salt


def _void_older(user: User, *, now: datetime) -> None:
    """A newer change takes the place of one that nobody confirmed."""
    Notice.objects.filter(
        kind__in=KINDS, context__user=user.pk, objected_at=None, created_at__gt=now - LIFE
    ).update(objected_at=now)


def awaited(user: User, *, now: datetime) -> list[str]:
    """Return the mailboxes that have yet to confirm a change."""
    waiting = Notice.objects.filter(
        kind__in=KINDS, context__user=user.pk, objected_at=None, created_at__gt=now - LIFE
    )
    return [notice.recipient for notice in waiting if _still_stands(notice, user)]


def can_be_confirmed(notice: Notice, now: datetime) -> bool:
    """Whether the link of ``notice`` is good: a mail that waited may come too late."""
    return _change_of(notice, now=now) is not None


def may_be_asked(notice: Notice, now: datetime) -> bool:
    """Whether the mailbox of ``notice`` may be asked; not where somebody else signs in with it."""
    if not can_be_confirmed(notice, now):
        return False
    if notice.context.get("membership") is not None:
        return True
    others = User.objects.filter(email=notice.context["new_address"])
    return not others.exclude(pk=notice.context["user"]).exists()


def link_of(notice: Notice) -> str:
    return letters.absolute(reverse("settings_email_confirm", args=[_token(notice)]))


def _token(notice: Notice) -> str:
    return f"{notice.pk}-{keys.mac(LABEL, *_parts(notice)).hex()}"


def _parts(notice: Notice) -> tuple[object, ...]:
    return notice.pk, notice.nonce, notice.recipient


def find(token: str, *, now: datetime) -> Change | None:
    """Return the change that ``token`` confirms, while it can be confirmed."""
    notice = mailed(token)
    return None if notice is None else _change_of(notice, now=now)


def _change_of(notice: Notice, *, now: datetime) -> Change | None:
    """Return the change that ``notice`` asks to confirm, while it can be confirmed."""
    user = User.objects.filter(pk=notice.context["user"], is_active=True).first()
    if user is None or not _still_stands(notice, user):
        return None
    is_live = notice.objected_at is None and now < notice.created_at + LIFE
    return Change(notice, user) if is_live else None


def mailed(token: str) -> Notice | None:
    """Return the notice that ``token`` was mailed with, however long ago; None for a guess."""
    number, _, given = token.partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    notice = Notice.objects.filter(pk=int(number), kind__in=KINDS).first()
    if notice is None or not keys.is_hex_mac(given, LABEL, *_parts(notice)):
        return None
    return notice


def _still_stands(notice: Notice, user: User) -> bool:
    """Whether ``user`` is still the person, with the address and the password, who asked."""
    asked_under = bytes.fromhex(notice.context.get("asked_under", ""))
    is_same = keys.is_mac(asked_under, UNDER, *_secrets_of(user))
    return is_same and user.email == notice.context["old_address"]


@transaction.atomic
def confirm(*, change: Change, now: datetime) -> bool:
    """Note that a mailbox confirmed; return whether the address changed, or one is still awaited.

    :raises NotChangeable: if the change is over, or the new address is somebody's meanwhile.
    :raises accounts.moving.NotMovable: if the membership can't move there.
    """
    if change.membership_id is not None:
        moving.hold(change.user, change.new)
    user = User.objects.locked(change.user.pk)
    # Asked again under the lock: a newer change voids both mails of this one, and a void mail of
    # the old mailbox must never be taken for its word.
    mine = Notice.objects.filter(pk=change.notice.pk, objected_at=None)
    if not _still_stands(change.notice, user) or not mine.update(objected_at=now):
        raise NotChangeable(_("This link is no longer good. Ask for the change again."))
    open_others = Notice.objects.filter(
        kind__in=KINDS, context__change=change.notice.context["change"], objected_at=None
    )
    if open_others.exists():
        return False
    if change.membership_id is not None:
        moving.move(user=user, membership_id=change.membership_id, email=change.new, now=now)
    else:
        _change(user, change, now=now)
    return True


def _change(user: User, change: Change, *, now: datetime) -> None:
    occasion = str(change.notice.context["change"])
    _put(user, change.new, actor=user, occasion=occasion, reason="", now=now)


@transaction.atomic
def change_by_support(*, user: User, email: str, actor: User, reason: str, now: datetime) -> None:
    """Change the address of somebody whose old mailbox is dead; both addresses are told.

    :raises NotChangeable: if it is the address already, or somebody's.
    """
    user = User.objects.locked(user.pk)
    email = canonical_email(email)
    if email == user.email:
        raise NotChangeable(_("This is the address already."))
    _put(user, email, actor=actor, occasion=random_value(), reason=reason, now=now)


def _put(user: User, email: str, *, actor: User, occasion: str, reason: str, now: datetime) -> None:
    old = user.email
    user.email, user.mailbox_nonce = email, random_value()
    user.stamp, user.ended_reason, user.mail_failed_at = random_value(), EndReason.ADDRESS, None
    try:
        with transaction.atomic():
            user.save(
                update_fields=["email", "mailbox_nonce", "stamp", "ended_reason", "mail_failed_at"]
            )
    except IntegrityError:
        raise NotChangeable(_("This address can't be used.")) from None
    context = {
        "old_address": old,
        "new_address": email,
        "by_support": actor != user,
        "reason": reason,
        "at": now.isoformat(),
    }
    for recipient in (old, email):
        mail.owe_many([_told(user, recipient, occasion, context, now=now)])
    audit.record(
        Event.EMAIL_CHANGED,
        actor=actor,
        subject=user,
        before={"address": keys.pseudonym(old)},
        after={"address": keys.pseudonym(email), **({"reason": reason} if reason else {})},
        now=now,
    )


def _told(
    user: User, recipient: str, occasion: str, context: dict[str, Any], *, now: datetime
) -> Notice:
    notice = mail.prepared(
        "address_changed", to=recipient, occasion=occasion, context=context, now=now
    )
    notice.user = user
    return notice
