"""Add, change, remove: who belongs to an account. An account always keeps an active owner."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, locking, mail, wording
from accounts.audit import Event
from accounts.models import Account, Membership, Role, User
from accounts.words import filled


class LastOwner(Exception):
    """The change would leave the account without an active owner."""

    def __init__(self, account: Account) -> None:
        told = _(
            "%(account)s needs an owner. Make somebody else an owner first; then you can try this"
            " again."
        )
        super().__init__(filled(told, account=account.name))
        self.account = account


class NotAllowed(Exception):
    """This person may not make this change; the text says why."""


def _locked(account: Account) -> Account:
    """Take the lock under which the account's owners are counted."""
    return Account.objects.locked(account.pk)


def _hold(person_id: int) -> None:
    """Lock the person's row: whoever becomes an owner, or no longer can, takes it first."""
    locking.hold(User.objects.filter(pk=person_id))


def _held(membership: Membership) -> Membership | None:
    """Return it under the locks of its person and its account, read anew; None if it is gone.

    It may be another person's by now, to whom it was moved.
    """
    _hold(membership.user_id)
    _locked(membership.account)
    rows = Membership.objects.select_related("user", "account")
    return rows.filter(pk=membership.pk).first()


def check_owner_remains(account: Account, *, without: User) -> None:
    """Check, under the account's lock, that another active owner is left.

    :raises LastOwner: if there is none.
    """
    owners = Membership.objects.owners().filter(account=account)
    if owners.filter(user=without).exists() and not owners.exclude(user=without).exists():
        raise LastOwner(account)


def is_last_owner(user: User, account: Account) -> bool:
    try:
        check_owner_remains(account, without=user)
    except LastOwner:
        return True
    return False


def may_manage(actor: User, account: Account) -> bool:
    return Membership.objects.managers().filter(account=account, user=actor).exists()


@transaction.atomic
def add(
    *, account: Account, user: User, role: str, actor: User | None, now: datetime
) -> Membership:
    """Make ``user`` a member from ``now``; who is one already stays as is."""
    if role == Role.OWNER:
        _hold(user.pk)
    membership, is_new = Membership.objects.get_or_create(
        account=account, user=user, defaults={"role": role, "joined_at": now}
    )
    if is_new:
        audit.record(
            Event.JOINED,
            actor=actor or user,
            subject=user,
            account=account,
            after={"role": role},
            now=now,
        )
    return membership


@transaction.atomic
def remove(*, membership: Membership, actor: User, now: datetime) -> Membership | None:
    """Take a person out of an account, or let the person go; return what ended.

    None where nothing is left to end: a second click, or the membership that a person would leave
    is another sign-in's by now.

    :raises LastOwner: if nobody would be left to own it.
    :raises NotAllowed: if an admin would remove an owner.
    """
    is_own = actor.pk == membership.user_id
    found = _held(membership)
    if found is None or (is_own and found.user_id != actor.pk):
        return None
    if not is_own:
        _check_rank(actor, found)
    check_owner_remains(found.account, without=found.user)
    Membership.objects.filter(pk=found.pk).delete()
    audit.record(
        Event.LEFT if is_own else Event.MEMBER_REMOVED,
        actor=actor,
        subject=found.user,
        account=found.account,
        before={"role": found.role},
        now=now,
    )
    return found


@transaction.atomic
def change_role(*, membership: Membership, role: str, actor: User, now: datetime) -> None:
    """Give a member another role.

    :raises LastOwner: if nobody would be left to own the account.
    :raises NotAllowed: if an admin would make or unmake an owner.
    :raises Membership.DoesNotExist: if it has ended.
    """
    found = _held(membership)
    if found is None:
        raise Membership.DoesNotExist
    _check_rank(actor, found, role=role)
    if role != Role.OWNER:
        check_owner_remains(found.account, without=found.user)
    if role == found.role:
        return
    Membership.objects.filter(pk=found.pk).update(role=role)
    _tell_of_role(found, role, actor, now=now)
    audit.record(
        Event.ROLE_CHANGED,
        actor=actor,
        subject=found.user,
        account=found.account,
        before={"role": found.role},
        after={"role": role},
        now=now,
    )


def _tell_of_role(membership: Membership, role: str, actor: User, *, now: datetime) -> None:
    mail.owe(
        "role_changed",
        to=membership.user,
        occasion=f"membership:{membership.pk}:{now.isoformat()}",
        account=membership.account,
        context={
            "account": membership.account.name,
            "slug": membership.account.slug,
            "role": role,
            "old_role": membership.role,
            "actor_name": name_of(actor, membership.account),
        },
        now=now,
    )


def name_of(actor: User, account: Account) -> str:
    """Return how mails to its members name who acted; staff who manage it act as its own."""
    managers = Membership.objects.managers().filter(account=account, user=actor)
    is_its_own = actor.is_bound_staff and managers.exists()
    return actor.get_full_name() if is_its_own else wording.name_of(actor)


def _check_rank(actor: User, membership: Membership, *, role: str = "") -> None:
    acting = Membership.objects.managers().filter(account=membership.account_id, user=actor).first()
    if acting is None and not actor.is_bound_staff:
        raise NotAllowed(_("Only owners and admins manage members."))
    touches_owner = Role.OWNER in {membership.role, role}
    # Who is an admin here acts as one, staff of the site or not: nobody makes themselves an owner.
    may_touch_owner = acting.is_owner if acting else actor.is_bound_staff
    if touches_owner and not may_touch_owner:
        raise NotAllowed(_("Only an owner can change who owns the account."))
