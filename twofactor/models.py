"""Devices, backup codes, and the codes that were sent out.

A device here never verifies anything by itself: codes are evaluated by ``twofactor.redeem``
alone, under the lock of the person's row.
"""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device

from accounts import sealing
from twofactor.safety_net import devices_changed

BLOCKED_AT = 50


class FactorQuerySet(models.QuerySet[Any]):
    """Devices of one kind; a bulk change to confirmed ones ends sessions (``safety_net``)."""

    def confirmed(self) -> Self:
        return self.filter(confirmed=True)

    def pending(self) -> Self:
        return self.filter(confirmed=False)

    def devices_for_user(self, user: Any, confirmed: bool | None = None) -> Self:
        """As django-otp's own manager, which this queryset replaces."""
        devices = self.filter(user=user)
        return devices if confirmed is None else devices.filter(confirmed=bool(confirmed))

    def update(self, **values: Any) -> int:
        with devices_changed(self, values):
            return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        with devices_changed(self, None):
            return super().delete()


FactorManager = models.Manager.from_queryset(FactorQuerySet)


class Factor(Device):  # type: ignore[misc]  # django-otp ships no types
    """What both kinds of device share."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    attempt = models.CharField(
        max_length=32,
        default="",
        editable=False,
        help_text="The set-up, in one browser, that an unconfirmed device belongs to.",
    )
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = FactorManager()

    class Meta:
        abstract = True

    def verify_token(self, token: str) -> bool:
        """Verify nothing, ever.

        django-otp's own doors (its login form, ``match_token``, its admin) end here. They lock a
        device, not the person, and know none of our budgets.
        """
        return False

    def bound_to(self) -> str:
        """Name this row for what is sealed in it."""
        return f"{self._meta.db_table}:{self.uid}:{self.user_id}"

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        with devices_changed(type(self).objects.filter(pk=self.pk), None):
            return super().delete(*args, **kwargs)


class TOTPDevice(Factor):
    """An authenticator app."""

    secret = models.BinaryField(editable=False, help_text="Sealed base32 key.")
    last_step = models.BigIntegerField(
        default=-1, editable=False, help_text="The last time step that was accepted."
    )
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Wrong codes since the last right one."
    )

    class Meta:
        verbose_name = _("authenticator app")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(confirmed=True), name="one_confirmed_app"
            ),
            models.CheckConstraint(
                condition=Q(confirmed=False) | Q(confirmed_at__isnull=False),
                name="confirmed_app_has_instant",
            ),
        ]

    @property
    def is_blocked(self) -> bool:
        """Too many wrong codes in a row: only replacing it helps."""
        return self.failures >= BLOCKED_AT

    def open_secret(self) -> str:
        return sealing.unseal(self.secret, bound_to=self.bound_to()).decode()

    def seal_secret(self, secret: str) -> None:
        self.secret = sealing.seal(secret.encode(), bound_to=self.bound_to())


class SMSDevice(Factor):
    """A phone that gets texts."""

    number = models.BinaryField(editable=False, help_text="Sealed number in E.164.")
    number_key = models.CharField(
        max_length=64,
        editable=False,
        db_index=True,
        help_text="Keyed MAC of the number: equal numbers are found without opening any.",
    )
    last2 = models.CharField(max_length=2, editable=False)

    class Meta:
        verbose_name = "phone"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(confirmed=True), name="one_confirmed_phone"
            ),
            models.CheckConstraint(
                condition=Q(confirmed=False) | Q(confirmed_at__isnull=False),
                name="confirmed_phone_has_instant",
            ),
        ]

    def open_number(self) -> str:
        return sealing.unseal(self.number, bound_to=self.bound_to()).decode()

    def seal_number(self, number: str) -> None:
        self.number = sealing.seal(number.encode(), bound_to=self.bound_to())


class BackupCodeSet(models.Model):
    """The ten codes of one person, under one salt; making new ones replaces the row."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="backup_codes"
    )
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    salt = models.BinaryField(max_length=16, editable=False)
    created_at = models.DateTimeField()
    saved_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person ticked that they are saved."
    )

    def __str__(self) -> str:
        return f"Backup codes of {self.user}"

    def bound_to(self) -> str:
        return f"{self._meta.db_table}:{self.uid}:{self.user_id}"


class BackupCode(models.Model):
    """One code: its Argon2 hash, sealed. The sealing is the pepper, and one that can rotate."""

    code_set = models.ForeignKey(BackupCodeSet, on_delete=models.CASCADE, related_name="codes")
    sealed_hash = models.BinaryField(editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return "used" if self.used_at else "unused"


class SentPurpose(models.TextChoices):
    """What a sent code is good for; it opens nothing else."""

    MAILBOX = "mailbox", _("prove a mailbox")
    SIGN_IN = "sign_in", _("sign in")
    SET_UP = "set_up", _("confirm a number")
    REAUTHENTICATE = "reauthenticate", _("confirm who is there")


class SentState(models.TextChoices):
    """How far a code got; ``OURS`` and ``REFUSED`` never reached anybody."""

    READY = "ready", _("not handed over yet")
    HANDED_OVER = "handed_over", _("handed over")
    UNCERTAIN = "uncertain", _("maybe handed over")
    DELIVERED = "delivered", _("delivered")
    UNDELIVERED = "undelivered", _("not delivered")
    REFUSED = "refused", _("refused by the provider")
    OURS = "ours", _("not sent, by our fault")


class SentCode(models.Model):
    """A code that was texted or mailed. The row holds no code: a keyed hash and a nonce."""

    Purpose = SentPurpose
    State = SentState

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sent_codes"
    )
    device = models.ForeignKey(
        SMSDevice,
        null=True,
        on_delete=models.SET_NULL,
        related_name="sent_codes",
        help_text="The phone it went to; a code whose phone is gone is dead.",
    )
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    purpose = models.CharField(max_length=16, choices=SentPurpose)
    attempt = models.CharField(max_length=32, help_text="The one sign-in or set-up it is for.")
    nonce = models.CharField(max_length=32, editable=False)
    code_hash = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    checks_left = models.PositiveSmallIntegerField(default=5)
    used_at = models.DateTimeField(null=True, blank=True)
    destination_key = models.CharField(
        max_length=64, help_text="Keyed MAC of the number or mailbox it went to."
    )
    address = models.CharField(
        max_length=45, default="", help_text="Bucket of the client address that asked for it."
    )
    state = models.CharField(max_length=12, choices=SentState, default=SentState.READY)
    provider_id = models.CharField(max_length=64, default="", db_index=True)
    error = models.CharField(max_length=16, default="", help_text="The provider's error code.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="sent_code_expires_later"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "created_at"], name="sent_to_person"),
            models.Index(fields=["destination_key", "created_at"], name="sent_to_number"),
            models.Index(fields=["address", "created_at"], name="sent_from_address"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} ({self.state})"


class TextCharge(models.Model):
    """A text counts against the accounts of its person, for as long as the limit looks back."""

    sent = models.ForeignKey(SentCode, on_delete=models.CASCADE, related_name="charges")
    account_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account_id", "at"], name="texts_of_account"),
        ]

    def __str__(self) -> str:
        return f"account {self.account_id}"


class CodeFailure(models.Model):
    """One wrong code of a person, by whatever door and method: the common budget counts these."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="code_failures"
    )
    at = models.DateTimeField()
    episode_at = models.DateTimeField(help_text="When the run of failures it belongs to began.")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "at"], name="failures_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.at}"
