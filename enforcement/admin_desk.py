"""The first page of the admin: what waits for support, and how an owner's accounts stand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_scope import is_support, owned_accounts
from accounts.models import Account, Notice
from accounts.reach import person_of
from enforcement import report
from enforcement.models import Approval, Pass, PassRequest, Policy
from enforcement.passes import without_strangers
from enforcement.report import ShownPolicy

SHOWN = 50
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RunningPass:
    granted: Pass
    seconds_left: int


@dataclass(frozen=True, slots=True)
class Owned:
    account: Account
    policy: ShownPolicy | None


@dataclass(frozen=True, slots=True)
class Desk:
    is_support: bool
    requests: Page[PassRequest]
    at_second: set[int]  # the people among them for whom something waits for a second of support
    approvals: Page[Approval]  # for support alone
    passes: Page[Any]  # of RunningPass
    windows: Page[Policy]
    owned: list[Owned]
    failed_mails: int


def of(request: HttpRequest, *, now: datetime) -> Desk:
    """Return the desk of who asks: everybody's rows for support, the own accounts' for owners."""
    person = person_of(request)
    requests = PassRequest.objects.filter(closed_at=None)
    passes = Pass.objects.filter(closed_at=None, until__gt=now)
    windows = Policy.objects.filter(ended_at=None, deadline__gt=now)
    failed = Notice.objects.filter(state=Notice.State.FAILED, created_at__gt=now - RECENT)
    accounts = owned_accounts(person)
    if not is_support(request):
        binding = Policy.objects.filter(ended_at=None, account__in=accounts).values("account")
        requests = requests.filter(user__memberships__account__in=binding).distinct()
        passes = passes.filter(user__memberships__account__in=binding).distinct()
        windows = windows.none()  # an owner's are told with the account itself
        failed = failed.filter(account_id__in=accounts)
    asked = _page(request, "asked", requests.select_related("user", "endorsed_by"), "asked_at")
    if not is_support(request):
        asked.object_list = without_strangers(asked, accounts)
    approvals = Approval.objects.filter(closed_at=None, until__gt=now)
    if not is_support(request):
        approvals = approvals.none()
    return Desk(
        is_support=is_support(request),
        requests=asked,
        at_second=_among(asked, approvals),
        approvals=_page(
            request, "approvals", approvals.select_related("user", "asked_by"), "asked_at"
        ),
        passes=_running(request, passes, now=now),
        windows=_page(request, "ahead", windows.select_related("account"), "deadline"),
        owned=[
            Owned(account, report.shown_policy(account, now=now))
            for account in Account.objects.filter(pk__in=accounts)
        ],
        failed_mails=failed.count(),
    )


def _page(request: HttpRequest, name: str, found: QuerySet[Any], order: str) -> Page[Any]:
    """Return the page of a list that the address names, which is what the list is called."""
    rows = found.order_by(order, "pk")
    return Paginator(rows, SHOWN).get_page(request.GET.get(name))


def _among(asked: Page[PassRequest], approvals: QuerySet[Approval]) -> set[int]:
    people = [each.user_id for each in asked]
    return set(approvals.filter(user__in=people).values_list("user", flat=True))


def _running(request: HttpRequest, passes: QuerySet[Pass], *, now: datetime) -> Page[Any]:
    page = _page(request, "running", passes.select_related("user", "granted_by"), "until")
    page.object_list = [
        RunningPass(granted, int((granted.until - now).total_seconds())) for granted in page
    ]
    return page
