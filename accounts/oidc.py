"""OpenID Connect: to a provider's sign-in page, and from its answer to claims.

The code flow with PKCE, state and nonce. Authlib builds the requests and checks the ID token; what
it leaves to its caller is done here and in ``accounts.oidc_metadata``: the issuer found is the one
that was entered, the answer names it where the provider says so (RFC 9207), and only asymmetric
signatures count. Knows no person and no session.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from django.utils.translation import gettext as _
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry
from requests.exceptions import RequestException

from accounts import sealing
from accounts.claims import Claims
from accounts.models import Provider
from accounts.oidc_metadata import Metadata, discover, get_json, guard, keys_of, unreachable
from accounts.outgoing import Unreachable
from accounts.sso_steps import Failed, Note, Step, unnoted

__all__ = ["Failed", "Secrets", "Step", "authorization_url", "claims_of"]

SCOPES = "openid email profile"
LEEWAY = 60  # seconds that two clocks may differ
LONGEST_SUBJECT = 255
MOST_WORDS, LONGEST_WORD = 20, 100  # of how the provider asked its person
# The standard's claim; and that of Entra ID, which knows no other: the tenant owns the domain.
VERIFIED = ("email_verified", "xms_edov")
MALFORMED = (
    JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
    OSError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What ties an answer to the way that was begun."""

    state: str
    nonce: str
    verifier: str


