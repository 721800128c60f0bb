"""Move one membership to another address, so that a personal sign-in keeps its personal accounts.

The membership's row moves: role and day of joining stay, and with them its deadline.
"""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit, keys, locking, mail, memberships, passwords, signals, sso_linking
from accounts.audit import Event
from accounts.models import Account, Invitation, Membership, Notice, Provider, User


class NotMovable(Exception):
    """The membership can't move there; the text says why."""


def hold(user: User, email: str) -> None:
    """Lock both sign-ins, in the order of everybody who locks more than one."""
    locking.hold(User.objects.filter(Q(pk=user.pk) | Q(email=email)))


def hold_account(membership_id: int) -> None:
    """Lock the account of a membership, if there is one yet."""
    found = Membership.objects.filter(pk=membership_id)
    for account_id in found.values_list("account", flat=True):
        Account.objects.locked(account_id)


@transaction.atomic
def move(*, user: User, membership_id: int, email: str, now: datetime) -> Membership:
    """Give ``user``'s membership to the sign-in of ``email``, which is made if there is none.

    The caller has proved the mailbox of ``email``.

    :raises NotMovable: if the membership is gone, or that sign-in can't have it.
    """
    hold(user, email)
    target = _sign_in_of(email, like=user, now=now)
    membership = _locked(membership_id)
    if membership is None or membership.user_id != user.pk:
        raise NotMovable(_("You are no longer in this account."))
    _hand_over(membership, to=target, actor=user, now=now)
    # Not where it is taken back: whoever had it may have invited friends.
    sent = Invitation.objects.open().filter(account=membership.account, invited_by=user)
    sent.update(invited_by=target)
    _tell(membership, user, target, now=now)
    return membership


@transaction.atomic
def move_back(*, user: User, membership_id: int, now: datetime) -> None:
    """Bring back what was moved away from ``user``, who says that it was somebody else.

    The caller has locked the row of ``user``. Whoever has it now, be it moved on since, is not
    asked, nor mailed: the mail would offer to take this back, too.

    :raises NotMovable: if it has ended, or ``user`` is in the account by now.
    :raises accounts.memberships.LastOwner: if ``user`` is deactivated, and nobody else owns it.
    """
    membership = _locked(membership_id)
    if membership is None:
        raise NotMovable(_("You are no longer in this account."))
    holder = membership.user
    if holder == user:
        return  # its person, or who moved it away, has brought it back
    if not user.is_active:
        memberships.check_owner_remains(membership.account, without=holder)
    _hand_over(membership, to=user, actor=user, now=now)
    mail.owe_many(_to_owners(membership, _context(membership, holder, user), now=now))


def _locked(membership_id: int) -> Membership | None:
    """Return the membership under the lock of its account, which counts its owners."""
    hold_account(membership_id)
    found = Membership.objects.filter(pk=membership_id)
    return found.select_related("account", "user").select_for_update(of=("self",)).first()


def _hand_over(membership: Membership, *, to: User, actor: User, now: datetime) -> None:
    old, membership.user = membership.user, to
    try:
        with transaction.atomic():
            membership.save(update_fields=["user"])
    except IntegrityError:
        raise NotMovable(_("That address is in this account already.")) from None
    _forget_at_providers(membership.account, old, actor=actor, now=now)
    signals.membership_moved.send(Membership, membership=membership, old=old, new=to)
    audit.record(
        Event.MEMBERSHIP_MOVED,
        actor=actor,
        subject=to,
        account=membership.account,
        before={"person": keys.pseudonym(old.email)},
        after={"person": keys.pseudonym(to.email), "role": membership.role},
        now=now,
    )


def _forget_at_providers(account: Account, old: User, *, actor: User, now: datetime) -> None:
    """Let the account's providers know ``old`` no more: the other sign-in has yet to link."""
    known = Provider.objects.filter(account=account, identities__user=old)
    for provider_id in known.values_list("pk", flat=True):
        sso_linking.unlink(provider_id, old, actor=actor, now=now)


def _sign_in_of(email: str, *, like: User, now: datetime) -> User:
    """Return the sign-in of ``email``; a new one gets a mail to choose its password."""
    known = User.objects.select_for_update(no_key=True).filter(email=email).first()
    if known is not None and not known.is_active:
        raise NotMovable(_("This address can't be used."))
    if known is not None:
        return known
    try:
        with transaction.atomic():
            made = User.objects.create_user(
                email=email,
                name=like.name,
                language=like.language,
                time_zone=like.time_zone,
                joined_at=now,
            )
    except IntegrityError:  # somebody else is making it at this moment
        raise NotMovable(_("This address can't be used.")) from None
    passwords.ask_to_choose(made, now=now)
    return made


def _tell(membership: Membership, old: User, new: User, *, now: datetime) -> None:
    context = _context(membership, old, new)
    occasion = _occasion(membership, now)
    theirs = {**context, "has_no_password": not new.has_usable_password()}
    told = [
        mail.prepared("membership_moved", to=person, occasion=occasion, context=theirs, now=now)
        for person in (old, new)
    ]
    mail.owe_many(told + _to_owners(membership, context, now=now))


def _context(membership: Membership, old: User, new: User) -> dict[str, Any]:
    return {
        "account": membership.account.name,
        "slug": membership.account.slug,
        "membership": membership.pk,
        "old_address": old.email,
        "new_address": new.email,
        "member_name": new.get_full_name(),
    }


def _occasion(membership: Membership, now: datetime) -> str:
    return f"membership:{membership.pk}:{now.isoformat()}"


def _to_owners(membership: Membership, context: dict[str, Any], *, now: datetime) -> list[Notice]:
    """Prepare the mails to the account's other owners."""
    owners = Membership.objects.owners().filter(account=membership.account).select_related("user")
    return [
        mail.prepared(
            "membership_moved_owners",
            to=owner.user,
            occasion=_occasion(membership, now),
            account=membership.account,
            context=context,
            now=now,
        )
        for owner in owners
        if owner.pk != membership.pk
    ]
