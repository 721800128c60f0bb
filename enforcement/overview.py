"""An account's requirement as its admin page and the preview show it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db import models
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import letters, mail, wording
from accounts.models import Account, Notice, User
from accounts.reach import open_invitations
from enforcement import advice, notices, report, roster
from enforcement.models import Policy
from enforcement.notices import Outcome
from enforcement.report import Row
from enforcement.roster import Asked, Counts
from twofactor import countries

NAMED = 50  # rows listed by name; the rest is a number and a link
WORDS: dict[Outcome, str | Promise] = {
    Outcome.MUST_ACT: pgettext_lazy("behind a number of people", "must act"),
    Outcome.ON_PASS: _("on a pass"),
    Outcome.READY: _("ready"),
    Outcome.EXEMPT: _("exempt"),
}


@dataclass(frozen=True, slots=True)
class Count:
    outcome: str
    words: str | Promise
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Every active member, counted; those asked for, to leaf through."""

    counts: list[Count]
    total: int
    flagged: int
    mail_fails: int
    outside: int
    by_password: int
    asked: Asked
    found: int
    page: Page[Row]
    after: roster.Aftermath | None

    @property
    def must_act(self) -> int:
        return next(each.number for each in self.counts if each.outcome == Outcome.MUST_ACT)


@dataclass(frozen=True, slots=True)
class Told:
    """How far the mails about a period have come."""

    is_announced: bool
    sent: int
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail as it will be sent, and to how many."""

    outcome: str
    title: str | Promise
    number: int
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What switching on would do at this instant."""

    at: datetime
    deadline: datetime
    deadline_told: str
    open_invitations: int
    mails: list[Sample]
    to_advise: int
    own: Row | None  # where the viewer stands, if a member


def members(
    account: Account,
    found: Counts,
    *,
    asked: Asked,
    page: str,
    policy: Policy | None,
    now: datetime,
) -> Members:
    """Return where the members stand, of whom ``found`` tells: a few queries, however many."""
    is_over = policy is not None and policy.deadline <= now
    leaf = _leaf(account, asked, page=page, policy=policy, now=now)
    return Members(
        counts=[Count(str(each), words, found.by_outcome[each]) for each, words in WORDS.items()],
        total=found.total,
        flagged=found.flagged,
        mail_fails=found.mail_fails,
        outside=found.outside,
        by_password=found.by_password,
        asked=asked,
        found=leaf.paginator.count,
        page=leaf,
        after=roster.aftermath(policy, account, now=now) if policy and is_over else None,
    )


def _leaf(
    account: Account, asked: Asked, *, page: str, policy: Policy | None, now: datetime
) -> Page[Row]:
    """Return one page of rows; only its people are read."""
    narrowed = roster.narrowed(account, asked, policy=policy, now=now)
    keys: Page[Any] = Paginator(narrowed.values_list("pk", flat=True), report.PER_PAGE).get_page(
        page
    )
    shown = roster.members(account).filter(pk__in=list(keys.object_list))
    rows = list(report.rows(account, now=now, members=shown))
    return Page(rows, keys.number, keys.paginator)


def told(policy: Policy) -> Told:
    """Return how the mails stand that the start of ``policy`` owes."""
    mails = Notice.objects.filter(
        account_id=policy.account_id,
        occasion=f"policy:{policy.pk}",
        kind__in=set(notices.MAIL_OF.values()),
    )
    states = dict(mails.order_by().values_list("state").annotate(models.Count("pk")))
    return Told(
        is_announced=policy.announced_at is not None,
        sent=states.get(Notice.State.SENT, 0),
        waiting=states.get(Notice.State.OWED, 0),
        failed=states.get(Notice.State.FAILED, 0),
    )


def past_periods(account: Account) -> list[Policy]:
    periods = Policy.objects.filter(account=account).exclude(ended_at=None)
    return list(periods.select_related("started_by", "ended_by").order_by("-starts_at")[:NAMED])


def preview(account: Account, found: Counts, *, viewer: User, now: datetime) -> Preview:
    """Return what it would be like if ``viewer`` switched the requirement on now."""
    policy = Policy(
        account=account,
        starts_at=now,
        deadline=now + settings.TWO_FACTOR_GRACE,
        started_by=viewer,
    )
    return Preview(
        at=now,
        deadline=policy.deadline,
        deadline_told=told_to(viewer, policy.deadline),
        open_invitations=open_invitations(account).count(),
        mails=[_sample(policy, viewer, name, found, now=now) for name in TITLES],
        to_advise=advice.number_to_advise(account, now=now),
        own=own_row(account, viewer, now=now),
    )


def own_row(account: Account, viewer: User, *, now: datetime) -> Row | None:
    mine = roster.members(account).filter(user=viewer)
    return next(report.rows(account, now=now, members=mine), None)


TITLES = {
    "requirement_must_act": _("To whoever must act"),
    "requirement_ready": _("To whoever is ready"),
    "requirement_exempt": _("To whoever is exempt through SSO"),
}


def _sample(policy: Policy, viewer: User, name: str, found: Counts, *, now: datetime) -> Sample:
    outcomes = [each for each, mailed in notices.MAIL_OF.items() if mailed == name]
    subject, text = _mail(policy, viewer, name, now=now)
    number = sum(found.by_outcome[each] for each in outcomes)
    return Sample(str(outcomes[-1]), TITLES[name], number, subject, text)


def _mail(policy: Policy, viewer: User, name: str, *, now: datetime) -> tuple[str, str]:
    """Return a mail as it will be sent, with no link in it that would prove a mailbox."""
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
    made_up = {"setup_url": link, "is_ahead": True, "by_text": countries.are_there()}
    shown = letters.build(notice, replace(kind, values=lambda *_: made_up), now=now)
    return str(shown.subject), str(shown.body)


def told_to(viewer: User, instant: datetime) -> str:
    """Return ``instant`` in the viewer's zone, with UTC beside it."""
    return letters.told_in(instant, letters.zone_of(viewer))


def starter_of(policy: Policy) -> str:
    return wording.behind_by(wording.name_of(policy.started_by))
