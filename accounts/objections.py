"""“It wasn't me”: what the recipient of a mail can stop, without signing in.

What a mail of a higher app was about, that app takes back when it hears ``objected``.
"""

from contextlib import suppress
from datetime import datetime

from django.db import transaction

from accounts import audit, keys, locking, mail, memberships, moving, sessions, sso_linking
from accounts.audit import Event
from accounts.letters import is_not_me
from accounts.models import Notice, User, random_value
from accounts.signals import objected

MOST_DIGITS = 18  # of a 64-bit key


def find(token: str, *, now: datetime) -> Notice | None:
    """Return the notice that ``token`` objects to, while that works: for a time, and once."""
    notice = mailed(token)
    if notice is None:
        return None
    kind = mail.kind_of(notice)
    is_live = kind is not None and now < notice.created_at + kind.not_me_for
    return notice if is_live and notice.objected_at is None else None


def mailed(token: str) -> Notice | None:
    """Return the notice that ``token`` was mailed with, however long ago; None for a guess."""
    number = token.partition("-")[0]
    if not number.isascii() or not number.isdigit() or len(number) > MOST_DIGITS:
        return None
    notice = Notice.objects.select_related("user").filter(pk=int(number)).first()
    if notice is None or notice.user is None:
        return None
    return notice if is_not_me(token, notice) else None


def old_address(notice: Notice) -> str:
    """Return the address that an objection brings back; empty where it is about something else.

    Only the old mailbox can: the new one may be the thief's.
    """
    old = str(notice.context.get("old_address", ""))
    return old if notice.kind == "address_changed" and notice.recipient == old else ""


@transaction.atomic
def act(notice: Notice, *, now: datetime) -> None:
    """End every session of the person, void the password, and take back what ``notice`` tells."""
    if notice.user_id is None:
        return
    _hold(notice, notice.user_id)
    if not Notice.objects.filter(pk=notice.pk, objected_at=None).update(objected_at=now):
        return
    user = User.objects.locked(notice.user_id)
    before = {"address": keys.pseudonym(user.email)}
    restored = old_address(notice)
    if restored and not User.objects.filter(email=restored).exclude(pk=user.pk).exists():
        user.email, user.mailbox_nonce = restored, random_value()
        _void_later(notice, now=now)
    _take_back(notice, user, now=now)
    if notice.kind == "identity_linked":
        sso_linking.unlink(notice.context["provider"], user, actor=user, now=now)
    # Whoever knows the password may be the reason for the objection.
    user.set_unusable_password()
    user.save(update_fields=["email", "mailbox_nonce", "password"])
    objected.send(sender=None, notice=notice, user=user, now=now)
    sessions.end_everything(user)
    after = {"mail": notice.kind, "address": keys.pseudonym(user.email)}
    audit.record(Event.NOT_ME, subject=user, before=before, after=after, now=now)


def _hold(notice: Notice, person_id: int) -> None:
    """Lock who and what ``notice`` is about before it: another objection may void it meanwhile."""
    locking.hold(User.objects.filter(pk=person_id))
    if notice.kind == "membership_moved":
        moving.hold_account(notice.context["membership"])


def _take_back(notice: Notice, user: User, *, now: datetime) -> None:
    """Bring a moved membership back to ``user``, who had it; the new mailbox moves nothing.

    Somebody deactivated gets none that would leave the account without an active owner.
    """
    told = notice.context
    if not moved(notice):
        return
    with suppress(moving.NotMovable, memberships.LastOwner):
        moving.move_back(user=user, membership_id=told["membership"], now=now)
    # Whoever had it since has mails of moves that follow this one: they must bring nothing back.
    later = Notice.objects.filter(kind=notice.kind, pk__gt=notice.pk, objected_at=None)
    later.filter(context__membership=told["membership"]).update(objected_at=now)


def moved(notice: Notice) -> str:
    """Return the name of the account to which the objection brings its sender back, if any."""
    told = notice.context
    is_back = notice.kind == "membership_moved" and notice.recipient == told["old_address"]
    return str(told["account"]) if is_back else ""


def _void_later(notice: Notice, *, now: datetime) -> None:
    """Whoever had the address since has mails that object, too: they must bring nothing back.

    The mail to the old mailbox is written before the one to the new, so all of them come later.
    """
    later = Notice.objects.filter(user=notice.user, pk__gt=notice.pk, objected_at=None)
    later.exclude(recipient=notice.recipient).update(objected_at=now)
