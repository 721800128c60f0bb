"""What a provider of OpenID Connect publishes: its metadata and its keys, kept for a while.

Called by ``accounts.oidc`` alone, and by support's test of a provider. Every request goes through
``accounts.outgoing``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import Session
from requests.exceptions import RequestException

from accounts.models import Provider
from accounts.outgoing import GuardedAdapter, Unreachable, check_address
from accounts.sso_steps import Failed, Step

WELL_KNOWN = "/.well-known/openid-configuration"
# With a symmetric one the provider's public key, or our secret, would sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
KEPT_FOR = timedelta(minutes=10)
# Whoever sends us tokens with made-up key ids must not have us ask the provider each time.
REFETCH_AFTER = timedelta(seconds=30)
OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a provider publishes of itself, as far as it is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    algorithms: tuple[str, ...]
    auth_methods: tuple[str, ...]
    names_itself: bool  # each answer carries ``iss`` (RFC 9207)


Place = tuple[int, str]

# Per process: each entry is dropped by its age, and nothing is wrong while one is missing.
_metadata: dict[Place, tuple[datetime, Metadata]] = {}
_keys: dict[Place, tuple[datetime, KeySet]] = {}


def forget() -> None:
    """Ask every provider anew from here on."""
    _metadata.clear()
    _keys.clear()


def guard(session: Session) -> None:
    """Let ``session`` reach nothing but by ``accounts.outgoing``."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter())


def discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + WELL_KNOWN


def discover(provider: Provider, *, now: datetime, anew: bool = False) -> Metadata:
    """Return what the provider says of itself; kept for ten minutes unless asked ``anew``.

    :raises Failed: if it can't be had, or is another issuer's.
    """
    place = (provider.pk, provider.issuer)
    kept = _metadata.get(place)
    if kept and not anew and timedelta() <= now - kept[0] < KEPT_FOR:
        return kept[1]
    found = _read(provider, get_json(Step.DISCOVERY, discovery_url(provider.issuer)))
    _metadata[place] = (now, found)
    return found


def _read(provider: Provider, document: dict[str, Any]) -> Metadata:
    if document.get("issuer") != provider.issuer:
        found = str(document.get("issuer"))[:200]
        raise Failed(
            Step.ISSUER, "issuer", _("The provider calls itself %(found)s.") % {"found": found}
        )
    for name in NEEDED:
        _check_endpoint(name, document.get(name))
    if document.get("userinfo_endpoint"):
        _check_endpoint("userinfo_endpoint", document["userinfo_endpoint"])
    offered = _texts(document.get("id_token_signing_alg_values_supported")) or ("RS256",)
    algorithms = tuple(name for name in ALGORITHMS if name in offered)
    if not algorithms:
        raise Failed(Step.DISCOVERY, "algorithms", _("The provider offers no usable signature."))
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=provider.issuer,
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=str(document.get("userinfo_endpoint") or ""),
        algorithms=algorithms,
        auth_methods=_texts(methods) or ("client_secret_basic",),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_endpoint(name: str, value: Any) -> None:
    """Refuse what a browser or we could not be sent to before anybody is."""
    if not isinstance(value, str):
        raise Failed(
            Step.DISCOVERY, "metadata", _("The provider publishes no %(name)s.") % {"name": name}
        )
    try:
        check_address(value)
    except Unreachable as error:
        text = _("The provider's %(name)s can't be used. %(error)s") % {
            "name": name,
            "error": error,
        }
        raise Failed(Step.DISCOVERY, "metadata", text) from None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def get_json(step: Step, url: str, *, token: str = "") -> dict[str, Any]:
    """Return the object that ``url`` answers with.

    :raises Failed: for anything else.
    """
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with Session() as session:
        guard(session)
        try:
            response = session.get(url, headers=headers)
        except (Unreachable, RequestException) as error:
            raise unreachable(step, error) from error
    try:
        document = response.json() if response.status_code == OK else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        text = _("%(url)s answers %(status)s, and no JSON object.") % {
            "url": url,
            "status": response.status_code,
        }
        raise Failed(step, "answer", text)
    return document


def unreachable(step: Step, error: Exception) -> Failed:
    reason = str(error.trouble) if isinstance(error, Unreachable) else "connection"
    return Failed(step, reason, str(error))


def keys_of(provider: Provider, metadata: Metadata, *, now: datetime, anew: bool = False) -> KeySet:
    """Return the provider's keys; ``anew`` for a token that none of the known ones signed.

    :raises Failed: if they can't be had.
    """
    place = (provider.pk, metadata.jwks_uri)
    kept = _keys.get(place)
    young = REFETCH_AFTER if anew else KEPT_FOR
    if kept and timedelta() <= now - kept[0] < young:
        return kept[1]
    document = get_json(Step.KEYS, metadata.jwks_uri)
    try:
        found = KeySet.import_key_set({"keys": list(document["keys"])})
    except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failed(Step.KEYS, "keys", _("The provider's keys can't be read.")) from error
    _keys[place] = (now, found)
    return found
