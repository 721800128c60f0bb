"""The first page of the admin: what waits for support, and how an owner's accounts stand."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
    requests: list[PassRequest]
    approvals: list[Approval]  # for support alone
    passes: list[RunningPass]
    windows: list[Policy]
    owned: list[Owned]
    failed_mails: int

    @property
    def at_second(self) -> set[int]:
        """The people for whom something waits for a second of support."""
        return {waiting.user_id for waiting in self.approvals}


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
    asked = list(requests.select_related("user", "endorsed_by").order_by("asked_at")[:SHOWN])
    return Desk(
        is_support=is_support(request),
        requests=asked if is_support(request) else without_strangers(asked, accounts),
        approvals=_waiting(now=now) if is_support(request) else [],
        passes=_running(passes, now=now),
        windows=list(windows.select_related("account").order_by("deadline")[:SHOWN]),
        owned=[
            Owned(account, report.shown_policy(account, now=now))
            for account in Account.objects.filter(pk__in=accounts)
        ],
        failed_mails=failed.count(),
    )


def _waiting(*, now: datetime) -> list[Approval]:
    found = Approval.objects.filter(closed_at=None, until__gt=now).order_by("asked_at")
    return list(found.select_related("user", "asked_by")[:SHOWN])


def _running(passes: QuerySet[Pass], *, now: datetime) -> list[RunningPass]:
    found = passes.select_related("user", "granted_by").order_by("until")[:SHOWN]
    return [RunningPass(granted, int((granted.until - now).total_seconds())) for granted in found]
