"""A provider of OpenID Connect that does as it is told: honest unless a test bends it.

It speaks HTTP to the product, and plays the browser's part at the provider itself: ``authorize``
takes the address that a browser is sent to and returns the one it is sent back to. The certified
provider that tests/sso runs beside it shows that the honest part is no invention of ours.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

Claims = dict[str, Any]
Bend = Callable[[Claims, Claims], str | None]  # header and claims, to be changed; or a whole token

CLIENT_ID, CLIENT_SECRET = "gatehouse", "a secret: shared with the provider/+"


@cache
def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


@cache
def rsa_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def half_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What was asked for with a code."""

    nonce: str
    challenge: str
    method: str
    redirect_uri: str
    person: Claims
    max_age: str


@dataclass(kw_only=True)
class Idp:
    port: int = 0
    keys: list[Key] = field(default_factory=lambda: [ec_key("first"), rsa_key("rsa")])
    person: Claims = field(default_factory=dict)
    bend: Bend | None = None
    metadata: Claims = field(default_factory=dict)  # what it says otherwise
    tokens: Claims = field(default_factory=dict)  # the same of the token endpoint's answer
    userinfo: Claims | None = None
    id_token_only: bool = True  # else address and name are told at the userinfo alone
    grants: dict[str, Grant] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # paths
    checks_challenge: bool = True
    raw: bytes = b""  # in place of every answer
    wait: float = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def clear(self) -> None:
        """Forget what the last test made of it."""
        fresh = Idp(port=self.port)
        for name in vars(fresh):
            setattr(self, name, getattr(fresh, name))

    def document(self) -> Claims:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def authorize(self, url: str, **changed: str) -> str:
        """Be the browser that is sent to ``url`` and whose person signs in: where does it go?"""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
            method=asked.get("code_challenge_method", ""),
            redirect_uri=asked["redirect_uri"],
            person=dict(self.person),
            max_age=asked.get("max_age", ""),
        )
        answer = {"code": code, "state": asked["state"], "iss": self.issuer, **changed}
        kept = {name: value for name, value in answer.items() if value}
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode(kept)}"

    def exchange(self, form: Claims, authorization: str) -> tuple[int, Claims]:
        """Answer at the token endpoint as RFC 6749 and RFC 7636 say."""
        grant = self.grants.pop(form.get("code", ""), None)
        made = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(made).decode().rstrip("=")
        pair = urlencode({"": CLIENT_SECRET})[1:]
        wanted = base64.b64encode(f"{CLIENT_ID}:{pair}".encode()).decode()
        if authorization != f"Basic {wanted}":
            return 401, {"error": "invalid_client"}
        if grant is None:
            return 400, {"error": "invalid_grant"}
        if self.checks_challenge and (grant.method, grant.challenge) != ("S256", challenge):
            return 400, {"error": "invalid_grant"}
        if grant.redirect_uri != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        return 200, self.answer(grant)

    def answer(self, grant: Grant) -> Claims:
        access_token = secrets.token_urlsafe(16)
        found = {
            "access_token": access_token,
            "token_type": "Bearer",
            "id_token": self.id_token(grant, access_token),
        }
        return {**found, **self.tokens}

    def id_token(self, grant: Grant, access_token: str) -> str:
        now = int(time.time())
        told = grant.person if self.id_token_only else {"sub": grant.person["sub"]}
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": grant.nonce,
            "at_hash": half_hash(access_token),
            **told,
        }
        key = self.keys[0]
        header = {"alg": key.get("alg"), "kid": key.kid}
        bent = self.bend(header, claims) if self.bend else None
        return bent if bent is not None else signed(header, claims, key)


def signed(header: Claims, claims: Claims, key: Key) -> str:
    """Sign whatever it is: letters that no text may hold are escaped, as JSON lets them be."""
    header = {"typ": "JWT", **header}
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, [header["alg"]])


class Handler(BaseHTTPRequestHandler):
    idp: Idp

    def do_GET(self) -> None:
        self.idp.asked.append(self.path)
        time.sleep(self.idp.wait)
        if self.path == "/.well-known/openid-configuration":
            self.reply(200, self.idp.document())
        elif self.path == "/keys":
            self.reply(200, {"keys": [key.as_dict(private=False) for key in self.idp.keys]})
        elif self.path == "/userinfo" and self.idp.userinfo is not None:
            self.reply(200, self.idp.userinfo)
        else:
            self.reply(404, {"error": "not_found"})

    def do_POST(self) -> None:
        self.idp.asked.append(self.path)
        time.sleep(self.idp.wait)
        length = int(self.headers.get("Content-Length", 0))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        self.reply(*self.idp.exchange(form, self.headers.get("Authorization", "")))

    def reply(self, status: int, document: Any) -> None:
        body = self.idp.raw or json.dumps(document).encode()
        with contextlib.suppress(ConnectionError):  # who asked may have hung up
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Tests read nothing of it."""


@contextlib.contextmanager
def running_idp() -> Iterator[Idp]:
    idp = Idp()
    handler = type("Handler", (Handler,), {"idp": idp})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    idp.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield idp
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
