"""Move one membership to another address, so that a personal sign-in keeps its personal accounts.

The membership's row moves: role and day of joining stay, and with them its deadline.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, keys, mail, passwords, signals
from accounts.audit import Event
from accounts.models import Membership, Notice, User


class NotMovable(Exception):
    """The membership can't move there; the text says why."""


@transaction.atomic
def move(*, user: User, membership_id: int, email: str, now: datetime) -> Membership:
    """Give ``user``'s membership to the sign-in of ``email``, which is made if there is none.

    The caller has proved the mailbox of ``email``.

    :raises NotMovable: if the membership is gone, or that sign-in is in the account already.
    """
    memberships = Membership.objects.select_for_update(of=("self",)).select_related("account")
    membership = memberships.filter(pk=membership_id, user=user).first()
    if membership is None:
        raise NotMovable(_("You are no longer in this account."))
    target = _sign_in_of(email, like=user, now=now)
    membership.user = target
    try:
        with transaction.atomic():
            membership.save(update_fields=["user"])
    except IntegrityError:
        raise NotMovable(_("That address is in this account already.")) from None
    signals.membership_moved.send(Membership, membership=membership, old=user, new=target)
    _tell(membership, user, target, now=now)
    audit.record(
        Event.MEMBERSHIP_MOVED,
        actor=user,
        subject=target,
        account=membership.account,
        before={"person": keys.pseudonym(user.email)},
        after={"person": keys.pseudonym(target.email), "role": membership.role},
        now=now,
    )
    return membership


def _sign_in_of(email: str, *, like: User, now: datetime) -> User:
    """Return the sign-in of ``email``; a new one gets a mail to choose its password."""
    known = User.objects.filter(email=email).first()
    if known is not None and not known.is_active:
        raise NotMovable(_("This address can't be used."))
    if known is not None:
        return known
    made = User.objects.create_user(
        email=email,
        name=like.name,
        language=like.language,
        time_zone=like.time_zone,
        joined_at=now,
    )
    passwords.ask_to_choose(made, now=now)
    return made


def _tell(membership: Membership, old: User, new: User, *, now: datetime) -> None:
    context = {
        "account": membership.account.name,
        "slug": membership.account.slug,
        "membership": membership.pk,
        "old_address": old.email,
        "new_address": new.email,
        "member_name": new.get_full_name(),
    }
    occasion = f"membership:{membership.pk}:{now.isoformat()}"
    owners = Membership.objects.owners().filter(account=membership.account).select_related("user")
    told: list[Notice] = [
        mail.prepared("membership_moved", to=person, occasion=occasion, context=context, now=now)
        for person in (old, new)
    ]
    told += [
        mail.prepared(
            "membership_moved_owners",
            to=owner.user,
            occasion=occasion,
            account=membership.account,
            context=context,
            now=now,
        )
        for owner in owners
        if owner.user_id != new.pk
    ]
    mail.owe_many(told)
