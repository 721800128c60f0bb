"""Who there is: people, accounts, memberships and invitations.

The rows about sessions, mails and the audit trail live in ``accounts.records``, those about single
sign-on in ``accounts.identities``; both are imported here, where Django looks for models.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import locking
from accounts.emails import canonical_email, domain_of
from accounts.identities import (
    Identity,
    Protocol,
    Provider,
    SeenAssertion,
    SSOAttempt,
    SSOPurpose,
)
from accounts.records import (
    AddressFailure,
    AlarmBell,
    AuditEvent,
    AuditHead,
    AuditSeal,
    EndReason,
    GotIn,
    Notice,
    Session,
)

__all__ = [
    "Account",
    "AddressFailure",
    "AlarmBell",
    "AuditEvent",
    "AuditHead",
    "AuditSeal",
    "EndReason",
    "GotIn",
    "Identity",
    "Invitation",
    "Membership",
    "Notice",
    "Plan",
    "Protocol",
    "Provider",
    "Role",
    "SSOAttempt",
    "SSOPurpose",
    "SeenAssertion",
    "Session",
    "User",
    "random_value",
]

INVITATION_LIFE = timedelta(days=7)


def random_value() -> str:
    """Return 128 random bits as text; for stamps, salts and nonces."""
    return secrets.token_urlsafe(16)


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a person.

        :raises ValueError: if ``email`` is empty.
        """
        if not email.strip():
            raise ValueError("A person needs an email address.")
        user = self.model(email=canonical_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(
            email=email, password=password, is_staff=True, is_superuser=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=canonical_email(username or ""))

    def locked(self, pk: int) -> "User":
        """Return the person, for changes one after the other; see ``accounts.locking``."""
        return locking.locked(self.model, pk, no_key=True)


class User(AbstractBaseUser, PermissionsMixin):
    """A person: one sign-in, one email address, any number of accounts."""

    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    language = models.CharField(max_length=10, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    is_active = models.BooleanField(_("can sign in"), default=True)
    is_staff = models.BooleanField(_("support staff"), default=False)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    stamp = models.CharField(
        max_length=32,
        default=random_value,
        editable=False,
        help_text="Renewed by whatever ends the sessions that were born under the old value.",
    )
    session_salt = models.CharField(
        max_length=32,
        default=random_value,
        editable=False,
        help_text="Part of the session hash: renewing it ends every session, SSO included.",
    )
    ended_reason = models.CharField(
        max_length=24, choices=EndReason, default="", blank=True, editable=False
    )
    pass_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="End of a pass that is not settled yet; while set, no device verifies anything.",
    )
    enrolled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When set-up was last completed."
    )
    last_provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Through which provider this person last signed in; none: by password.",
    )
    mailbox_nonce = models.CharField(
        max_length=32,
        default=random_value,
        editable=False,
        help_text="Inside each set-up link; renewed by enrolment and by a new address.",
    )
    password_reset_at = models.DateTimeField(null=True, blank=True, editable=False)
    password_stopped_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Set by twenty wrong codes in a day: somebody else may have the password.",
    )
    mail_failed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When this address last refused a mail."
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering: ClassVar[list[str]] = ["email"]
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = canonical_email(self.email)

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email

    @property
    def is_bound_staff(self) -> bool:
        """Staff of the site are bound whatever any account says."""
        return self.is_staff or self.is_superuser

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Django's hash over the password, with the salt that ends everything."""
        return salted_hmac(
            "accounts.User.session",
            f"{self.password}\n{self.session_salt}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()


class Plan(models.TextChoices):
    FREE = "free", _("Free")
    TEAM = "team", _("Team")
    ENTERPRISE = "enterprise", _("Enterprise")


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", pgettext_lazy("role", "Admin")
    MEMBER = "member", _("Member")


class AccountManager(models.Manager["Account"]):
    def locked(self, pk: int) -> "Account":
        """Return the account, for changes one after the other; see ``accounts.locking``."""
        return locking.locked(self.model, pk)


class Account(models.Model):
    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), unique=True, max_length=60)
    plan = models.CharField(_("plan"), max_length=12, choices=Plan, default=Plan.FREE)
    email_domains = models.JSONField(
        default=list, blank=True, help_text="Domains of the account's work addresses, as a list."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AccountManager()

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def can_require_two_factor(self) -> bool:
        return self.plan == Plan.ENTERPRISE

    def is_outside(self, email: str) -> bool:
        """Whether ``email`` is no work address of this account; never when it names no domain."""
        return bool(self.email_domains) and domain_of(email) not in self.email_domains


class MembershipQuerySet(models.QuerySet["Membership"]):
    def active(self) -> Self:
        return self.filter(user__is_active=True)

    def owners(self) -> Self:
        return self.active().filter(role=Role.OWNER)

    def managers(self) -> Self:
        return self.active().filter(role__in=[Role.OWNER, Role.ADMIN])


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(
        default=timezone.now,
        editable=False,
        help_text="Who joined after a requirement began has no window: it is due from here.",
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "user"], name="one_membership"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.account} as {self.role}"

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def is_manager(self) -> bool:
        """Owners and admins invite and remove people."""
        return self.role in {Role.OWNER, Role.ADMIN}


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Neither accepted nor revoked; it may have expired."""
        return self.filter(accepted_at=None, revoked_at=None)

    def vouched(self) -> Self:
        """Sent by one who may still invite so: removed or demoted, they vouch for nobody.

        Nobody but an owner makes an owner, when the invitation is accepted as when it is written.
        """
        inviter = Membership.objects.filter(user=OuterRef("invited_by"))
        inviter = inviter.filter(account=OuterRef("account"))
        by_manager = ~Q(role=Role.OWNER) & Exists(inviter.managers())
        return self.filter(by_manager | Q(Exists(inviter.owners())))

    def usable(self, *, now: datetime) -> Self:
        """Those that can be accepted now."""
        return self.open().filter(expires_at__gt=now).vouched()


class Invitation(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    nonce = models.CharField(max_length=64, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account}"
