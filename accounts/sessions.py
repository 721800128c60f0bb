"""The only code that ends sessions.

Sessions are not hunted down: each was born under its person's stamp, and renewing the stamps of
a whole set of people in one statement ends them all, in the database and in any cache alike.
"""

from datetime import datetime
from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Concat

from accounts import keys
from accounts.models import EndReason, Provider, Session, User, random_value

MARK = "~"  # stands in no random value
MOST_MARKS = 10  # beside a random value, a stamp has room for no more


def renew_stamp(users: QuerySet[User], *, reason: EndReason) -> int:
    """End the non-SSO sessions of ``users`` in one statement; return how many people it met.

    One new value serves the whole set: a stamp need not be secret, only new.
    """
    return users.update(stamp=random_value(), ended_reason=reason)


def sign_out_overdue(users: QuerySet[User]) -> int:
    """Renew the stamps of ``users`` at a deadline, so that the new ones name the old ones.

    Whoever stands in set-up at that moment goes on: ``was_only_signed_out`` knows the stamp that
    was read before. Of whom so many deadlines met that no room is left, the stamp begins anew.
    """
    marked = Case(
        When(stamp__startswith=MARK * MOST_MARKS, then=Value(random_value())),
        default=Concat(Value(MARK), F("stamp")),
    )
    return users.update(stamp=marked, ended_reason=EndReason.DEADLINE)


def was_only_signed_out(stamp_read: str, *, now_is: str) -> bool:
    """Whether nothing but sign-outs at deadlines renewed ``stamp_read`` since."""
    return now_is.lstrip(MARK) == stamp_read.lstrip(MARK)


def renew_stamp_if(user: User, *, stamp_read: str, reason: EndReason) -> bool:
    """Renew one stamp unless somebody else did since ``stamp_read`` was read.

    On success ``user.stamp`` is the new value; False means: start over.
    """
    stamp = random_value()
    changed = User.objects.filter(pk=user.pk, stamp=stamp_read).update(
        stamp=stamp, ended_reason=reason
    )
    if changed:
        user.stamp = stamp
    return bool(changed)


def end_everything(user: User, *, reason: EndReason = EndReason.EVERYWHERE) -> None:
    """End every session of ``user``, SSO included: the session hash no longer fits."""
    user.stamp, user.session_salt, user.ended_reason = random_value(), random_value(), reason
    user.save(update_fields=["stamp", "session_salt", "ended_reason"])


def store(session_key: str) -> SessionBase:
    engine = import_module(settings.SESSION_ENGINE)
    opened: SessionBase = engine.SessionStore(session_key)
    return opened


def end_one(session: Session) -> None:
    """End a single browser's session, in the table and in the cache."""
    store(session.session_key).delete()


def live_sessions(user: User, *, now: datetime) -> QuerySet[Session]:
    """Return the sessions of ``user`` that are not over, the latest first.

    Those that came through a live provider outlive a renewed stamp.
    """
    vouched_for = Q(stamp=user.stamp)
    for key in Provider.objects.live().filter(identities__user=user).values_list("pk", flat=True):
        vouched_for |= Q(sso__contains=f",{key},")
    living = Session.objects.filter(vouched_for, user_id=user.pk, expire_date__gt=now)
    # Without data it is a trace for the sweep of a deadline: no browser holds it any more.
    return living.exclude(session_data="").order_by("-seen_at")


def forget_dead(*, now: datetime) -> int:
    """Housekeeping: delete the rows of expired sessions."""
    deleted, _ = Session.objects.filter(expire_date__lte=now).delete()
    return deleted


def handle_of(session: Session) -> str:
    """Return a name for a session in forms that does not give its key away."""
    return keys.mac("session-handle", session.session_key).hex()[:24]
