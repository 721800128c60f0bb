"""Ways to a provider and back: begun in one browser, come back to it once, within ten minutes.

Called by ``accounts.sso``. What ties the answer to the way (OpenID Connect's nonce and PKCE
verifier) is derived from the row and from ``state``, which only the browser carries: neither the
row nor the server's keys alone say it.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import keys, letters, signin
from accounts.claims import Refused
from accounts.models import Provider, SSOAttempt, SSOPurpose, User
from accounts.oidc import Secrets

LIFE = timedelta(minutes=10)
STATE, BROWSER, NONCE, VERIFIER = "sso.state", "sso.browser", "sso.nonce", "sso.verifier"
MARK = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits, as ``token_urlsafe`` writes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way that has just begun: its row, what names it, and the mark of its browser."""

    attempt: SSOAttempt
    state: str
    mark: str

    @property
    def secrets(self) -> Secrets:
        return secrets_of(self.attempt, self.state)

    def mark_browser(self, response: HttpResponseBase) -> None:
        """Let ``response`` carry the mark to the browser, whose every way has the same."""
        response.set_cookie(
            settings.SSO_COOKIE_NAME,
            self.mark,
            max_age=LIFE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def start(
    request: HttpRequest, provider: Provider, *, purpose: SSOPurpose, next_url: str, now: datetime
) -> Way:
    """Note that this browser goes to ``provider``; whoever is signed in has to come back."""
    state, mark = secrets.token_urlsafe(32), _mark(request) or secrets.token_urlsafe(32)
    person = request.user if purpose is not SSOPurpose.SIGN_IN else None
    attempt = SSOAttempt.objects.create(
        provider=provider,
        purpose=purpose,
        state_key=_key(STATE, state),
        browser_key=_key(BROWSER, mark),
        nonce=secrets.token_urlsafe(16),
        user=person if isinstance(person, User) else None,
        next=signin.safe_next(request, next_url),
        started_at=now,
    )
    return Way(attempt=attempt, state=state, mark=mark)


def redirect_uri(provider: Provider) -> str:
    """Return the address that the provider sends its people back to."""
    return letters.absolute(reverse("sso_callback", args=[provider.slug]))


def _mark(request: HttpRequest) -> str:
    given = request.COOKIES.get(settings.SSO_COOKIE_NAME, "")
    return given if MARK.fullmatch(given) else ""


def _key(label: str, value: str) -> str:
    return keys.mac(label, value).hex()


def _keys(label: str, value: str) -> list[str]:
    """Return what an older row may hold for ``value``, too."""
    return [made.hex() for made in keys.macs(label, value)]


def secrets_of(attempt: SSOAttempt, state: str) -> Secrets:
    """Return what the answer to ``attempt`` must fit, made under the key of its row."""
    place = _keys(STATE, state).index(attempt.state_key)
    nonce, verifier = (
        keys.macs(label, attempt.nonce, state)[place].hex() for label in (NONCE, VERIFIER)
    )
    return Secrets(state=state, nonce=nonce, verifier=verifier)


def claim(request: HttpRequest, provider: Provider, state: str, *, now: datetime) -> SSOAttempt:
    """Use the way that ``state`` names, once: of parallel answers a single one finds it.

    :raises Refused: if it is no way of this browser to this provider, late, or used.
    """
    ways = SSOAttempt.objects.filter(state_key__in=_keys(STATE, state))
    mine = ways.filter(
        provider=provider,
        browser_key__in=_keys(BROWSER, _mark(request)),
        used_at=None,
        started_at__gt=now - LIFE,
    )
    used = mine.update(used_at=now)
    found = ways.select_related("provider__account", "user").first()
    if not used or found is None:
        raise _refusal(request, provider, found, now=now)
    _check_visitor(request, found)
    return found


def _refusal(
    request: HttpRequest, provider: Provider, found: SSOAttempt | None, *, now: datetime
) -> Refused:
    code = "state_used"
    if found is None:
        code = "state_unknown"
    elif found.provider_id != provider.pk:
        code = "state_of_other_provider"
    elif found.browser_key not in _keys(BROWSER, _mark(request)):
        code = "state_of_other_browser"
    elif now - found.started_at >= LIFE:
        code = "state_late"
    return Refused(
        code,
        _(
            "This sign-in was not begun in this browser, is already over, or took longer than ten"
            " minutes. Please start again."
        ),
    )


def _check_visitor(request: HttpRequest, attempt: SSOAttempt) -> None:
    """Whoever proves who is there must still be the one who is signed in."""
    if attempt.purpose != SSOPurpose.SIGN_IN and request.user.pk != attempt.user_id:
        raise Refused(
            "other_visitor",
            _("You were signed out meanwhile, or somebody else signed in. Please start again."),
        )


def forget_old(*, now: datetime) -> None:
    """Housekeeping: a way that is over opens nothing."""
    SSOAttempt.objects.filter(started_at__lte=now - LIFE).delete()
