"""Sessions in our own table: Django's documented way to extend its database engine.

The gate hands each request's store a reader that fetches session, person and facts in one query;
anything else that opens a session reads it the stock way.
"""

import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core import signing
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Session, User


class Row(NamedTuple):
    """What the gate's reader found of a session, and whose it is."""

    session_data: str
    expire_date: datetime
    user_id: int | None
    stamp: str
    person: User | None  # None where there is none, or no more


Reader = Callable[[str], Row | None]
_KEY = re.compile(r"[a-z0-9]{32}")


def columns(data: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that repeat what ``data`` says."""
    user_id = data.get(SESSION_KEY)
    return {
        "user_id": int(user_id) if user_id else None,
        "stamp": data.get("stamp", ""),
        "is_verified": data.get("verified", False),
        "method": data.get("method", ""),
        "sso": told_as(data.get("sso", ())),
        "born_at": _instant(data.get("born_at")),
        "seen_at": _instant(data.get("seen_at")),
        "address": data.get("address", ""),
        "agent": data.get("agent", ""),
    }


def told_as(providers: Sequence[int]) -> str:
    """Return the keys of ``providers`` so that each is found by its commas."""
    return "".join(f",{key}" for key in providers) + "," if providers else ""


def _instant(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


@lru_cache(maxsize=8)
def _signing_key(salt: str, secret: str) -> bytes:
    """The key of ``django.core.signing.dumps`` for sessions."""
    return hashlib.sha256(f"{salt}signer{secret}".encode()).digest()


class RowMixin:
    """Shared by both engines: where the row comes from, and what is written into it."""

    reader: Reader | None = None
    row: Row | None = None  # as the reader gave it
    leaves_trace = False  # whether a sweep still has to find whose session this was

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _validate_session_key(self, key: str | None) -> bool:
        """Only what Django itself makes: a NUL byte in a cookie is an error on PostgreSQL."""
        return bool(key and _KEY.fullmatch(key))

    def _get_session_from_db(self) -> Session | Row | None:
        if self.reader is None:
            return super()._get_session_from_db()  # type: ignore[misc,no-any-return]
        key = self.session_key  # type: ignore[attr-defined]
        found = self.reader(key) if key else None
        self.row = found if found and found.expire_date > timezone.now() else None
        if self.row is None:
            self._session_key = None
        return self.row

    def decode(self, session_data: str) -> dict[str, Any]:
        """As Django, but with the signing key derived once per process, not per request.

        What does not fit the newest key at once is left to Django: older keys, damaged data.
        """
        value, _, signature = session_data.rpartition(":")
        key = _signing_key(self.key_salt, settings.SECRET_KEY)  # type: ignore[attr-defined]
        made = signing.b64_encode(hmac.digest(key, value.encode(), "sha256"))
        if hmac.compare_digest(made, signature.encode()):
            payload = value.rpartition(":")[0]
            packed = signing.b64_decode(payload.lstrip(".").encode())
            text = zlib.decompress(packed) if payload.startswith(".") else packed
            return json.loads(text)  # type: ignore[no-any-return]
        return super().decode(session_data)  # type: ignore[misc,no-any-return]

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session; what a sweep has yet to find keeps its columns, under no one's key.

        The browser's key opens nothing either way, and the data are gone.
        """
        key = session_key or self.session_key  # type: ignore[attr-defined]
        if self.leaves_trace and key:
            aside = get_random_string(32, VALID_KEY_CHARS)
            Session.objects.filter(session_key=key, user__isnull=False).update(
                session_key=aside, session_data=""
            )
            self.leaves_trace = False
        super().delete(session_key)  # type: ignore[misc]

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()  # type: ignore[attr-defined,no-any-return]

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session: Session = super().create_model_instance(data)  # type: ignore[misc]
        for name, value in columns(data).items():
            setattr(session, name, value)
        return session

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return await sync_to_async(self.create_model_instance)(data)


class SessionStore(RowMixin, DatabaseStore):  # type: ignore[misc]
    """The ``db`` engine."""
