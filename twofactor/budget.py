"""How many wrong codes a person may give, over all doors and methods together.

Called by ``redeem`` under the lock of the person's row, so that parallel guesses share one
budget. Nothing but time gives any of it back; a password reset lifts the limit of the day.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.db import router

from accounts import audit, mail
from accounts.audit import Event
from accounts.compiled import USER_HOLE, Compiled, compile_query
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


@dataclass(frozen=True, slots=True)
class Failures:
    """The latest failures of ``user``, as many as any limit looks at, with the latest first.

    Read once for each try, under the lock of the person's row: until that transaction ends there
    are no others.
    """

    user: User
    rows: tuple[CodeFailure, ...]

    def check(self, *, now: datetime) -> None:
        """Let a try go on.

        :raises TooMany: when one of the limits is spent; ``retry_at`` satisfies all of them.
        """
        soon = [limit.free_at(self._at, now=now) for limit in (SHORT, HOUR)]
        tomorrow = DAY.free_at(self._since_reset(self._at), now=now)
        latest = max((at for at in (*soon, tomorrow) if at is not None), default=None)
        if latest is not None:
            raise TooMany(latest, ends_by_reset=tomorrow is not None)

    def spent_it_since(self, begun_at: datetime) -> bool:
        """Whether one since ``begun_at`` spent the budget: what began before it is void."""
        found = self._at
        counted = ((SHORT, found), (HOUR, found), (DAY, self._since_reset(found)))
        return any(
            limit.free_at(failures[place:], now=at) is not None
            for limit, failures in counted
            for place, at in enumerate(failures)
            if at >= begun_at
        )

    def charge(self, *, address: str, agent: str, now: datetime) -> None:
        """Note one more; warn the person once per run of them, and stop who guesses on."""
        episode_at = self._episode_at(now=now) or now
        CodeFailure.objects.create(user=self.user, at=now, episode_at=episode_at)
        if self._number_in(episode_at) + 1 >= WORTH_A_MAIL:
            _warn(self.user, "codes_failed", episode_at, address=address, agent=agent, now=now)
        if len(self._since_reset([now, *self._at])) >= DAY.allowed:
            _stop_password(self.user, now=now)

    def note_success(self, *, address: str, agent: str, now: datetime) -> None:
        """Warn of a right code that followed wrong ones, unless the run was told already."""
        episode_at = self._episode_at(now=now)
        if episode_at is not None and self._number_in(episode_at) > SLIPS:
            _warn(self.user, "in_after_failures", episode_at, address=address, agent=agent, now=now)

    @property
    def _at(self) -> list[datetime]:
        return [row.at for row in self.rows]

    def _since_reset(self, found: list[datetime]) -> list[datetime]:
        reset_at = self.user.password_reset_at
        return [at for at in found if reset_at is None or at > reset_at]

    def _episode_at(self, *, now: datetime) -> datetime | None:
        """Return when the run began that is not over yet; None if there is none."""
        if not self.rows or self.rows[0].at <= now - EPISODE:
            return None
        return self.rows[0].episode_at

    def _number_in(self, episode_at: datetime) -> int:
        return sum(row.episode_at == episode_at for row in self.rows)


def failures_of(user: User, *, now: datetime) -> Failures:
    using = router.db_for_write(CodeFailure) or "default"
    query = _query(using)
    rows = [
        query.instance(row, CodeFailure, using) for row in query.run_all(using, user_id=user.pk)
    ]
    return Failures(user, tuple(row for row in rows if row.at > now - DAY.window))


@lru_cache(maxsize=8)
def _query(using: str) -> Compiled:
    """Asked with every code. What no limit looks at any more is left to ``failures_of``."""
    failures = CodeFailure.objects.filter(user=USER_HOLE).order_by("-at")
    return compile_query(failures[: DAY.allowed], using)


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
