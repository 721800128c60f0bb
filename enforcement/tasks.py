"""Jobs of this app: each reads the clock and makes its calls; one that fails stops no other."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import alarms, audit, passwords, saml, seals, sessions, sso, throttle
from accounts.clock import is_trustworthy
from enforcement import extensions, logouts, notices, pass_alarms, passes, pulse, reminding
from twofactor import housekeeping

logger = logging.getLogger(__name__)

WORK: tuple[Callable[..., object], ...] = (
    logouts.end_overdue_sessions,
    logouts.settle_passes,
    notices.announce,
    extensions.tell,
    notices.remind,
    extensions.remind,
    reminding.owe_asked,
    notices.warn_of_passes,
    alarms.look,
    pass_alarms.look,
)


def forget_audit(*, now: datetime) -> None:
    """Seal what no shorter look has found; then apply ``AUDIT_RETENTION_DAYS``, where it is set."""
    seals.seal_all(back=None)
    days = settings.AUDIT_RETENTION_DAYS
    if days is not None:
        audit.remove_older(than=now - timedelta(days=days), now=now)


HOUSEKEEPING: tuple[Callable[..., object], ...] = (
    throttle.forget_old,
    sessions.forget_dead,
    passwords.forget_unknown,
    sso.forget_old,
    saml.forget_old,
    housekeeping.forget_old,
    passes.close_needless,
    forget_audit,
)


@shared_task(name="enforcement.tasks.sweep")
def sweep() -> None:
    """Carry out what has become due, from stored state alone."""
    if is_trustworthy():
        carry_out(WORK, now=timezone.now())
        pulse.note(now=timezone.now())


@shared_task(name="enforcement.tasks.forget_old")
def forget_old() -> None:
    """Housekeeping: drop rows that no rule looks at any more."""
    if is_trustworthy():
        carry_out(HOUSEKEEPING, now=timezone.now())


def carry_out(jobs: Iterable[Callable[..., object]] = WORK, *, now: datetime) -> None:
    """Do each of ``jobs`` from stored state alone."""
    for work in jobs:
        try:
            work(now=now)
        except Exception:
            logger.exception("%s failed; the next sweep tries again.", work.__name__)
