"""Context processor: what every page knows of its person's obligation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts import memberships
from accounts.models import Account, User
from accounts.signin import Pending, PendingStep
from enforcement import visitor
from enforcement.decision import Obligation
from enforcement.standing import (
    binding_accounts,
    binding_invitation,
    names_of_binding_accounts,
)
from enforcement.visitor import Visitor
from twofactor import backup_codes


@dataclass(frozen=True, slots=True)
class Banner:
    """What a page says above all else.

    Of the ``window``, of a ``factor`` that is asked for later, of a ``pass``, of unsaved ``codes``.
    """

    kind: str
    url: str
    until: datetime | None = None
    accounts: tuple[str, ...] = ()
    seconds_left: int = 0


def gate(request: HttpRequest) -> dict[str, Any]:
    """Nothing here asks the database before a template reads it."""
    return {
        "site_name": settings.TWO_FACTOR_ISSUER,
        "obligation": getattr(request, "obligation", None),
        "pending": getattr(request, "pending", None),
        "ended": getattr(request, "ended", None),
        "ended_by": SimpleLazyObject(lambda: ended_by(request)),
        "held_by": SimpleLazyObject(lambda: held_by(request)),
        "banner": SimpleLazyObject(lambda: banner_of(request, now=timezone.now())),
        "may_administer": SimpleLazyObject(lambda: admin.site.has_permission(request)),
    }


@dataclass(frozen=True, slots=True)
class Hold:
    """An account that holds a sign-in up in set-up, and the way to leave it if there is one.

    One that is being joined can't be left, and neither can one by its last owner.
    """

    name: str
    leave_url: str = ""
    is_owned_alone: bool = False

    def __str__(self) -> str:
        return self.name


def held_by(request: HttpRequest) -> list[Hold]:
    """Return who holds a sign-in up in set-up: pages name it, and the way out."""
    pending: Pending | None = getattr(request, "pending", None)
    person: User | None = getattr(request, "pending_user", None)
    if pending is None or person is None or pending.step is not PendingStep.ENROL:
        return []
    holds = [_hold(policy.account, person) for policy in binding_accounts(person, sso=pending.sso)]
    if pending.invitation is None:
        return holds
    joining = binding_invitation(
        pending.invitation, person=person, now=timezone.now(), sso=pending.sso
    )
    found = joining.select_related("account")
    return holds + [Hold(invitation.account.name) for invitation in found]


def _hold(account: Account, person: User) -> Hold:
    if memberships.is_last_owner(person, account):
        return Hold(account.name, is_owned_alone=True)
    return Hold(account.name, leave_url=reverse("account_leave", args=[account.slug]))


def ended_by(request: HttpRequest) -> list[Account]:
    """Return the accounts whose requirement ended the session that this browser still names."""
    asking = visitor.of(request)
    if asking.person is None:
        return []
    return [policy.account for policy in binding_accounts(asking.person, sso=asking.sso)]


def banner_of(request: HttpRequest, *, now: datetime) -> Banner | None:
    """Return the banner of a signed-in person's page; None where nothing is to be said."""
    if not hasattr(request, "session"):
        return None
    asking = visitor.of(request)
    if asking.person is None or asking.obligation is None:
        return None
    if asking.obligation.is_on_pass or asking.obligation.is_ahead:
        return _counting_down(asking, asking.obligation, now=now)
    if asking.has_device and backup_codes.are_unsaved(asking.person):
        return Banner(kind="codes", url=reverse("backup_codes"))
    return None


def _counting_down(asking: Visitor, obligation: Obligation, *, now: datetime) -> Banner | None:
    until = obligation.until or now
    names = tuple(names_of_binding_accounts(asking.signed_in_person(), sso=asking.sso))
    if obligation.is_ahead and not names:
        return None  # this very request ended what asked for it
    # Who is set up and came through single sign-on owes a code then, and no set-up.
    window = "factor" if asking.can_verify else "window"
    return Banner(
        kind="pass" if obligation.is_on_pass else window,
        url=reverse("setup"),
        until=until,
        accounts=names,
        seconds_left=max(0, int((until - now).total_seconds())),
    )
