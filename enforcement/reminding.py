"""An owner has everybody reminded who must still act: now, and at most once an hour.

The click stores the wish; the sweep owes the mails from stored state, in chunks, so that a
hundred thousand members cost the click no more than ten.
"""

from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts import audit, mail
from accounts.audit import Event
from accounts.models import Account, User
from accounts.words import filled
from enforcement import notices, roster
from enforcement.models import Policy
from enforcement.wake import wake_sweep

PAUSE = timedelta(hours=1)
KIND = "reminder_asked"


class NotNow(Exception):
    """Nobody is reminded; the text says why."""


class TooSoon(NotNow):
    def __init__(self, *, asked_at: datetime) -> None:
        super().__init__(_("The members were reminded within the last hour."))
        self.asked_at, self.again_at = asked_at, asked_at + PAUSE


@transaction.atomic
def remind_now(*, account: Account, actor: User, now: datetime) -> int:
    """Have all mailed who must act; return how many that is.

    :raises TooSoon: within an hour of the last time, whoever asked then.
    :raises NotNow: if nothing is required, or nobody must act.
    """
    policy = Policy.objects.select_for_update().filter(account=account, ended_at=None).first()
    if policy is None:
        raise NotNow(filled(_("%(account)s requires nothing now."), account=account))
    if policy.reminder_asked_at is not None and now < policy.reminder_asked_at + PAUSE:
        raise TooSoon(asked_at=policy.reminder_asked_at)
    number = roster.counts(account, now=now).must_act
    if not number:
        raise NotNow(_("Nobody is left who must act."))
    policy.reminder_asked_at = now
    policy.save(update_fields=["reminder_asked_at"])
    audit.record(
        Event.MEMBERS_REMINDED, actor=actor, account=account, after={"members": number}, now=now
    )
    transaction.on_commit(wake_sweep, robust=True)
    return number


def owe_asked(*, now: datetime) -> None:
    """Owe the reminders that owners asked for; a run that is repeated owes none twice."""
    unmet = Q(reminder_owed_at=None) | Q(reminder_owed_at__lt=F("reminder_asked_at"))
    asked = Policy.objects.filter(unmet, ended_at=None, reminder_asked_at__isnull=False)
    for policy in asked.select_related("account", "started_by"):
        _owe(policy, now=now)
        Policy.objects.filter(pk=policy.pk).update(reminder_owed_at=policy.reminder_asked_at)


def _owe(policy: Policy, *, now: datetime) -> None:
    asked_at = policy.reminder_asked_at or now
    people = notices.members_of(policy)
    while chunk := list(islice(people, notices.CHUNK)):
        mail.owe_many(
            mail.prepared(
                KIND,
                to=person,
                occasion=f"policy:{policy.pk}:{asked_at.isoformat()}",
                account=policy.account,
                context=notices.context_of(policy),
                drop_at=asked_at + PAUSE,
                now=now,
            )
            for person, standing in chunk
            if notices.must_act(standing, now=now)
        )


def again_at(policy: Policy | None, *, now: datetime) -> datetime | None:
    """Return when the members can be reminded again; None if that is now."""
    if policy is None or policy.reminder_asked_at is None:
        return None
    at = policy.reminder_asked_at + PAUSE
    return at if now < at else None
