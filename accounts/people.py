"""Make and delete sign-ins."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import SET_NULL
from django.db.models.fields.reverse_related import ForeignObjectRel

from accounts import audit, locking, memberships, passwords, sessions, signals
from accounts.audit import Event
from accounts.models import Account, Membership, Role, User


@transaction.atomic
def create(
    *,
    email: str,
    name: str = "",
    password: str | None = None,
    language: str = "",
    actor: User | None,
    now: datetime,
) -> User:
    """Make a sign-in; without a ``language`` it is spoken to in that of ``actor``.

    :raises django.db.IntegrityError: if the address has one.
    """
    language = language or (actor.language if actor else settings.LANGUAGE_CODE)
    user = User.objects.create_user(
        email=email, name=name, password=password, language=language, joined_at=now
    )
    audit.record(Event.PERSON_ADDED, actor=actor or user, subject=user, now=now)
    return user


@transaction.atomic
def create_by_hand(*, email: str, password: str | None, now: datetime) -> User:
    """Make a sign-in from the command line; without a password, its person is mailed to choose one.

    :raises django.db.IntegrityError: if the address has one.
    """
    user = create(email=email, password=password, actor=None, now=now)
    if password is None:
        passwords.ask_to_choose(user, now=now)
    return user


def owned_alone(user: User) -> list[Account]:
    """Return the accounts that would be left without an active owner."""
    owned = Account.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    return [
        account
        for account in owned
        if not Membership.objects.owners().filter(account=account).exclude(user=user).exists()
    ]


@transaction.atomic
def delete(*, user: User, now: datetime) -> None:
    """Delete a sign-in with its devices and sessions; the audit keeps pseudonyms.

    Each membership ends as if its person had left the account.

    :raises accounts.memberships.LastOwner: while an account would be left without an owner.
    :raises accounts.passwords.ChangedMeanwhile: if ``user``, as it was read, is no longer who may.
    """
    # The person's lock first and the audit's last, as for every code that is redeemed.
    person = User.objects.filter(pk=user.pk)
    locked = person.select_for_update(no_key=True).first()
    if locked is None:
        return  # deleted already, by the first of two clicks
    passwords.check_unchanged(user, locked)
    _leave_all(user, now=now)
    _take_out_of_rows_that_stay(user)
    # Whoever holds one of those accounts may write a row about the person meanwhile; now nobody.
    person.select_for_update().get()
    audit.record(Event.PERSON_DELETED, actor=user, subject=user, now=now)
    user.delete()


def _leave_all(user: User, *, now: datetime) -> None:
    """End every membership under its account's lock; in the order of all who take several."""
    held = Membership.objects.filter(user=user).select_related("user", "account")
    for membership in held.order_by("account_id"):
        left = memberships.remove(membership=membership, actor=user, now=now)
        if left is not None:
            signals.membership_deleted.send(Membership, membership=left, now=now)


def _take_out_of_rows_that_stay(user: User) -> None:
    """Let invitations and other rows name ``user`` no more, while mails can be owed to ``user``.

    Whoever holds such a row, as to accept an invitation, may owe a mail to the person it names:
    held against mails already, the person's row would be waited for by who is waited for here.
    """
    for relation in User._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.on_delete is SET_NULL:
            rows = relation.related_model._base_manager.filter(**{relation.field.name: user})
            locking.hold(rows)
            rows.update(**{relation.field.name: None})


PROFILE = ("name", "language", "time_zone")


@transaction.atomic
def change_profile(*, user: User, now: datetime) -> None:
    """Store what ``user`` wrote about themselves. The audit tells which fields, never a name."""
    stored = User.objects.locked(user.pk)
    changed = [name for name in PROFILE if getattr(stored, name) != getattr(user, name)]
    if not changed:
        return
    user.save(update_fields=changed)
    after = {"changed": changed}
    audit.record(Event.PROFILE_CHANGED, actor=user, subject=user, after=after, now=now)


@transaction.atomic
def deactivate(*, user: User, actor: User | None, now: datetime) -> None:
    """Keep a person out; every session ends, and stays ended should the person come back.

    :raises accounts.memberships.LastOwner: while an account would be left without an owner.
    """
    # Before the accounts, and so that none is handed over meanwhile.
    if not User.objects.locked(user.pk).is_active:
        return  # the first of two clicks did it
    _check_owners_remain(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    sessions.end_everything(user)
    audit.record(Event.PERSON_DEACTIVATED, actor=actor, subject=user, now=now)


@transaction.atomic
def reactivate(*, user: User, actor: User | None, now: datetime) -> None:
    """Let a person in again, with whatever is required by now; no deadline starts anew."""
    if User.objects.locked(user.pk).is_active:
        return
    User.objects.filter(pk=user.pk).update(is_active=True)
    audit.record(Event.PERSON_REACTIVATED, actor=actor, subject=user, now=now)


@transaction.atomic
def set_staff(
    *, user: User, is_staff: bool, is_superuser: bool, actor: User | None, now: datetime
) -> None:
    """Make or unmake a person staff of the site; who becomes one is due at once."""
    stored = User.objects.locked(user.pk)
    before = {"staff": stored.is_staff, "superuser": stored.is_superuser}
    after = {"staff": is_staff, "superuser": is_superuser}
    if after == before:
        return
    user.is_staff, user.is_superuser = is_staff, is_superuser
    user.save(update_fields=["is_staff", "is_superuser"])
    audit.record(
        Event.STAFF_CHANGED, actor=actor, subject=user, before=before, after=after, now=now
    )


def _check_owners_remain(user: User) -> None:
    """Check all accounts of ``user``, whose row is locked: who becomes an owner waits for it."""
    owned = Account.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    for account in owned.select_for_update(of=("self",)).order_by("pk"):
        memberships.check_owner_remains(account, without=user)
