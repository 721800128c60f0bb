"""Where a pass, a reset or a new address takes two of support: one who asks, one who approves.

With ``TWO_FACTOR_PASS_APPROVAL`` on: for owners, for staff, and for whoever had a pass within
the last 30 days. Asked by every grant, so that no door leads around it.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, User
from enforcement.models import Pass

REPEAT_WITHIN = timedelta(days=30)


class ApproverNeeded(Exception):
    """A second of support has to approve this first."""


def why_needed(user: User, *, now: datetime) -> str | Promise:
    """Return why two are needed for ``user``; empty where one is enough."""
    if not settings.TWO_FACTOR_PASS_APPROVAL:
        return ""
    if user.is_bound_staff:
        return _("staff of this site")
    if Membership.objects.owners().filter(user=user).exists():
        return _("an owner of an account")
    if Pass.objects.filter(user=user, granted_at__gt=now - REPEAT_WITHIN).exists():
        return _("somebody who had a pass within the last 30 days")
    return ""


def check(*, user: User, actor: User | None, approver: User | None, now: datetime) -> None:
    """Check that two have agreed where two are needed.

    The operator at the command line, ``actor`` None, needs nobody: the shell is above the desk.

    :raises ApproverNeeded: where a second one is missing.
    """
    if actor is not None and approver is None and why_needed(user, now=now):
        raise ApproverNeeded(_("A second of support has to approve this."))
