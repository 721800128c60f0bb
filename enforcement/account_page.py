"""What an account's page in the admin shows: the requirement, its progress, who stands where."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts import providers
from accounts.admin_scope import is_support
from accounts.models import Account
from accounts.pages import in_words
from accounts.reach import open_invitations, person_of
from accounts.words import listed
from enforcement import mail_trouble, overview, policies, progress, reminding, roster
from enforcement.models import Policy
from enforcement.templatetags.lengths import in_full

INVITATIONS = 100  # listed by address; the rest is a number


def context(request: HttpRequest, account: Account, *, now: datetime) -> dict[str, Any]:
    policy = policies.current(account)
    invitations = open_invitations(account)
    return {
        "account": account,
        "policy": policy,
        **(_running(request, policy, now=now) if policy else {}),
        "past": overview.past_periods(account),
        "invitations": invitations[:INVITATIONS],
        "invited": invitations.count(),
        "trouble": mail_trouble.of(account, now=now),
        "members": overview.members(
            account,
            roster.counts(account, now=now),
            asked=roster.asked_of(request.GET),
            page=request.GET.get("page", ""),
            policy=policy,
            now=now,
        ),
        "choices": roster.CHOICES,
        "exports": exports(request, account),
        "back": request.get_full_path(),
        "sso": providers.live_of(account),
        "for_support": is_support(request),
    }


def _running(request: HttpRequest, policy: Policy, *, now: datetime) -> dict[str, Any]:
    viewer, again_at = person_of(request), reminding.again_at(policy, now=now)
    asked_at = policy.reminder_asked_at
    return {
        "is_over": policy.deadline <= now,
        "time_left": left_in_words(policy.deadline - now),
        "deadline_told": overview.told_to(viewer, policy.deadline),
        "started_by": overview.starter_of(policy),
        "told": overview.told(policy),
        "chart": progress.chart(policy, now=now),
        "reminded_at": overview.told_to(viewer, asked_at) if asked_at else "",
        "again_at": overview.told_to(viewer, again_at) if again_at else "",
    }


def left_in_words(left: timedelta) -> str:
    """Return how long is left, as "5 hours and 12 minutes"; empty when nothing is."""
    if left <= timedelta():
        return ""
    if left < timedelta(minutes=1):
        return in_words(left)
    minutes = int(left.total_seconds() // 60)
    hours, rest = timedelta(hours=minutes // 60), timedelta(minutes=minutes % 60)
    return listed(in_full(length) for length in (hours, rest) if length)


def exports(request: HttpRequest, account: Account) -> list[tuple[str, str]]:
    """Return the buttons that take the list along, narrowed as the page is."""
    query = roster.asked_of(request.GET).query
    return [
        (
            form.upper(),
            reverse("admin:accounts_account_export", args=[account.pk, form])
            + (f"?{query}" if query else ""),
        )
        for form in ("csv", "json")
    ]
