"""A provider vouches for the address of a sign-in that it does not know: never linked by that.

The person gives the password of that sign-in once, and its factor on the page that always asks for
it; then, and not before, the provider's subject is written down as this person's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit, mail, memberships, signin
from accounts.audit import Event
from accounts.claims import Claims, Refused
from accounts.models import Identity, Membership, Provider, Role, User
from accounts.signin import Vouched
from accounts.sso_admission import Admission, Entry, admission, may_join, open_invitation

KEY = "sso_link"
LIFE = timedelta(minutes=10)

# Whether a person has a factor, which only the app above knows.
_factors: list[Callable[[User], bool]] = []


def register_factor(has_factor: Callable[[User], bool]) -> None:
    _factors.append(has_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What this browser may link, once its person has proved the sign-in."""

    provider: Provider
    claims: Claims
    next: str

    def admission(self, *, now: datetime) -> Admission:
        """Ask again who comes in: the person may have been removed since.

        :raises Refused: as it does, and where there is nothing to link any more.
        """
        found = admission(self.provider, self.claims, now=now)
        if found.entry is not Entry.LINK or found.user is None:
            raise over()
        return found


def over() -> Refused:
    return Refused("link_over", _("This took longer than ten minutes. Please start again."))


def ask(
    request: HttpRequest,
    provider: Provider,
    claims: Claims,
    found: Admission,
    *,
    next_url: str,
    now: datetime,
) -> HttpResponse:
    """Remember in this browser's session what was vouched for, and ask for the sign-in's proof."""
    request.session.cycle_key()
    request.session[KEY] = {
        "provider": provider.pk,
        "subject": claims.subject,
        "email": claims.email,
        "amr": list(claims.amr),
        "acr": claims.acr,
        "auth_time": claims.auth_time.isoformat() if claims.auth_time else None,
        "next": next_url,
        "at": now.isoformat(),
    }
    return redirect("sso_link", provider.slug)


def read(request: HttpRequest, provider: Provider, *, now: datetime) -> Asked:
    """Return what this browser may link.

    :raises Refused: if that is nothing, of another provider, or ten minutes ago.
    """
    note: dict[str, Any] = request.session.get(KEY) or {}
    if note.get("provider") != provider.pk:
        raise over()
    if not timedelta() <= now - datetime.fromisoformat(note["at"]) < LIFE:
        raise over()
    claims = Claims(
        subject=note["subject"],
        email=note["email"],
        email_verified=True,  # else it would not have been noted
        amr=tuple(note["amr"]),
        acr=note["acr"],
        auth_time=datetime.fromisoformat(note["auth_time"]) if note["auth_time"] else None,
    )
    return Asked(provider=provider, claims=claims, next=note["next"])


@sensitive_variables("password")
def prove(request: HttpRequest, asked: Asked, password: str, *, now: datetime) -> HttpResponse:
    """Go on with the sign-in whose password this is; who has a factor is asked for it first.

    :raises Refused: as ``Asked.admission``.
    :raises accounts.signin.WrongPassword, PasswordStopped, TooMany: as at the sign-in page.
    """
    found = asked.admission(now=now)
    email = found.user.email if found.user else ""
    user = signin.check_password(request, email=email, password=password, now=now)
    is_linked = _linked_by_password(asked, user, now=now)
    signin.begin(
        request,
        user,
        next_url=asked.next,
        method="sso" if is_linked else "password",
        invitation=found.invitation.pk if found.invitation else None,
        # Before the factor is given the provider counts for nothing: it would spare the code.
        vouched=vouched_of(asked.provider, asked.claims, links=not is_linked),
        now=now,
    )
    return signin.proceed(request)


@transaction.atomic
def _linked_by_password(asked: Asked, user: User, *, now: datetime) -> bool:
    """Link ``user`` if the password, given just now, is all that there is to give.

    Asked under the lock: whoever chose another password, or set up, since it was checked is not
    linked by it. The sign-in that follows asks for the factor, or starts over.

    :raises Refused: where the person can't be linked.
    """
    person = User.objects.locked(user.pk)
    if person.stamp != user.stamp or any(has_factor(person) for has_factor in _factors):
        return False
    if not link(asked.provider, person, asked.claims.subject, now=now):
        raise over()
    return True


def vouched_of(provider: Provider, claims: Claims, *, links: bool) -> Vouched:
    return Vouched(
        provider=provider.pk,
        subject=claims.subject,
        auth_time=claims.auth_time.isoformat() if claims.auth_time else None,
        amr=claims.amr,
        acr=claims.acr,
        links=links,
    )


@transaction.atomic
def link(provider: Provider, user: User, subject: str, *, now: datetime) -> bool:
    """Write down that ``subject`` is ``user``, who proved it, and mail the person.

    False where somebody was quicker, or the person may no longer come in.
    """
    mine = Q(user=user) | Q(subject=subject)
    user = User.objects.locked(user.pk)
    if Identity.objects.filter(mine, provider=provider).exists():
        return False
    if not _belongs(provider, user, now=now):
        return False
    write(provider, user, subject, now=now)
    mail.owe(
        "identity_linked",
        to=user,
        occasion=f"provider:{provider.pk}:{now.isoformat()}",
        account=provider.account,
        context={
            "account": provider.account.name,
            "provider_name": provider.name,
            "provider": provider.pk,
            "at": now.isoformat(),
        },
        now=now,
    )
    return True


def _belongs(provider: Provider, user: User, *, now: datetime) -> bool:
    """Whether ``user`` is a member, is about to accept an invitation, or now becomes one."""
    members = Membership.objects.filter(account=provider.account_id, user=user)
    if members.exists() or open_invitation(provider, user.email, now=now) is not None:
        return True
    if not may_join(provider, user):
        return False
    memberships.add(account=provider.account, user=user, role=Role.MEMBER, actor=None, now=now)
    return True


def write(provider: Provider, user: User, subject: str, *, now: datetime) -> None:
    """Store an identity with its row in the audit."""
    Identity.objects.create(
        provider=provider, user=user, subject=subject, created_at=now, last_at=now
    )
    after = {"provider": provider.slug}
    audit.record(
        Event.SSO_LINKED, actor=user, subject=user, account=provider.account, after=after, now=now
    )


@transaction.atomic
def unlink(provider_id: int, user: User, *, actor: User, now: datetime) -> None:
    """Forget who ``user`` is to a provider: it was somebody else, or the membership has moved."""
    found = Identity.objects.filter(provider_id=provider_id, user=user).select_related("provider")
    for identity in found:
        before = {"provider": identity.provider.slug}
        identity.delete()
        audit.record(
            Event.SSO_UNLINKED,
            actor=actor,
            subject=user,
            account=identity.provider.account,
            before=before,
            now=now,
        )
