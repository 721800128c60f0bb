"""What the product keeps of what happened: sessions, mails owed, the audit trail, failed tries.

Imported by ``accounts.models`` alone; everything else imports from there.
"""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _


class EndReason(models.TextChoices):
    """Why a session ended; shown at sign-in, and the audit's word for it."""

    DEADLINE = "deadline", _("the time to set up two-factor authentication was over")
    PASS_ENDED = "pass_ended", _("the pass had ended")
    PASS_REVOKED = "pass_revoked", _("the pass was revoked")
    CODE_NEEDED = "code_needed", _("a code was needed")
    SET_UP = "set_up", _("two-factor authentication was set up in another browser")
    FACTOR_CHANGED = "factor_changed", _("two-factor authentication was changed")
    RESET = "reset", _("support reset two-factor authentication")
    PASSWORD = "password", _("the password was changed")
    ADDRESS = "address", _("the email address was changed")
    EVERYWHERE = "everywhere", _("you signed out everywhere")
    BY_SUPPORT = "by_support", _("our support signed you out everywhere")
    CUT_OFF = "cut_off", _("the single sign-on that you came through was stopped")
    LEFT = "left", _("you no longer belong to the account whose single sign-on you used")
    UNLINKED = "unlinked", _("support disconnected you from your single sign-on")
    IDLE = "idle", _("nothing had happened for a while")
    EXPIRED = "expired", _("the session had reached its greatest age")


class Session(AbstractBaseSession):
    """One browser's session; also the person's list of sessions.

    The columns repeat what the session data say, so that one query reads session, person and
    facts, and so that a whole set of sessions can be found without decoding any.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="sessions",
        # With a constraint, cycle_key() after the person's deletion would loop for ever.
        db_constraint=False,
    )
    stamp = models.CharField(max_length=32, default="", help_text="The stamp it was born under.")
    is_verified = models.BooleanField(default=False)
    method = models.CharField(max_length=8, default="", help_text="password or sso")
    sso = models.TextField(
        default="", help_text='The keys of the providers it passed, as ",3,7,"; or nothing.'
    )
    born_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, default="")
    agent = models.CharField(max_length=200, default="")

    class Meta(AbstractBaseSession.Meta):
        db_table = "accounts_session"


class NoticeState(models.TextChoices):
    OWED = "owed", _("waiting")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    DROPPED = "dropped", _("no longer needed")


class Notice(models.Model):
    """One mail owed; unique per recipient, kind and occasion, so that no job can owe it twice."""

    State = NoticeState

    recipient = models.CharField(
        _("recipient"), max_length=254, help_text=_("The address it goes to.")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notices"
    )
    account_id = models.BigIntegerField(null=True, help_text="The account that it is about.")
    kind = models.CharField(max_length=40)
    occasion = models.CharField(max_length=120)
    context = models.JSONField(default=dict, help_text="Values for the text; never a secret.")
    nonce = models.CharField(max_length=32, default="")
    state = models.CharField(
        _("state"), max_length=8, choices=NoticeState, default=NoticeState.OWED
    )
    created_at = models.DateTimeField(_("owed since"))
    due_at = models.DateTimeField(help_text="Not tried before; moved on by each failure.")
    drop_at = models.DateTimeField(null=True, help_text="Dropped when not sent by then.")
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(_("error"), max_length=200, default="")
    objected_at = models.DateTimeField(
        null=True, help_text="When its recipient said that it wasn't them."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["recipient", "kind", "occasion"], name="one_notice_per_occasion"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="notice_owed", condition=Q(state="owed")),
            models.Index(fields=["account_id", "state"], name="notice_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"


class AuditHead(models.Model):
    """The one row that tells which end of the chain was last exported, for others to keep."""

    count = models.BigIntegerField(default=0, help_text="The number of the last seal.")
    hash = models.CharField(max_length=64, default="", help_text="The hash of the last seal.")
    at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.count}:{self.hash}"


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def waiting(self, *, after: int = 0) -> Self:
        """Return the rows that no seal names yet, of those with numbers above ``after``."""
        sealed = AuditSeal.objects.filter(row=OuterRef("number"), row__gt=after)
        return self.filter(~Exists(sealed), number__gt=after)


class AuditEvent(models.Model):
    """One security event, written with its change. Rows are never changed."""

    number = models.BigAutoField(_("number"), primary_key=True)
    at = models.DateTimeField()
    event = models.CharField(max_length=40)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=40, default="", help_text="Keyed pseudonym.")
    subject_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=40, default="", help_text="Keyed pseudonym.")
    account_id = models.BigIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    address = models.CharField(_("internet address"), max_length=45, default="")
    request_id = models.CharField(_("request"), max_length=40, default="")
    proof = models.CharField(  # noqa: DJ001 - unique, and older rows have none
        max_length=120,
        null=True,
        unique=True,
        help_text="Key id, nonce and HMAC: that the product wrote the row so, and once.",
    )

    objects: ClassVar[Any] = AuditEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account_id", "-number"], name="audit_of_account"),
            models.Index(fields=["subject_id", "-number"], name="audit_of_subject"),
            models.Index(fields=["actor_id", "-number"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.event} at {self.at:%Y-%m-%d %H:%M:%S}"


class AuditSeal(models.Model):
    """The place of one row in the chain. Seals are numbered without gaps and never changed."""

    number = models.BigIntegerField(primary_key=True)
    row = models.BigIntegerField(unique=True, help_text="The number of the row.")
    previous = models.CharField(max_length=64, help_text="A hash of the seal before.")
    hash = models.CharField(max_length=64)
    proof = models.CharField(
        max_length=80, default="", help_text="Key id and HMAC; empty before there were any."
    )

    def __str__(self) -> str:
        return f"{self.number}: row {self.row}"


class GotIn(models.Model):
    """A person got in from an address within the last day: an office earns room to mistype."""

    address = models.CharField(max_length=45)
    user_id = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["address", "user_id"], name="one_entry_per_address"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.address}"


class AddressFailure(models.Model):
    """A wrong password, code or link, counted by where it came from."""

    address = models.CharField(
        max_length=80, help_text="The bucket: an address, or what else a limit counts by."
    )
    at = models.DateTimeField(db_index=True)
    is_open = models.BooleanField(
        default=False, help_text="Taken by a try that is being evaluated; given back on success."
    )

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["address", "at"], name="failures_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address} at {self.at:%H:%M:%S}"


class AlarmBell(models.Model):
    """When an alarm last sounded: it does so once an hour, whoever notices."""

    name = models.CharField(max_length=40, unique=True)
    sounded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
