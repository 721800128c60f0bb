"""Who is told what of a pass: the person, and the owners of the accounts that bind the person.

The same owners are told when the person objects to what a mail says; those of all accounts, when
support changes the address.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts import mail, memberships, wording
from accounts.models import Account, Membership, Notice, User
from enforcement.models import Pass, PassRequest
from enforcement.standing import binding_accounts
from twofactor import devices

TOLD_FOR = timedelta(days=1)  # the same wish is told again after it


def managers_of(user: User, *, owners_only: bool) -> Iterable[Membership]:
    """Return the owners (and admins) of the accounts that require something of ``user``."""
    accounts = list(binding_accounts(user).values_list("account", flat=True))
    found = Membership.objects.filter(account__in=accounts).exclude(user=user)
    return _once(found.owners() if owners_only else found.managers())


def _once(found: QuerySet[Membership]) -> Iterable[Membership]:
    """Return one membership of each person, with whom and what it is of."""
    seen: dict[int, Membership] = {}
    for membership in found.select_related("user", "account").order_by("pk"):
        seen.setdefault(membership.user_id, membership)
    return seen.values()


def _member(user: User) -> dict[str, str]:
    return {"member_name": user.get_full_name(), "member_email": user.email}


def _tell(
    kind: str,
    people: Iterable[Membership],
    *,
    occasion: str,
    context: dict[str, Any],
    now: datetime,
) -> None:
    mail.owe_many(
        mail.prepared(
            kind,
            to=membership.user,
            occasion=occasion,
            account=membership.account,
            context={
                **context,
                "account": membership.account.name,
                "slug": membership.account.slug,
            },
            now=now,
        )
        for membership in people
    )


def tell_asked(asked: PassRequest, *, now: datetime) -> None:
    occasion = f"{_own_wish(asked)}{now.isoformat()}"
    mail.owe("pass_asked", to=asked.user, occasion=occasion, now=now)
    context = {**_member(asked.user), "message": asked.message}
    managers = managers_of(asked.user, owners_only=False)
    _tell("pass_asked_admins", managers, occasion=occasion, context=context, now=now)


def was_told(asked: PassRequest, *, now: datetime) -> bool:
    """Whether the person was told of an own wish within a day."""
    return _was_told(asked, _own_wish(asked), now=now)


def _was_told(asked: PassRequest, of_whom: str, *, now: datetime) -> bool:
    told = Notice.objects.filter(user=asked.user, kind="pass_asked", occasion__startswith=of_whom)
    return told.filter(created_at__gt=now - TOLD_FOR).exists()


def _wish(asked: PassRequest) -> str:
    """How the occasions of its mails begin; an admin may ask as well as the person."""
    return f"pass-request:{asked.pk}:"


def _own_wish(asked: PassRequest) -> str:
    return f"{_wish(asked)}own:"


def tell_asked_for(
    asked: PassRequest, *, account: Account, actor: User, message: str, now: datetime
) -> None:
    """Tell that ``actor``, who looks after ``account``, asked for the person; once a day for each.

    Whoever looks after another account that binds the person learns nothing of this one, and
    nothing at all where they heard of a wish already.
    """
    of_account = f"{_wish(asked)}for:{account.pk}:"
    if was_told(asked, now=now) or _was_told(asked, of_account, now=now):
        return
    is_first = not _was_told(asked, _wish(asked), now=now)
    occasion, member = f"{of_account}{now.isoformat()}", _member(asked.user)
    asker = {"is_asked_for": True, "actor_name": memberships.name_of(actor, account)}
    mail.owe("pass_asked", to=asked.user, occasion=occasion, context=asker, now=now)
    binding = list(binding_accounts(asked.user).values_list("account", flat=True))
    found = Membership.objects.managers().filter(account__in=binding)
    found = found.exclude(user__in=(asked.user, actor))
    here = found.filter(account=account)
    context = {**member, **asker, "message": message}
    _tell("pass_asked_admins", _once(here), occasion=occasion, context=context, now=now)
    if is_first:
        elsewhere = _once(found.exclude(user__in=list(here.values_list("user", flat=True))))
        context = {**member, "is_asked_elsewhere": True, "message": ""}
        _tell("pass_asked_admins", elsewhere, occasion=occasion, context=context, now=now)


def tell_granted(granted: Pass, *, now: datetime) -> None:
    occasion = f"pass:{granted.pk}"
    context = {
        "until": granted.until.isoformat(),
        "reason": granted.reason,
        "actor_name": wording.name_of(granted.granted_by),
        "pass": granted.pk,
        **_member(granted.user),
    }
    mail.owe("pass_granted", to=granted.user, occasion=occasion, context=context, now=now)
    owners = managers_of(granted.user, owners_only=True)
    _tell("pass_granted_owners", owners, occasion=occasion, context=context, now=now)


def tell_ended(active: Pass, kind: str, *, now: datetime) -> None:
    """Tell of an end that signs out: ``pass_ended`` or ``pass_revoked``."""
    occasion = f"pass:{active.pk}"
    context = {
        "until": active.until.isoformat(),
        "ended": now.isoformat(),
        "actor_name": wording.name_of(active.closed_by),
        "has_device": devices.has_device(active.user),
        **_member(active.user),
    }
    mail.owe(kind, to=active.user, occasion=occasion, context=context, now=now)
    owners = managers_of(active.user, owners_only=True)
    _tell(f"{kind}_owners", owners, occasion=occasion, context=context, now=now)


def tell_owners_of_set_up(active: Pass, *, now: datetime) -> None:
    """Tell of the end that signs nobody out; the person has the mail about the set-up."""
    context = {"until": now.isoformat(), "by_set_up": True, **_member(active.user)}
    owners = managers_of(active.user, owners_only=True)
    _tell("pass_ended_owners", owners, occasion=f"pass:{active.pk}", context=context, now=now)


def tell_objected(notice: Notice, user: User, *, now: datetime) -> None:
    """Tell the owners that the person said "it wasn't me" to a mail."""
    context = {"at": now.isoformat(), **_member(user)}
    owners = managers_of(user, owners_only=True)
    _tell("not_me_owners", owners, occasion=f"not-me:{notice.pk}", context=context, now=now)


def tell_address_changed(user: User, *, old: str, actor: User, reason: str, now: datetime) -> None:
    """Tell the owners of every account of ``user`` that support changed the address."""
    context = {
        "old_address": old,
        "new_address": user.email,
        "reason": reason,
        "actor_name": wording.name_of(actor),
        "at": now.isoformat(),
        **_member(user),
    }
    accounts = Membership.objects.filter(user=user).values("account")
    owners = Membership.objects.owners().filter(account__in=accounts).exclude(user=user)
    occasion = f"address:{user.pk}:{now.isoformat()}"
    _tell("address_changed_owners", _once(owners), occasion=occasion, context=context, now=now)
