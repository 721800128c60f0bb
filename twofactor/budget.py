"""How many wrong codes a person may give, over all doors and methods together.

Called by ``redeem`` under the lock of the person's row, so that parallel guesses share one
budget. Nothing but time gives any of it back; a password reset lifts the limit of the day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import mail
from accounts.models import User
from accounts.throttle import TooMany
from twofactor.models import CodeFailure

EPISODE = timedelta(hours=1)
WORTH_A_MAIL = 3


@dataclass(frozen=True, slots=True)
class Limit:
    allowed: int
    window: timedelta


SHORT = Limit(5, timedelta(minutes=5))
HOUR = Limit(10, timedelta(hours=1))
DAY = Limit(20, timedelta(hours=24))


def check(user: User, *, now: datetime) -> None:
    """Let a try of ``user`` go on.

    :raises TooMany: when one of the limits is spent; ``retry_at`` satisfies all of them.
    """
    failures = list(
        CodeFailure.objects.filter(user=user, at__gt=now - DAY.window)
        .order_by("-at")
        .values_list("at", flat=True)[: DAY.allowed]
    )
    reset_at = user.password_reset_at
    counted_for_day = [at for at in failures if reset_at is None or at > reset_at]
    waits = [
        _retry_at(SHORT, failures, now=now),
        _retry_at(HOUR, failures, now=now),
        _retry_at(DAY, counted_for_day, now=now),
    ]
    latest = max((at for at in waits if at is not None), default=None)
    if latest is not None:
        raise TooMany(latest)


def _retry_at(limit: Limit, failures: list[datetime], *, now: datetime) -> datetime | None:
    """Return when the failure that is ``allowed`` places back ages out; None if it has."""
    if len(failures) < limit.allowed:
        return None
    free_at = failures[limit.allowed - 1] + limit.window
    return free_at if now < free_at else None


def charge(user: User, *, address: str, agent: str, now: datetime) -> None:
    """Note one wrong code, and warn the person once per run of them."""
    last = CodeFailure.objects.filter(user=user, at__gt=now - EPISODE).order_by("-at").first()
    episode_at = last.episode_at if last else now
    CodeFailure.objects.create(user=user, at=now, episode_at=episode_at)
    if CodeFailure.objects.filter(user=user, episode_at=episode_at).count() >= WORTH_A_MAIL:
        mail.owe(
            "codes_failed",
            to=user,
            occasion=f"{user.pk}:{episode_at.isoformat()}",
            context={"at": now.isoformat(), "address": address, "agent": agent},
            now=now,
        )


def forget_old(*, now: datetime) -> None:
    """Housekeeping: drop what no limit looks at any more."""
    CodeFailure.objects.filter(at__lte=now - DAY.window).delete()
