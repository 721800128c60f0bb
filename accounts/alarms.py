"""What operators must hear of within a minute: a line in the log, a figure, and a mail.

Each alarm sounds at most once an hour. The sweep looks for what no single request notices.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, ngettext

from accounts import locks, mail, throttle, wording
from accounts.mail_names import isolated
from accounts.models import AlarmBell, User

logger = logging.getLogger("gatehouse.alarm")

AGAIN_AFTER = timedelta(hours=1)
FAILED_TRIES = 1000


class Alarm(StrEnum):
    FAILED_TRIES = "failed_tries"
    TEXTS_USED_UP = "texts_used_up"
    MANY_PASSES = "many_passes"
    TEXTS_REFUSED = "texts_refused"


TEXTS = {
    Alarm.FAILED_TRIES: "{count} wrong passwords, codes or links within five minutes.",
    Alarm.TEXTS_USED_UP: "All {count} texts of a day are sent; no more go out for now.",
    Alarm.MANY_PASSES: "{count} passes were granted by {who} within an hour.",
    Alarm.TEXTS_REFUSED: "The text provider refuses our texts (error {code}): see to its settings.",
}


def _told(context: wording.Context) -> str:
    """Return the text of an alarm in the language that is active; the log's stays English."""
    if "count" not in context:
        return str(context["alarm_text"])
    values = {"count": context["count"], "code": context["code"], "who": isolated(context["who"])}
    texts = {
        Alarm.FAILED_TRIES: ngettext(
            "%(count)d wrong password, code or link within five minutes.",
            "%(count)d wrong passwords, codes or links within five minutes.",
            values["count"],
        ),
        Alarm.TEXTS_USED_UP: ngettext(
            "The %(count)d text of a day is sent; no more go out for now.",
            "All %(count)d texts of a day are sent; no more go out for now.",
            values["count"],
        ),
        Alarm.MANY_PASSES: ngettext(
            "%(count)d pass was granted by %(who)s within an hour.",
            "%(count)d passes were granted by %(who)s within an hour.",
            values["count"],
        ),
        Alarm.TEXTS_REFUSED: gettext(
            "The text provider refuses our texts (error %(code)s): see to its settings."
        ),
    }
    return texts[Alarm(context["alarm"])] % values


wording.register("alarm_text", _told)


def look(*, now: datetime) -> None:
    """Sound what the stored failures call for."""
    count = throttle.failed_tries(now=now)
    if count >= FAILED_TRIES:
        sound(Alarm.FAILED_TRIES, count=count, now=now)


@transaction.atomic
def sound(alarm: Alarm, *, now: datetime, count: int = 0, code: str = "", who: str = "") -> None:
    """Tell the operators, unless they were told within the hour; of each ``who`` by itself."""
    name = f"{alarm}:{who}" if who else alarm.value
    locks.hold("alarm", name)
    bell, _ = AlarmBell.objects.get_or_create(name=name)
    if _is_ringing(bell, now=now):
        return
    AlarmBell.objects.filter(pk=bell.pk).update(sounded_at=now)
    text = TEXTS[alarm].format(count=count, code=code, who=who)
    logger.error("Alarm %s: %s", alarm.value, text)
    for operator in _operators():
        mail.owe(
            "alarm",
            to=operator,
            occasion=f"{name}:{now.isoformat()}",
            context={
                "alarm": alarm.value,
                "alarm_text": text,
                "count": count,
                "code": code,
                "who": who,
                "at": now.isoformat(),
            },
            now=now,
        )


def _is_ringing(bell: AlarmBell, *, now: datetime) -> bool:
    return bell.sounded_at is not None and now < bell.sounded_at + AGAIN_AFTER


def _operators() -> Iterable[User | str]:
    """Return who is told: the addresses that are set, else every superuser."""
    named: list[str] = settings.OPERATORS
    return named or User.objects.filter(is_superuser=True, is_active=True)


def ringing(*, now: datetime) -> dict[Alarm, bool]:
    """Return, for each alarm, whether it sounded within the hour."""
    bells = AlarmBell.objects.filter(sounded_at__gt=now - AGAIN_AFTER)
    sounded = {name.partition(":")[0] for name in bells.values_list("name", flat=True)}
    return {alarm: alarm.value in sounded for alarm in Alarm}
