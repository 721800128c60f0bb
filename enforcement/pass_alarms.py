"""Who grants many passes within an hour may be deceived, or be somebody else: operators hear of it.

Called by each grant, and by the sweep: grants at the same time do not see one another.
"""

from datetime import datetime, timedelta

from django.db.models import Count

from accounts import alarms
from accounts.alarms import Alarm
from enforcement.models import Pass

WITHIN = timedelta(hours=1)
MANY = 5


def look(*, now: datetime) -> None:
    """Sound the alarm for each who granted many; the command line counts as one of them."""
    recent = Pass.objects.filter(granted_at__gt=now - WITHIN, granted_at__lte=now)
    counted = recent.order_by().values("granted_by").annotate(number=Count("pk"))
    for agent, number in counted.filter(number__gte=MANY).values_list("granted_by", "number"):
        who = f"person {agent}" if agent else "the command line"
        alarms.sound(Alarm.MANY_PASSES, who=who, count=number, now=now)
