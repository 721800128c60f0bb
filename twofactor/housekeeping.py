"""What the sweep lets this app forget."""

from datetime import datetime

from twofactor import budget, enrolment, sent_codes


def forget_old(*, now: datetime) -> None:
    enrolment.discard_stale(now=now)
    sent_codes.forget_old(now=now)
    budget.forget_old(now=now)
