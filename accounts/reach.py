"""What the person of a request can reach; called by views of every app.

What is not theirs does not exist to them: 404, never 403, so that nobody learns what there is.
"""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import Account, Invitation, Membership, User


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person; the gate lets nobody else reach the views that ask."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def membership_of(request: HttpRequest, slug: str, *, manager: bool = False) -> Membership:
    """Return the person's own membership; an account that is not theirs does not exist to them."""
    mine = Membership.objects.select_related("account", "user")
    found = get_object_or_404(mine, account__slug=slug, user=person_of(request))
    if manager and not found.is_manager:
        raise Http404
    return found


def open_invitations(account: Account) -> QuerySet[Invitation]:
    """Return what managers see: invitations that can still be accepted."""
    return (
        Invitation.objects.open()
        .filter(account=account, expires_at__gt=timezone.now())
        .order_by("email")
    )
