"""An account's identity provider: support adds, changes and ends it; the owners are told.

Each function is one transaction with its audit row and the mails owed. A secret goes in and
never comes out again: no row but the provider's own holds it, sealed.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, keys, locks, provider_entry, provider_mails, sessions, signals
from accounts.audit import Event
from accounts.models import Account, EndReason, Identity, Protocol, Provider, User
from accounts.provider_checks import NotValid
from accounts.provider_entry import Details, Origin

__all__ = ["Details", "NotAllowed", "NotValid", "Origin"]


class NotAllowed(Exception):
    """This can't be done, or not by this person; the text says why."""


@transaction.atomic
def add(
    *,
    account: Account,
    origin: Origin,
    details: Details,
    secret: str = "",
    actor: User,
    reason: str,
    now: datetime,
) -> Provider:
    """Give ``account`` its provider.

    :raises NotAllowed: unless support gives a reason, and where there is a live one.
    :raises NotValid: for what was entered.
    """
    _check_actor(actor, reason)
    account = _locked(account)
    if live_of(account) is not None:
        raise NotAllowed(_("This account has a provider. Change it, or replace its issuer."))
    provider = provider_entry.made(account, origin, details, secret, now=now)
    _record(
        Event.PROVIDER_ADDED,
        provider,
        actor,
        after=provider_entry.told(provider),
        reason=reason,
        now=now,
    )
    provider_mails.tell("added", provider, reason=reason, now=now)
    return provider


@transaction.atomic
def change(
    *, provider: Provider, details: Details, actor: User, reason: str, now: datetime
) -> list[str]:
    """Store what differs; return the names of the fields that did.

    :raises NotAllowed: unless support gives a reason, and for a provider that was ended.
    :raises NotValid: for what was entered.
    """
    _check_actor(actor, reason)
    provider = _locked_live(provider)
    stood = provider_entry.told(provider)
    provider_entry.enter(provider, details, now=now)
    stands = provider_entry.told(provider)
    changed = [name for name in stands if stands[name] != stood[name]]
    if not changed:
        return []
    provider.save(update_fields=provider_entry.FIELDS)
    _record(
        Event.PROVIDER_CHANGED,
        provider,
        actor,
        before={name: stood[name] for name in changed},
        after={name: stands[name] for name in changed},
        reason=reason,
        now=now,
    )
    provider_mails.tell("changed", provider, reason=reason, fields=changed, now=now)
    return changed


@transaction.atomic
def rotate_secret(
    *, provider: Provider, secret: str, actor: User, reason: str, now: datetime
) -> None:
    """Take another client secret; the old one is gone.

    :raises NotAllowed: unless support gives a reason, for a provider that was ended or has none.
    :raises NotValid: for an empty secret.
    """
    _check_actor(actor, reason)
    provider = _locked_live(provider)
    if provider.protocol != Protocol.OIDC:
        raise NotAllowed(_("SAML has certificates in place of a secret. Change those."))
    provider_entry.enter_secret(provider, secret)
    provider.save(update_fields=["client_secret"])
    _record(Event.PROVIDER_SECRET_ROTATED, provider, actor, reason=reason, now=now)
    provider_mails.tell("secret", provider, reason=reason, now=now)


@transaction.atomic
def replace(
    *,
    provider: Provider,
    origin: Origin,
    details: Details,
    secret: str = "",
    actor: User,
    reason: str,
    now: datetime,
) -> Provider:
    """Switch ``provider`` off and give its account another one, at the same address.

    Nobody's identity passes over: what the old issuer said of people, the new one has to say anew.

    :raises NotAllowed: unless support gives a reason, for a provider that was ended, and for the
        issuer that it has.
    :raises NotValid: for what was entered.
    """
    _check_actor(actor, reason)
    provider = _locked_live(provider)
    if provider_entry.origin_of(provider) == origin:
        raise NotValid("issuer", _("This is the issuer that the provider has."))
    _end(provider, is_cut_off=False, actor=actor, reason=reason, now=now)
    new = provider_entry.made(provider.account, origin, details, secret, now=now)
    _record(
        Event.PROVIDER_ADDED,
        new,
        actor,
        after={**provider_entry.told(new), "replaces": provider.pk},
        reason=reason,
        now=now,
    )
    provider_mails.tell("replaced", new, reason=reason, now=now)
    return new


