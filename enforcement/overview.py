"""An account's requirement as its admin page and the preview show it."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db import models
from django.urls import reverse

from accounts import letters, mail
from accounts.models import Account, Notice, User
from accounts.reach import open_invitations
from enforcement import notices, policies, report
from enforcement.models import Policy
from enforcement.notices import Outcome
from enforcement.report import Row

PER_PAGE = 200
NAMED = 50  # addresses listed by name; the rest is a number and a link
WORDS = {
    Outcome.MUST_ACT: "must act",
    Outcome.ON_PASS: "on a pass",
    Outcome.READY: "ready",
    Outcome.EXEMPT: "exempt",
}


@dataclass(frozen=True, slots=True)
class Count:
    outcome: str
    words: str
    number: int


@dataclass(frozen=True, slots=True)
class Members:
    """Every active member, counted; one outcome, or all, to leaf through."""

    counts: list[Count]
    total: int
    flagged: int
    shown: str
    page: Page[Row]


@dataclass(frozen=True, slots=True)
class Told:
    """How far the mails about a period have come."""

    is_announced: bool
    sent: int
    waiting: int
    failed: int
    not_reached: list[Notice]


@dataclass(frozen=True, slots=True)
class Preview:
    """What switching on would do at this instant."""

    at: datetime
    deadline: datetime
    deadline_told: str
    open_invitations: int
    mail_subject: str
    mail_text: str


def members(account: Account, *, shown: str, page: str, now: datetime) -> Members:
    """Return where the members stand: two queries, whatever their number."""
    rows = list(report.rows(account, now=now))
    found = Counter(row.outcome for row in rows)
    shown = shown if shown in {*Outcome, "flagged"} else ""
    kept = [row for row in rows if _is_shown(row, shown)]
    return Members(
        counts=[Count(str(each), words, found[each]) for each, words in WORDS.items()],
        total=len(rows),
        flagged=sum(_is_shown(row, "flagged") for row in rows),
        shown=shown,
        page=Paginator(kept, PER_PAGE).get_page(page),
    )


def _is_shown(row: Row, shown: str) -> bool:
    if shown == "flagged":
        return row.mail_fails or row.is_outside
    return not shown or row.outcome == shown


def told(policy: Policy) -> Told:
    """Return how the mails stand that the start of ``policy`` owes."""
    mails = Notice.objects.filter(
        account_id=policy.account_id,
        occasion=f"policy:{policy.pk}",
        kind__in=set(notices.MAIL_OF.values()),
    )
    states = dict(mails.order_by().values_list("state").annotate(models.Count("pk")))
    open_states = [Notice.State.OWED, Notice.State.FAILED]
    return Told(
        is_announced=policy.announced_at is not None,
        sent=states.get(Notice.State.SENT, 0),
        waiting=states.get(Notice.State.OWED, 0),
        failed=states.get(Notice.State.FAILED, 0),
        not_reached=list(mails.filter(state__in=open_states).order_by("state", "pk")[:NAMED]),
    )


def past_periods(account: Account) -> list[Policy]:
    periods = Policy.objects.filter(account=account).exclude(ended_at=None)
    return list(periods.select_related("started_by", "ended_by").order_by("-starts_at")[:NAMED])


def preview(account: Account, *, viewer: User, now: datetime) -> Preview:
    """Return the deadline and the mail as if ``viewer`` switched the requirement on now."""
    policy = Policy(
        account=account,
        starts_at=now,
        deadline=now + settings.TWO_FACTOR_GRACE,
        started_by=viewer,
    )
    subject, text = _mail(policy, viewer, now=now)
    return Preview(
        at=now,
        deadline=policy.deadline,
        deadline_told=told_to(viewer, policy.deadline),
        open_invitations=open_invitations(account).count(),
        mail_subject=subject,
        mail_text=text,
    )


def _mail(policy: Policy, viewer: User, *, now: datetime) -> tuple[str, str]:
    """Return the real mail to whoever must act, with no link in it that would prove a mailbox."""
    name = notices.MAIL_OF[Outcome.MUST_ACT]
    kind = next(kind for kind in mail.registered() if kind.name == name)
    link = letters.absolute(reverse("setup_link", args=["your-own-link"]))
    notice = mail.prepared(
        name,
        to=viewer,
        occasion="preview",
        account=policy.account,
        context=notices.context_of(policy),
        now=now,
    )
    shown = letters.build(notice, replace(kind, values=lambda *_: {"setup_url": link}), now=now)
    return str(shown.subject), str(shown.body)


def told_to(viewer: User, instant: datetime) -> str:
    """Return ``instant`` in the viewer's zone, with UTC beside it."""
    return letters.told_in(instant, letters.zone_of(viewer))


def starter_of(policy: Policy) -> str:
    return policies.name_of(policy.started_by)
