"""What support reads of a provider: how it stands, what to enter at it, whom it knows.

A secret is on none of this, nor is what the provider calls a person.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import certificates, letters
from accounts.certificates import Certificate
from accounts.models import Identity, Protocol, Provider, User
from accounts.sso_attempts import redirect_uri
from enforcement import extensions
from twofactor import devices

SHOWN = 50
LONGEST_QUERY = 200
STATES: dict[str, tuple[str, str | Promise]] = {
    "live": ("good", _("live")),
    "off": ("plain", _("switched off")),
    "cut_off": ("danger", _("cut off")),
}


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate, and whether it is over."""

    certificate: Certificate
    has_expired: bool


@dataclass(frozen=True, slots=True)
class Line:
    """What the provider's administrator copies to there."""

    name: str  # of the element that is copied
    label: str | Promise
    value: str


@dataclass(frozen=True, slots=True)
class Concerned:
    """How many people an end would meet."""

    known: int
    unprotected: int  # of them; they would have to set up two-factor authentication
    without_password: int  # of them; they would have to choose one
    extended: int  # of them; they would get a later deadline, unless it is cut off


def state_of(provider: Provider) -> str:
    if provider.cut_off_at is not None:
        return "cut_off"
    return "off" if provider.off_at is not None else "live"


def with_figures(providers: QuerySet[Provider]) -> QuerySet[Provider]:
    """Add to each how many people it knows, and when one last came through it."""
    return providers.annotate(known=Count("identities"), last_used_at=Max("identities__last_at"))


def context(request: HttpRequest, provider: Provider, *, now: datetime) -> dict[str, Any]:
    tag, words = STATES[state_of(provider)]
    asked = request.GET.get("q", "")[:LONGEST_QUERY].strip()
    return {
        "provider": provider,
        "account": provider.account,
        "tag": tag,
        "state": words,
        "is_oidc": provider.protocol == Protocol.OIDC,
        "held": held(provider, now=now),
        "to_enter": to_enter(provider),
        "q": asked,
        "people": people(provider, asked, page=request.GET.get("page", "")),
    }


def held(provider: Provider, *, now: datetime) -> list[Held]:
    if not provider.certificates:
        return []
    found = certificates.read(provider.certificates)
    return [Held(each, each.has_expired(now=now)) for each in found]


def to_enter(provider: Provider) -> list[Line]:
    """Return our own addresses, under the names that the protocol has for them."""
    callback = redirect_uri(provider)
    if provider.protocol == Protocol.OIDC:
        return [
            Line("callback", _("Redirect URI"), callback),
            Line("start", _("Sign-in page (initiate login URI)"), _address("sso_start", provider)),
        ]
    metadata = _address("sso_metadata", provider)
    return [
        Line("callback", _("Assertion consumer service (ACS) URL"), callback),
        Line("metadata", _("Our entity ID, and the address of our metadata"), metadata),
    ]


def _address(name: str, provider: Provider) -> str:
    return letters.absolute(reverse(name, args=[provider.slug]))


def people(provider: Provider, asked: str, *, page: str) -> Page[Identity]:
    """Return whom it knows, who came last first; narrowed to a name or an address."""
    known = provider.identities.select_related("user").order_by("-last_at", "pk")
    if asked:
        known = known.filter(Q(user__email__icontains=asked) | Q(user__name__icontains=asked))
    return Paginator(known, SHOWN).get_page(page)


def concerned(provider: Provider, *, now: datetime) -> Concerned:
    known = User.objects.filter(
        identities__provider=provider,
        memberships__account=provider.account_id,
        is_active=True,
    )
    protected = devices.users_with_device(User.objects.all()).values("pk")
    return Concerned(
        known=known.count(),
        unprotected=known.exclude(pk__in=protected).count(),
        without_password=known.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX).count(),
        extended=extensions.number_of(provider, now=now),
    )