@transaction.atomic
def switch_off(*, provider: Provider, actor: User, reason: str, now: datetime) -> None:
    """End ``provider``; the people it exempted get a new deadline.

    :raises NotAllowed: unless support gives a reason, and for a provider that was ended.
    """
    _check_actor(actor, reason)
    provider = _locked_live(provider)
    _end(provider, is_cut_off=False, actor=actor, reason=reason, now=now)
    provider_mails.tell("off", provider, reason=reason, now=now)


@transaction.atomic
def cut_off(*, provider: Provider, actor: User, reason: str, now: datetime) -> None:
    """End ``provider``, whom nobody can trust any more, and every session that came through it.

    One that was switched off before can still be cut off.

    :raises NotAllowed: unless support gives a reason, and for a provider that was cut off.
    """
    _check_actor(actor, reason)
    provider = _locked_again(provider)
    if provider.cut_off_at is not None:
        raise NotAllowed(_("This provider was cut off before."))
    _end(provider, is_cut_off=True, actor=actor, reason=reason, now=now)
    provider_mails.tell("cut_off", provider, reason=reason, now=now)


@transaction.atomic
def unlink(*, identity: Identity, actor: User, reason: str, now: datetime) -> None:
    """Let the provider know a person no more, and end the person's sessions, SSO included.

    :raises NotAllowed: unless support gives a reason, and does so to somebody else.
    """
    _check_actor(actor, reason)
    user = User.objects.locked(identity.user_id)
    if user.pk == actor.pk:
        raise NotAllowed(_("Nobody can do this to themselves."))
    if user.is_bound_staff and not actor.is_superuser:
        raise NotAllowed(_("Only a superuser can do this to staff."))
    gone, _rows = Identity.objects.filter(pk=identity.pk).delete()
    if not gone:
        raise NotAllowed(_("The provider knows this person no more."))
    sessions.end_everything(user, reason=EndReason.UNLINKED)
    provider = identity.provider
    _record(
        Event.SSO_UNLINKED,
        provider,
        actor,
        subject=user,
        before={"identity": keys.pseudonym(identity.subject)},
        reason=reason,
        now=now,
    )
    provider_mails.tell_unlinked(identity, user, reason=reason, now=now)


def live_of(account: Account) -> Provider | None:
    return Provider.objects.live().filter(account=account).first()


def _check_actor(actor: User, reason: str) -> None:
    if not actor.is_active or not actor.is_bound_staff:
        raise NotAllowed(_("Only support staff can do this."))
    if not reason.strip():
        raise NotAllowed(_("Give a reason."))


def _locked(account: Account) -> Account:
    """Take the account's lock, then the one under which domains are given to accounts."""
    found = Account.objects.locked(account.pk)
    locks.hold("email domains")
    return found


def _locked_again(provider: Provider) -> Provider:
    account = _locked(provider.account)
    found = Provider.objects.select_for_update().get(pk=provider.pk)
    found.account = account
    return found


def _locked_live(provider: Provider) -> Provider:
    found = _locked_again(provider)
    if not found.is_live:
        raise NotAllowed(_("This provider was ended. Nothing of it can change any more."))
    return found


def _end(provider: Provider, *, is_cut_off: bool, actor: User, reason: str, now: datetime) -> None:
    before = ended_at(provider)
    field = "cut_off_at" if is_cut_off else "off_at"
    setattr(provider, field, now)
    provider.save(update_fields=[field])
    _record(
        Event.PROVIDER_CUT_OFF if is_cut_off else Event.PROVIDER_OFF,
        provider,
        actor,
        before=before,
        after=ended_at(provider),
        reason=reason,
        now=now,
    )
    signals.provider_ended.send(
        Provider, provider=provider, cut_off=is_cut_off, actor=actor, now=now
    )


def ended_at(provider: Provider) -> dict[str, str | None]:
    instants = {"off_at": provider.off_at, "cut_off_at": provider.cut_off_at}
    return {name: at.isoformat() if at else None for name, at in instants.items()}


def _record(
    event: Event,
    provider: Provider,
    actor: User,
    *,
    reason: str,
    now: datetime,
    subject: User | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        event,
        actor=actor,
        subject=subject,
        account=provider.account,
        before=before,
        after={"provider": provider.pk, **(after or {}), "reason": reason.strip()},
        now=now,
    )
