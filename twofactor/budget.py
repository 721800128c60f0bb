"""How many wrong codes a person may give, over all doors and methods together.

Called by ``redeem`` under the lock of the person's row, so that parallel guesses share one
budget. Nothing but time gives any of it back; a password reset lifts the limit of the day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts import audit, mail
from accounts.audit import Event
from accounts.models import Notice, User
from accounts.throttle import TooMany
from twofactor.models import CodeFailure

EPISODE = timedelta(hours=1)
WORTH_A_MAIL = 3
SLIPS = 1  # one typo before the right code is no news
WARNINGS = ("codes_failed", "in_after_failures")


@dataclass(frozen=True, slots=True)
class Limit:
    allowed: int
    window: timedelta

    def free_at(self, failures: list[datetime], *, now: datetime) -> datetime | None:
        """Return when the failure ``allowed`` places back ages out; None if it has.

        ``failures`` begin with the latest.
        """
        if len(failures) < self.allowed:
            return None
        free_at = failures[self.allowed - 1] + self.window
        return free_at if now < free_at else None


SHORT = Limit(5, timedelta(minutes=5))
HOUR = Limit(10, timedelta(hours=1))
DAY = Limit(20, timedelta(hours=24))


def check(user: User, *, now: datetime) -> None:
    """Let a try of ``user`` go on.

    :raises TooMany: when one of the limits is spent; ``retry_at`` satisfies all of them.
    """
    failures = _failures(user, now=now)
    soon = [limit.free_at(failures, now=now) for limit in (SHORT, HOUR)]
    tomorrow = DAY.free_at(_since_reset(user, failures), now=now)
    latest = max((at for at in (*soon, tomorrow) if at is not None), default=None)
    if latest is not None:
        raise TooMany(latest, ends_by_reset=tomorrow is not None)


def _failures(user: User, *, now: datetime) -> list[datetime]:
    """Return the latest failures, as many as any limit looks at, with the latest first."""
    failures = CodeFailure.objects.filter(user=user, at__gt=now - DAY.window).order_by("-at")
    return list(failures.values_list("at", flat=True)[: DAY.allowed])


def _since_reset(user: User, failures: list[datetime]) -> list[datetime]:
    reset_at = user.password_reset_at
    return [at for at in failures if reset_at is None or at > reset_at]


def was_spent_since(user: User, begun_at: datetime, *, now: datetime) -> bool:
    """Whether a failure since ``begun_at`` spent the budget: what began before it is void."""
    failures = _failures(user, now=now)
    counted = ((SHORT, failures), (HOUR, failures), (DAY, _since_reset(user, failures)))
    return any(
        limit.free_at(found[place:], now=at) is not None
        for limit, found in counted
        for place, at in enumerate(found)
        if at >= begun_at
    )


def charge(user: User, *, address: str, agent: str, now: datetime) -> None:
    """Note one wrong code; warn the person once per run of them, and stop who guesses on."""
    last = _last_of_episode(user, now=now)
    episode_at = last.episode_at if last else now
    CodeFailure.objects.create(user=user, at=now, episode_at=episode_at)
    if _count(user, episode_at) >= WORTH_A_MAIL:
        _warn(user, "codes_failed", episode_at, address=address, agent=agent, now=now)
    if len(_since_reset(user, _failures(user, now=now))) >= DAY.allowed:
        _stop_password(user, now=now)


def note_success(user: User, *, address: str, agent: str, now: datetime) -> None:
    """Warn the person of a right code that followed wrong ones, unless the run was told already."""
    last = _last_of_episode(user, now=now)
    if last is not None and _count(user, last.episode_at) > SLIPS:
        _warn(user, "in_after_failures", last.episode_at, address=address, agent=agent, now=now)


def _last_of_episode(user: User, *, now: datetime) -> CodeFailure | None:
    failures = CodeFailure.objects.filter(user=user, at__gt=now - EPISODE)
    return failures.order_by("-at").first()


def _count(user: User, episode_at: datetime) -> int:
    return CodeFailure.objects.filter(user=user, episode_at=episode_at).count()


def _warn(
    user: User, kind: str, episode_at: datetime, *, address: str, agent: str, now: datetime
) -> None:
    occasion = f"{user.pk}:{episode_at.isoformat()}"
    if Notice.objects.filter(user=user, kind__in=WARNINGS, occasion=occasion).exists():
        return
    context = {"at": now.isoformat(), "address": address, "agent": agent}
    mail.owe(kind, to=user, occasion=occasion, context=context, now=now)


def _stop_password(user: User, *, now: datetime) -> None:
    """Let the password sign nobody in before it is replaced: whoever guesses on knows it."""
    if user.password_stopped_at is not None or not user.has_usable_password():
        return
    user.password_stopped_at = now
    user.save(update_fields=["password_stopped_at"])
    occasion = now.isoformat()
    mail.owe("password_stopped", to=user, occasion=occasion, context={"at": occasion}, now=now)
    audit.record(Event.PASSWORD_STOPPED, subject=user, now=now)


def forget_old(*, now: datetime) -> None:
    """Housekeeping: drop what no limit looks at any more."""
    CodeFailure.objects.filter(at__lte=now - DAY.window).delete()
