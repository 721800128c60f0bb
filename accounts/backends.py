"""Password sign-in by email address."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.emails import canonical_email
from accounts.models import User


class EmailBackend(ModelBackend):
    """Django's backend, which hashes for unknown addresses too, with our spelling of addresses."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        email = canonical_email(username or kwargs.get("email") or "")
        found = super().authenticate(request, username=email, password=password)
        return found if isinstance(found, User) else None
