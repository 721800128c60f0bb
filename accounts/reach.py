"""What the person of a request can reach; called by views of every app.

What is not theirs does not exist to them: 404, never 403, so that nobody learns what there is.
"""

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import Account, Invitation, Membership, Provider, User


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person; the gate lets nobody else reach the views that ask."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


class ComeByProvider(Exception):
    """The account's pages open only to sessions that passed its provider; this one has not."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(f"Only sessions that passed {provider} see this.")
        self.provider = provider


def membership_of(request: HttpRequest, slug: str, *, manager: bool = False) -> Membership:
    """Return the person's own membership; an account that is not theirs does not exist to them.

    :raises ComeByProvider: where the account's provider is required, for all but its owners.
    """
    mine = Membership.objects.select_related("account", "user").annotate(provider=_required())
    found = get_object_or_404(mine, account__slug=slug, user=person_of(request))
    if manager and not found.is_manager:
        raise Http404
    required = found.provider  # type: ignore[attr-defined]
    if required is None or found.is_owner or required in request.session.get("sso", ()):
        return found
    raise ComeByProvider(Provider.objects.select_related("account").get(pk=required))


def _required() -> Subquery:
    """The provider, where there is one, that a membership's account wants people to come by."""
    live = Provider.objects.live().filter(account=OuterRef("account"), is_required=True)
    return Subquery(live.values("pk")[:1])


def open_invitations(account: Account) -> QuerySet[Invitation]:
    """Return what managers see: invitations that can still be accepted."""
    return Invitation.objects.usable(now=timezone.now()).filter(account=account).order_by("email")
