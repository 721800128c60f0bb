"""Leave an account or be taken out of it, and who is told."""

from datetime import datetime

from django.db import transaction

from accounts import mail, memberships
from accounts.models import Membership, User


@transaction.atomic
def leave(*, membership: Membership, now: datetime) -> None:
    """Let a person go; person and owners are mailed, once.

    :raises accounts.memberships.LastOwner: if nobody would be left to own the account.
    """
    left = memberships.remove(membership=membership, actor=membership.user, now=now)
    if left is None:
        return
    occasion, context = _told(left)
    mail.owe("left_account", to=left.user, occasion=occasion, context=context, now=now)
    tell_owners(left, now=now)


@transaction.atomic
def remove(*, membership: Membership, actor: User, now: datetime) -> None:
    """Take a person out; the person is mailed, once.

    :raises accounts.memberships.LastOwner: if nobody would be left to own the account.
    :raises accounts.memberships.NotAllowed: if ``actor`` may not.
    """
    ended = memberships.remove(membership=membership, actor=actor, now=now)
    if ended is None:
        return
    occasion, context = _told(ended)
    context["actor_name"] = memberships.name_of(actor, ended.account)
    mail.owe("removed_from_account", to=ended.user, occasion=occasion, context=context, now=now)


def _told(membership: Membership) -> tuple[str, dict[str, str]]:
    context = {
        "account": membership.account.name,
        "slug": membership.account.slug,
        "member_name": membership.user.get_full_name(),
        "member_email": membership.user.email,
    }
    return f"membership:{membership.pk}", context


def tell_owners(membership: Membership, *, now: datetime) -> None:
    """Mail the owners that its person has gone; by leaving, or with the sign-in."""
    occasion, context = _told(membership)
    owners = Membership.objects.owners().filter(account=membership.account).select_related("user")
    mail.owe_many(
        mail.prepared(
            "left_account_owners",
            to=owner.user,
            occasion=occasion,
            account=membership.account,
            context=context,
            now=now,
        )
        for owner in owners
    )
