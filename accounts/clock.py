"""One clock, the application's; the database's is asked only whether the two agree."""

import logging
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

logger = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=2)


def difference() -> timedelta:
    """Return how far the database's clock is from ours; nothing for SQLite, which has ours."""
    if connection.vendor != "postgresql":
        return timedelta()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    return abs(theirs - timezone.now())


def is_trustworthy() -> bool:
    """Whether jobs may do what can't be undone."""
    apart = difference()
    if apart > TOLERATED:
        logger.error("The clocks of application and database are %s apart; jobs wait.", apart)
        return False
    return True
