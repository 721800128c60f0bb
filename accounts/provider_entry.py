"""A provider's row, from what support entered: looked at, and told without its secret.

Called by ``accounts.providers``, which holds the locks and writes the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts import certificates, provider_checks, words
from accounts.models import Account, Protocol, Provider
from accounts.provider_checks import NotValid

NAME_LENGTH = 60
CLIENT_ID_LENGTH = 255
ATTRIBUTE_LENGTH = 255
SECRET_LENGTH = 1000
SLUG_LENGTH = 70
FIELDS = ("name", "client_id", "sso_url", "certificates", "allow_creation", "is_required")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who names the people, and how. It never changes: another origin is another provider."""

    protocol: str
    issuer: str
    subject_attribute: str = ""  # SAML


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What can change while a provider lives."""

    name: str
    email_domains: Sequence[str]
    client_id: str = ""  # OpenID Connect
    sso_url: str = ""  # SAML
    certificates: str = ""  # SAML
    allow_creation: bool = False
    is_required: bool = False


def told(provider: Provider) -> dict[str, Any]:
    """Return what the audit keeps of a provider: everything but the secret."""
    return {
        "protocol": provider.protocol,
        "issuer": provider.issuer,
        "subject_attribute": provider.subject_attribute,
        "name": provider.name,
        "client_id": provider.client_id,
        "sso_url": provider.sso_url,
        "certificates": _fingerprints(provider.certificates),
        "allow_creation": provider.allow_creation,
        "is_required": provider.is_required,
        "email_domains": list(provider.account.email_domains),
    }


def _fingerprints(text: str) -> list[str]:
    return [each.fingerprint for each in certificates.read(text)] if text else []


def origin_of(provider: Provider) -> Origin:
    return Origin(
        protocol=provider.protocol,
        issuer=provider.issuer,
        subject_attribute=provider.subject_attribute,
    )


def made(
    account: Account, origin: Origin, details: Details, secret: str, *, now: datetime
) -> Provider:
    """Return the provider of ``account``, stored.

    :raises NotValid: for what was entered.
    """
    _check_origin(origin)
    provider = Provider(
        account=account,
        protocol=origin.protocol,
        issuer=origin.issuer,
        subject_attribute=origin.subject_attribute,
        slug=_taken_over_slug(account),
        created_at=now,
    )
    enter(provider, details, now=now)
    if origin.protocol == Protocol.OIDC:
        enter_secret(provider, secret)
    provider.save()
    return provider


def _check_origin(origin: Origin) -> None:
    provider_checks.check_issuer(origin.protocol, origin.issuer)
    if origin.subject_attribute and origin.protocol == Protocol.SAML:
        _checked_line("subject_attribute", origin.subject_attribute, ATTRIBUTE_LENGTH)
    elif origin.subject_attribute:
        raise NotValid("subject_attribute", _("Only SAML names people by an attribute."))


def enter(provider: Provider, details: Details, *, now: datetime) -> None:
    """Check ``details`` and put them into the row, and the domains into the account's."""
    account = provider.account
    provider_checks.check_domains(account, details.email_domains)
    provider.name = _checked_line("name", details.name, NAME_LENGTH)
    provider.allow_creation = details.allow_creation
    provider.is_required = details.is_required
    if provider.protocol == Protocol.OIDC:
        provider.client_id = _checked_line("client_id", details.client_id, CLIENT_ID_LENGTH)
    else:
        _enter_saml(provider, details, now=now)
    if account.email_domains != list(details.email_domains):
        account.email_domains = list(details.email_domains)
        account.save(update_fields=["email_domains"])


def _enter_saml(provider: Provider, details: Details, *, now: datetime) -> None:
    provider_checks.check_sign_in_url(details.sso_url)
    provider.sso_url = details.sso_url
    # What is stored stays, expired or not: something else may have to change first.
    if details.certificates.split() != provider.certificates.split():
        checked = provider_checks.checked_certificates(details.certificates, now=now)
        provider.certificates = checked


def _checked_line(field: str, text: str, longest: int) -> str:
    if not text or len(text) > longest or text != words.one_line(text):
        raise NotValid(field, _("Enter one line of at most %(most)d letters.") % {"most": longest})
    return text


def enter_secret(provider: Provider, secret: str) -> None:
    if not secret or len(secret) > SECRET_LENGTH or not secret.isprintable():
        raise NotValid("secret", _("Enter the client secret as the provider shows it."))
    provider.seal_client_secret(secret)


def _taken_over_slug(account: Account) -> str:
    """Return the account's own slug; whichever earlier provider had it gets another.

    So an account's callback stays where it is. What was under way to the old one is of no use to
    the new one: an attempt belongs to its provider's row.
    """
    holder = Provider.objects.filter(slug=account.slug).first()
    if holder is None:
        return account.slug
    if holder.account_id != account.pk:
        return _free_slug(account.slug)
    Provider.objects.filter(pk=holder.pk).update(slug=_free_slug(f"{account.slug}-{holder.pk}"))
    return account.slug


def _free_slug(wanted: str) -> str:
    """Return ``wanted``, or it with the first number that nobody has."""
    names = [wanted, *(f"{wanted[: SLUG_LENGTH - 4]}-{number}" for number in range(2, 1000))]
    taken = set(Provider.objects.filter(slug__in=names).values_list("slug", flat=True))
    return next(name for name in names if name not in taken)
