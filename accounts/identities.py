"""Single sign-on as it is stored: providers, who is known to them, sign-ins under way.

Imported by ``accounts.models`` alone; everything else imports from there.
"""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import sealing


class Protocol(models.TextChoices):
    OIDC = "oidc", "OpenID Connect"
    SAML = "saml", "SAML 2.0"


class ProviderQuerySet(models.QuerySet["Provider"]):
    def live(self) -> Self:
        """Neither switched off nor cut off."""
        return self.filter(off_at=None, cut_off_at=None)


class Provider(models.Model):
    """An account's identity provider, entered by support for the account's email domains.

    Protocol, issuer and subject attribute never change: another issuer is another provider, so
    that nobody's identity passes from one to the other. One that was ended is never live again.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="providers"
    )
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(
        unique=True, max_length=70, help_text="Its place in the addresses below /sso/."
    )
    protocol = models.CharField(max_length=4, choices=Protocol, default=Protocol.OIDC)
    name = models.CharField(max_length=60, help_text='As the button says: "Sign in with ...".')
    issuer = models.CharField(
        max_length=500, help_text="OpenID Connect: the issuer's URL. SAML: the entity ID."
    )
    client_id = models.CharField(max_length=255, blank=True, default="")
    client_secret = models.BinaryField(default=b"", editable=False, help_text="Sealed.")
    sso_url = models.URLField(
        "sign-in URL", max_length=500, blank=True, default="", help_text="SAML only."
    )
    certificates = models.TextField(
        blank=True,
        default="",
        help_text="SAML only: one certificate (PEM), or two of which one is to come.",
    )
    subject_attribute = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="SAML only: the attribute that names a person for good, never an address. "
        "Empty: the persistent NameID does.",
    )
    allow_creation = models.BooleanField(
        default=False, help_text="New people of the account's domains may come in and join."
    )
    is_required = models.BooleanField(
        default=False, help_text="The account's pages open only to whoever came through it."
    )
    created_at = models.DateTimeField(editable=False)
    off_at = models.DateTimeField(
        null=True, editable=False, help_text="Switched off: its people get a new deadline."
    )
    cut_off_at = models.DateTimeField(
        null=True, editable=False, help_text="Compromised: its sessions are over at once."
    )

    objects = ProviderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(off_at=None, cut_off_at=None),
                name="one_live_provider",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.off_at is None and self.cut_off_at is None

    def bound_to(self) -> str:
        """Name this row for what is sealed in it."""
        return f"{self._meta.db_table}:{self.uid}"

    def seal_client_secret(self, secret: str) -> None:
        self.client_secret = sealing.seal(secret.encode(), bound_to=self.bound_to())

    def open_client_secret(self) -> str:
        """Return the secret in clear; empty where there is none.

        :raises sealing.Unreadable: when its key is gone.
        """
        if not self.client_secret:
            return ""
        return sealing.unseal(self.client_secret, bound_to=self.bound_to()).decode()


class Identity(models.Model):
    """Who somebody is to a provider: (provider, subject), never an address."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="identities")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(editable=False)
    last_at = models.DateTimeField(editable=False, help_text="When it last signed in.")
    stamp_at_end = models.CharField(
        max_length=32,
        default="",
        editable=False,
        help_text="The person's stamp when the provider was switched off: what renewed it before "
        "ended no session that came through it.",
    )

    class Meta:
        verbose_name_plural = "identities"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["provider", "subject"], name="one_subject"),
            models.UniqueConstraint(fields=["provider", "user"], name="one_identity_a_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


class SSOPurpose(models.TextChoices):
    """What a way to a provider and back is for."""

    SIGN_IN = "sign_in", _("sign-in")
    PROVE = "prove", _("re-authentication")
    TEST = "test", _("test by support")


class SSOAttempt(models.Model):
    """One way to a provider and back: used once, by the browser that began it, for ten minutes.

    OpenID Connect's state and SAML's InResponseTo name it by its keyed hash; nonce and PKCE
    verifier are derived from ``nonce`` under a server key, so no row and no session holds them.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="attempts")
    purpose = models.CharField(max_length=8, choices=SSOPurpose, default=SSOPurpose.SIGN_IN)
    state_key = models.CharField(max_length=64, unique=True, help_text="Keyed hash.")
    browser_key = models.CharField(max_length=64, help_text="Keyed hash of the browser's mark.")
    nonce = models.CharField(max_length=32)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Who has to come back: whoever is signed in and proves it anew.",
    )
    next = models.CharField(max_length=2000, blank=True, default="")
    started_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "SSO attempt"

    def __str__(self) -> str:
        return f"{self.purpose} at {self.provider}"


class SeenAssertion(models.Model):
    """A SAML assertion that was accepted: its ID is good once."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    assertion_key = models.CharField(max_length=64, help_text="SHA-256 of the assertion's ID.")
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["provider", "assertion_key"], name="one_assertion"),
        ]

    def __str__(self) -> str:
        return f"an assertion of {self.provider}"
