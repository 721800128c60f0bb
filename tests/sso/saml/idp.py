"""A real identity provider of SAML: pysaml2, whose signatures Debian's xmlsec1 makes."""

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.sso.saml.keys import Keys, keys

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pysaml2 names an old cipher
    from cryptography.utils import CryptographyDeprecationWarning

    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.saml import (
        AUTHN_PASSWORD_PROTECTED,
        NAMEID_FORMAT_EMAILADDRESS,
        NAMEID_FORMAT_PERSISTENT,
        NAMEID_FORMAT_TRANSIENT,
        NameID,
    )
    from saml2.server import Server
    from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

PERSISTENT, TRANSIENT = NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT
ADDRESS = NAMEID_FORMAT_EMAILADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the provider signs in."""

    subject: str
    email: str
    name: str = ""
    format: str = PERSISTENT
    more: tuple[tuple[str, str], ...] = ()  # attributes

    @property
    def attributes(self) -> dict[str, Any]:
        return {"mail": self.email, "displayName": self.name, **dict(self.more)}


class IdP:
    """A provider that knows the service providers of ``metadata``."""

    def __init__(self, name: str, place: Path, metadata: list[bytes]) -> None:
        self.entity_id = f"https://{name}.example/metadata"
        self.sso_url = f"https://{name}.example/sso?realm=staff"
        self.keys = keys(name)
        self._place = place
        self._metadata = [each.decode() for each in metadata]
        self._server = self._started()

    def _started(self) -> Any:
        own = {"key": self.keys.key, "certificate": self.keys.certificate}
        files = {kind: self._place / f"{kind}.pem" for kind in own}
        for kind, path in files.items():
            path.write_text(own[kind])
        options = {
            "entityid": self.entity_id,
            "xmlsec_binary": shutil.which("xmlsec1"),
            "key_file": str(files["key"]),
            "cert_file": str(files["certificate"]),
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [(self.sso_url, BINDING_HTTP_REDIRECT)]
                    },
                    "policy": {"default": {"lifetime": {"minutes": 5}}},
                }
            },
            "metadata": {"inline": self._metadata},
        }
        return Server(config=IdPConfig().load(options))

    def take_keys(self, new: Keys) -> None:
        """Sign with ``new`` from here on, as after a roll-over."""
        self.keys = new
        self._server = self._started()

    def question(self, url: str) -> Any:
        """Return the request that a browser brings to ``url``, as pysaml2 reads it."""
        given = parse_qs(urlsplit(url).query)["SAMLRequest"][0]
        return self._server.parse_authn_request(given, BINDING_HTTP_REDIRECT).message

    def answer(
        self,
        url: str,
        person: Person,
        *,
        asked_at: datetime | None = None,
        signs: bool = True,
        changed: Mapping[str, str] | None = None,
    ) -> str:
        """Return the XML that answers ``url``; the person was asked for a password ``asked_at``."""
        to = self._server.response_args(self.question(url), [BINDING_HTTP_POST])
        kept = ("in_response_to", "sp_entity_id", "destination")
        response = self._server.create_authn_response(
            identity=person.attributes,
            userid=person.subject,
            name_id=NameID(format=person.format, text=person.subject),
            authn={
                "class_ref": AUTHN_PASSWORD_PROTECTED,
                "authn_auth": self.entity_id,
                "authn_instant": int((asked_at or datetime.now(UTC)).timestamp()),
            },
            sign_assertion=signs,
            sign_response=False,
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **{name: to[name] for name in kept},
            **(changed or {}),
        )
        return str(response)
