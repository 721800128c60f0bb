"""Who is told of what support did to a provider: its account's owners, and who was unlinked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext_lazy

from accounts import mail, wording
from accounts.models import Identity, Membership, Provider, User

# What of a provider changed, as it stands in a list within a sentence.
FIELDS = {
    "name": pgettext_lazy("a field of a provider that changed", "name"),
    "client_id": pgettext_lazy("a field of a provider that changed", "client ID"),
    "sso_url": pgettext_lazy("a field of a provider that changed", "sign-in URL"),
    "certificates": pgettext_lazy("a field of a provider that changed", "certificates"),
    "allow_creation": pgettext_lazy(
        "a field of a provider that changed", "whether new people may come in"
    ),
    "is_required": pgettext_lazy(
        "a field of a provider that changed", "whether everybody must come through it"
    ),
    "email_domains": pgettext_lazy("a field of a provider that changed", "email domains"),
}


def told_fields(context: wording.Context) -> str:
    """Return the names of what changed, for ``accounts.wording``."""
    return ", ".join(str(FIELDS.get(name, name)) for name in context["fields"])


def tell(
    what: str, provider: Provider, *, reason: str, now: datetime, fields: Iterable[str] = ()
) -> None:
    """Owe each owner a mail; ``what`` is a word that its templates know."""
    account = provider.account
    owners = Membership.objects.owners().filter(account=account).select_related("user")
    context: dict[str, Any] = {
        **_context(provider, reason),
        "what": what,
        "fields": list(fields),
        "domains": list(account.email_domains),
        "is_required": provider.is_required,
        "allow_creation": provider.allow_creation,
    }
    mail.owe_many(
        mail.prepared(
            "provider_changed",
            to=owner.user,
            occasion=f"provider:{provider.pk}:{what}:{now.isoformat()}",
            account=account,
            context=context,
            now=now,
        )
        for owner in owners
    )


def tell_unlinked(identity: Identity, user: User, *, reason: str, now: datetime) -> None:
    mail.owe(
        "sso_unlinked",
        to=user,
        occasion=f"identity:{identity.pk}:{now.isoformat()}",
        account=identity.provider.account,
        context=_context(identity.provider, reason),
        now=now,
    )


def _context(provider: Provider, reason: str) -> dict[str, Any]:
    return {
        "account": provider.account.name,
        "slug": provider.account.slug,
        "provider_name": provider.name,
        "actor_name": wording.SUPPORT,
        "reason": reason.strip(),
    }
