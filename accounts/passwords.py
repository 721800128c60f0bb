"""Change and reset a password. A reset never signs in and never skips a second factor."""

from datetime import datetime, timedelta

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import audit, keys, letters, mail
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import EndReason, Membership, Notice, Provider, User, random_value

KIND = "password_reset"
FIRST = "person:"  # begins the occasion of a mail that nobody asked for
WAIT_MINUTES, LONG_WAIT_MINUTES = 2, 60
QUICK_A_DAY = 5
DAY = UNKNOWN_KEPT = timedelta(days=1)


@transaction.atomic
def ask_for_reset(*, email: str, now: datetime) -> bool:
    """Owe the reset mail to whoever has ``email``; return whether one more is owed than before.

    The same is written for an unknown address, whose mail the worker drops: how long the answer
    takes tells nobody who has a sign-in here.
    """
    email = canonical_email(email)
    user = User.objects.filter(email=email, is_active=True).first()
    # Of whoever has the address now: what was asked for while another or nobody had it went
    # nowhere, and must take no mail from its person.
    asked = Notice.objects.filter(recipient=email, kind=KIND, user=user)
    minutes = _wait(asked, now=now)
    lately = asked.filter(occasion__startswith="span:")
    if lately.filter(created_at__gt=now - timedelta(minutes=minutes)).exists():
        return False
    _owe(user or email, _span(minutes, user, now=now), now=now)
    return True


@transaction.atomic
def ask_to_choose(user: User, *, now: datetime) -> None:
    """Owe the mail by which ``user``, who was just made without a password, chooses one.

    It belongs to no span of time: nobody can have used it up before.
    """
    _owe(user, f"{FIRST}{user.pk}", now=now)


def is_first(notice: Notice) -> bool:
    """Whether ``notice`` was owed to somebody just made, rather than asked for on the page."""
    return notice.occasion.startswith(FIRST)


def _owe(to: User | str, occasion: str, *, now: datetime) -> None:
    mail.owe(KIND, to=to, occasion=occasion, now=now)
    user, email = (None, to) if isinstance(to, str) else (to, to.email)
    person = keys.pseudonym(email)
    audit.record(Event.PASSWORD_RESET_ASKED, subject=user, after={"person": person}, now=now)


def _wait(asked: QuerySet[Notice], *, now: datetime) -> int:
    """Return for how many minutes after one mail there is no other.

    It grows after some mails in a day: a stranger can fill no mailbox. A link lives as long as
    the longest of them, so that its person has a good one whoever else pressed the button.
    """
    lately = asked.filter(created_at__gt=now - DAY).count()
    return WAIT_MINUTES if lately < QUICK_A_DAY else LONG_WAIT_MINUTES


def _span(minutes: int, user: User | None, *, now: datetime) -> str:
    """Name the span of time of a mail, which is owed once by however many that ask at once."""
    return f"span:{minutes}:{int(now.timestamp()) // (60 * minutes)}:{user.pk if user else ''}"


def forget_unknown(*, now: datetime) -> None:
    """Housekeeping: drop the rows of resets that were asked for addresses nobody has."""
    asked = Notice.objects.filter(kind=KIND, user=None, created_at__lte=now - UNKNOWN_KEPT)
    asked.exclude(state=Notice.State.OWED).delete()


def reset_link(user: User) -> str:
    """Return the full address that lets ``user`` choose a password, for one hour and one use."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return letters.absolute(reverse("password_reset_confirm", args=[uid, token]))


def provider_instead(user: User) -> Provider | None:
    """Return the provider that alone signs ``user`` in: no password can be chosen beside it.

    Whoever has one keeps it, and so do owners, who must get in when their provider is away.
    """
    if user.has_usable_password():
        return None
    required = Provider.objects.live().filter(is_required=True, identities__user=user)
    owned = Membership.objects.owners().filter(user=user)
    return required.exclude(account__in=owned.values("account")).first()


class LinkUsed(Exception):
    """The mailed link was used since it was looked at."""


@transaction.atomic
def reset_password(*, user: User, password: str, now: datetime) -> None:
    """Set a password that was chosen through a mailed link; every session ends.

    It also lifts the day's limit of failed codes: whoever reads the mailbox is no guesser.

    :raises LinkUsed: if the password is no longer the one that the link was checked against.
    """
    locked = User.objects.locked(user.pk)
    if (locked.password, locked.email) != (user.password, user.email):
        raise LinkUsed
    user.password_reset_at = now
    _set(user, password, EndReason.PASSWORD)
    user.save(update_fields=["password_reset_at"])
    _tell(user, now=now)
    audit.record(Event.PASSWORD_RESET, actor=user, subject=user, now=now)


class ChangedMeanwhile(Exception):
    """Something ended the sign-ins of the person, or their password, since the page was asked."""


def check_unchanged(user: User, locked: User) -> None:
    """Check that ``user``, as it was read with the request, is who is there under the lock.

    :raises ChangedMeanwhile: if nothing that was proved since counts any more.
    """
    if (locked.password, locked.stamp) != (user.password, user.stamp):
        raise ChangedMeanwhile


@transaction.atomic
def change_password(*, user: User, password: str, now: datetime) -> None:
    """Set a password that its person changed; the caller lets the acting session live on.

    :raises ChangedMeanwhile: if ``user``, as it was read, is no longer who may.
    """
    check_unchanged(user, User.objects.locked(user.pk))
    _set(user, password, EndReason.PASSWORD)
    _tell(user, now=now)
    audit.record(Event.PASSWORD_CHANGED, actor=user, subject=user, now=now)


def _set(user: User, password: str, reason: EndReason) -> None:
    user.set_password(password)
    user.stamp, user.ended_reason, user.password_stopped_at = random_value(), reason, None
    user.save(update_fields=["password", "stamp", "ended_reason", "password_stopped_at"])


def _tell(user: User, *, now: datetime) -> None:
    occasion = now.isoformat()
    mail.owe("password_changed", to=user, occasion=occasion, context={"at": occasion}, now=now)
