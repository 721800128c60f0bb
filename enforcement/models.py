"""What is stored of the requirement: periods, passes, requests for a pass, and for approval.

Nothing derived is stored: who is due, ready or signed out follows from these rows and the clock.
"""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account


class Policy(models.Model):
    """One period in which an account requires two-factor authentication."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="policies")
    starts_at = models.DateTimeField(editable=False)
    deadline = models.DateTimeField(
        editable=False, help_text="Stored once; never computed again from the clock."
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True, help_text="Why support switched it.")
    ended_at = models.DateTimeField(null=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    announced_at = models.DateTimeField(
        null=True, editable=False, help_text="When the mails about its start were all owed."
    )
    reminded_12h_at = models.DateTimeField(null=True, editable=False)
    reminded_1h_at = models.DateTimeField(null=True, editable=False)
    reminder_asked_at = models.DateTimeField(
        null=True, editable=False, help_text="When an owner last had everybody reminded."
    )
    reminder_owed_at = models.DateTimeField(
        null=True, editable=False, help_text="Which such wish the mails were last owed for."
    )
    swept_at = models.DateTimeField(
        null=True, editable=False, help_text="When the sessions of the overdue were ended."
    )

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(ended_at=None), name="one_open_policy"
            ),
            models.CheckConstraint(
                condition=Q(deadline__gt=F("starts_at")), name="deadline_after_start"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["deadline"],
                condition=Q(ended_at=None, swept_at=None),
                name="policy_to_sweep",
            ),
            models.Index(
                fields=["starts_at"],
                condition=Q(ended_at=None, announced_at=None),
                name="policy_to_announce",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.starts_at:%Y-%m-%d %H:%M}"


class Extension(models.Model):
    """A later deadline for one member, given once a period: the account's SSO was switched off.

    It counts where it is later than the member's own deadline.
    """

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="extensions")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="extensions"
    )
    deadline = models.DateTimeField(editable=False)
    given_at = models.DateTimeField(editable=False)
    told_at = models.DateTimeField(
        null=True, editable=False, help_text="When the mail about it was owed."
    )
    swept_at = models.DateTimeField(
        null=True, editable=False, help_text="When the sessions of the overdue were ended."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["policy", "user"], name="one_extension"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["deadline"], condition=Q(swept_at=None), name="extension_to_sweep"
            ),
            models.Index(fields=["policy"], condition=Q(told_at=None), name="extension_to_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.user} until {self.deadline:%Y-%m-%d %H:%M}"


class Closing(models.TextChoices):
    """How a pass came to its end."""

    RAN_OUT = "ran_out", _("ran out")
    REVOKED = "revoked", _("revoked")
    SET_UP = "set_up", _("set-up completed")


class Pass(models.Model):
    """Leave for one person to work without a second factor, for a fixed time."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="passes"
    )
    granted_at = models.DateTimeField(editable=False)
    until = models.DateTimeField(editable=False, help_text="Its end; can't be changed.")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=300)
    ticket = models.CharField(max_length=60, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The second of support, where one was needed.",
    )
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_as = models.CharField(max_length=8, choices=Closing, blank=True, editable=False)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name_plural = _("passes")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(closed_at=None), name="one_open_pass"
            ),
            models.CheckConstraint(
                condition=Q(until__gt=F("granted_at")), name="pass_ends_after_grant"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["until"], condition=Q(closed_at=None), name="pass_to_settle"),
        ]

    def __str__(self) -> str:
        return f"{self.user} until {self.until:%Y-%m-%d %H:%M}"

    def is_running(self, *, now: datetime) -> bool:
        return self.closed_at is None and now < self.until


class PassRequest(models.Model):
    """A person who can use nothing asks for a pass; one open request per person."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pass_requests"
    )
    message = models.CharField(max_length=1000, blank=True)
    asked_at = models.DateTimeField(editable=False)
    endorsed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    endorsement = models.CharField(max_length=1000, blank=True)
    closed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(closed_at=None), name="one_open_request"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.asked_at:%Y-%m-%d %H:%M}"


class Help(models.TextChoices):
    """What support can do for a person, and a second of support may have to approve."""

    PASS = "pass", _("pass")
    RESET = "reset", _("reset")
    EMAIL = "email", _("another address")


class Decision(models.TextChoices):
    """What became of what waited for a second approver."""

    APPROVED = "approved", _("approved")
    DECLINED = "declined", _("declined")
    LAPSED = "lapsed", _("lapsed")


class Approval(models.Model):
    """What somebody of support wishes to do for a person, and a second one has to approve.

    It does nothing itself: a pass begins, and its mails go out, when it is approved.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="approvals"
    )
    what = models.CharField(max_length=5, choices=Help, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    address = models.EmailField(
        max_length=254, blank=True, editable=False, help_text="The new one, where that is wished."
    )
    reason = models.CharField(max_length=300)
    ticket = models.CharField(max_length=60, blank=True)
    asked_at = models.DateTimeField(editable=False)
    until = models.DateTimeField(editable=False, help_text="When it can no longer be approved.")
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_as = models.CharField(max_length=8, choices=Decision, blank=True, editable=False)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(closed_at=None), name="one_open_approval"
            ),
            models.CheckConstraint(
                condition=Q(until__gt=F("asked_at")), name="approval_ends_after_asking"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()} for {self.user} at {self.asked_at:%Y-%m-%d %H:%M}"

    def is_open(self, *, now: datetime) -> bool:
        return self.closed_at is None and now < self.until


class Sweep(models.Model):
    """When the jobs looked last for what had become due: one row, for monitoring alone."""

    at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