def _client(provider: Provider, metadata: Metadata, redirect_uri: str) -> OAuth2Session:
    try:
        secret = provider.open_client_secret()
    except sealing.Unreadable as error:
        raise Failed(Step.CODE, "secret", _("The client secret can't be read any more.")) from error
    client = OAuth2Session(
        client_id=provider.client_id,
        client_secret=secret or None,
        token_endpoint_auth_method=_auth_method(metadata, secret),
        scope=SCOPES,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    client.register_client_auth_method(("client_secret_basic", _basic))
    guard(client)
    return client


def _auth_method(metadata: Metadata, secret: str) -> str:
    if not secret:
        return "none"
    basic, post = "client_secret_basic", "client_secret_post"
    return post if basic not in metadata.auth_methods and post in metadata.auth_methods else basic


def _basic(client: Any, method: str, uri: str, headers: Any, body: Any) -> tuple[Any, Any, Any]:
    """Both parts are form-encoded first (RFC 6749, 2.3.1), which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return uri, headers, body


def authorization_url(
    provider: Provider,
    secrets: Secrets,
    *,
    redirect_uri: str,
    proves: bool,
    now: datetime,
) -> str:
    """Return where to send the browser; ``proves`` asks the provider to ask its person anew.

    :raises Failed: if the provider can't be reached, or is not what was entered.
    """
    metadata = discover(provider, now=now)
    anew = {"prompt": "login", "max_age": 0} if proves else {}
    url, _state = _client(provider, metadata, redirect_uri).create_authorization_url(
        metadata.authorization_endpoint,
        state=secrets.state,
        nonce=secrets.nonce,
        code_verifier=secrets.verifier,
        **anew,
    )
    return str(url)


def claims_of(
    provider: Provider,
    answer: Mapping[str, str],
    secrets: Secrets,
    *,
    redirect_uri: str,
    now: datetime,
    note: Note = unnoted,
) -> Claims:
    """Return what the provider vouches for, by its ``answer`` in the address of our callback.

    :raises Failed: at the first step that is not as it must be.
    """
    metadata = discover(provider, now=now)
    code = check_answer(metadata, answer)
    note(Step.ANSWER, answer.get("iss", ""))
    tokens = redeem(provider, metadata, code, secrets, redirect_uri=redirect_uri)
    note(Step.CODE, metadata.token_endpoint)
    vouched = check_id_token(provider, metadata, tokens, nonce=secrets.nonce, now=now, note=note)
    told = about_person(metadata, tokens, vouched)
    note(Step.USERINFO, metadata.userinfo_endpoint if told is not vouched else "")
    return read_claims(vouched, told)


def check_answer(metadata: Metadata, answer: Mapping[str, str]) -> str:
    """Return the code; the answer of another provider is refused before it goes anywhere."""
    issuer = answer.get("iss")
    if issuer is None and metadata.names_itself:
        raise Failed(Step.ANSWER, "no_iss", _("The answer does not say who gave it."))
    if issuer is not None and issuer != metadata.issuer:
        raise Failed(Step.ANSWER, "iss", _("The answer comes from another provider."))
    if "error" in answer:
        raise Failed(
            Step.ANSWER,
            "error",
            _("The provider said %(said)s.") % {"said": repr(answer["error"][:100])},
        )
    if not answer.get("code"):
        raise Failed(Step.ANSWER, "no_code", _("The answer holds no code."))
    return answer["code"]


def redeem(
    provider: Provider, metadata: Metadata, code: str, secrets: Secrets, *, redirect_uri: str
) -> dict[str, Any]:
    """Return the tokens that the provider gives for ``code``."""
    with _client(provider, metadata, redirect_uri) as client:
        try:
            tokens = client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=secrets.verifier,
            )
        except OAuthError as error:
            said = str(error.error)[:100]
            raise Failed(
                Step.CODE, "code", _("The provider refused the code: %(said)s.") % {"said": said}
            ) from error
        except (Unreachable, RequestException) as error:
            raise unreachable(Step.CODE, error) from error
        except MALFORMED as error:
            raise Failed(Step.CODE, "answer", _("The token endpoint's answer is odd.")) from error
    return dict(tokens)


def check_id_token(
    provider: Provider,
    metadata: Metadata,
    tokens: dict[str, Any],
    *,
    nonce: str,
    now: datetime,
    note: Note = unnoted,
) -> dict[str, Any]:
    """Return the claims of the ID token: signed by the provider, for us, now, for this way."""
    token = _signed(provider, metadata, tokens.get("id_token"), now=now)
    note(Step.KEYS, metadata.jwks_uri)
    note(Step.SIGNATURE, str(token.header.get("alg")))
    options: dict[str, Any] = {
        "iss": {"essential": True, "value": metadata.issuer},
        "sub": {"essential": True, "allow_blank": False},
        "aud": {"essential": True, "value": provider.client_id},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "nonce": {"essential": True, "value": nonce},
    }
    params = {"nonce": nonce, "client_id": provider.client_id}
    params["access_token"] = tokens.get("access_token") or ""
    claims = CodeIDToken(token.claims, token.header, options, params)
    try:
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except MALFORMED as error:
        claim = str(getattr(error, "claim", "") or "claims")
        raise Failed(
            Step.CLAIMS, claim[:40], _("The ID token's %(claim)s is wrong.") % {"claim": claim}
        ) from error
    subject = claims["sub"]
    if len(subject) > LONGEST_SUBJECT or not (subject.isascii() and subject.isprintable()):
        text = _("The ID token's sub is no text of %(longest)s ASCII characters at most.") % {
            "longest": LONGEST_SUBJECT
        }
        raise Failed(Step.CLAIMS, "sub", text)
    note(Step.CLAIMS, ", ".join(options))
    return dict(claims)


def _signed(provider: Provider, metadata: Metadata, token: Any, *, now: datetime) -> jwt.Token:
    if not isinstance(token, str):
        raise Failed(Step.CODE, "no_id_token", _("The provider gave no ID token."))
    # What a header says of its own key (jwk, jku, x5u) is never looked at.
    registry = JWSRegistry(algorithms=metadata.algorithms, strict_check_header=False)
    try:
        try:
            return jwt.decode(token, keys_of(provider, metadata, now=now), registry=registry)
        except InvalidKeyIdError:
            keys = keys_of(provider, metadata, now=now, anew=True)
            return jwt.decode(token, keys, registry=registry)
    except MALFORMED as error:
        reason = str(getattr(error, "error", "") or "malformed")[:40]
        raise Failed(
            Step.SIGNATURE, reason, _("The ID token is not signed as it must be.")
        ) from error


def about_person(
    metadata: Metadata, tokens: dict[str, Any], vouched: dict[str, Any]
) -> dict[str, Any]:
    """Return where address and name stand: the ID token, or else the provider's userinfo.

    An address and whether it is verified are taken from the same place, never one from each.
    """
    is_whole = "email" in vouched and not vouched.keys().isdisjoint(VERIFIED)
    if is_whole or not metadata.userinfo_endpoint:
        return vouched
    token = str(tokens.get("access_token") or "")
    told = get_json(Step.USERINFO, metadata.userinfo_endpoint, token=token)
    if told.get("sub") != vouched["sub"]:
        raise Failed(Step.USERINFO, "sub", _("The userinfo is about somebody else."))
    return told


def read_claims(vouched: dict[str, Any], told: dict[str, Any]) -> Claims:
    """Put together what is known; an address is verified by ``true`` and by nothing like it."""
    auth_time, amr = vouched.get("auth_time"), vouched.get("amr")
    try:
        asked_at = datetime.fromtimestamp(auth_time, UTC) if auth_time else None
    except MALFORMED as error:
        raise Failed(Step.CLAIMS, "auth_time", _("The ID token's auth_time is wrong.")) from error
    return Claims(
        subject=vouched["sub"],
        email=_text(told.get("email")),
        email_verified=is_verified(told),
        name=_text(told.get("name")),
        auth_time=asked_at,
        amr=tuple(map(_word, amr[:MOST_WORDS])) if isinstance(amr, list) else (),
        acr=_word(vouched.get("acr")),
    )


def is_verified(told: dict[str, Any]) -> bool:
    """Whether the provider vouches for the address: the first claim that speaks of it decides."""
    return next((told[name] for name in VERIFIED if name in told), None) is True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _word(value: Any) -> str:
    """Return what may stand in the audit: a database takes no NUL, and nobody reads a novel."""
    return "".join(letter for letter in _text(value) if letter.isprintable())[:LONGEST_WORD]
