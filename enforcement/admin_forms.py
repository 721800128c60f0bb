"""The forms of the admin. Each names the few fields that it takes; no model lends it others."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import DomainNameValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms import EmailField, NameField, WordsField
from accounts.models import Account, User
from accounts.provider_checks import NotValid
from enforcement import account_changes
from enforcement.models import Pass, Policy

PREVIEW_GOOD_FOR = timedelta(minutes=10)
REASON_LENGTH = Policy._meta.get_field("reason").max_length
TICKET_LENGTH = Pass._meta.get_field("ticket").max_length


class DomainsField(forms.CharField):
    """Domains, one a line or between commas; a list in Python."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = str(super().to_python(value) or "").replace(",", " ")
        return list(dict.fromkeys(part.lstrip("@").lower() for part in text.split()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        for domain in value:
            DomainNameValidator(message=_("“%(value)s” is no domain."))(domain)

    def run_validators(self, value: Any) -> None:
        """Each domain was checked by itself."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class OwnersAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # no generics at run time
    name = NameField(max_length=Account._meta.get_field("name").max_length)

    class Meta:
        model = Account
        fields: tuple[str, ...] = ("name",)


class AccountForm(OwnersAccountForm):
    email_domains = DomainsField(
        label=gettext_lazy("Email domains"),
        required=False,
        help_text=gettext_lazy(
            "Domains of the account's work addresses, one a line; none: any address is one."
        ),
    )

    class Meta(OwnersAccountForm.Meta):
        fields = ("name", "plan", "email_domains")

    def clean_plan(self) -> str:
        """Refuse a plan that can't require what the account requires.

        The admin saves within this transaction, so the lock holds until then.
        """
        plan: str = self.cleaned_data["plan"]
        locked = Account.objects.locked(self.instance.pk)
        try:
            account_changes.check_plan(locked, plan)
        except account_changes.PlanNeeded as error:
            raise forms.ValidationError(str(error), code="plan_needed") from None
        return plan

    def clean_email_domains(self) -> list[str]:
        domains: list[str] = self.cleaned_data["email_domains"]
        try:
            account_changes.check_domains(self.instance, domains)
        except NotValid as error:
            raise forms.ValidationError(str(error), code="not_valid") from None
        return domains


def reason_field(*, required: bool = True, help_text: Any = "") -> WordsField:
    return WordsField(
        label=_("Reason"),
        required=required,
        max_length=REASON_LENGTH,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class PreviewTooOld(forms.ValidationError):
    """The page that was confirmed is more than ten minutes old."""


class SwitchForm(forms.Form):
    confirm = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], widget=forms.HiddenInput)
    preview_at = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def __init__(self, *args: Any, needs_reason: bool, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        if needs_reason:
            self.fields["reason"] = reason_field(
                help_text=_(
                    "Which owner asked for it, and how you know. The owners get to read it."
                )
            )

    def clean_preview_at(self) -> datetime:
        """Refuse an instant that is older than ten minutes; it serves for nothing else."""
        try:
            at = datetime.fromisoformat(self.cleaned_data["preview_at"])
            is_recent = at <= self.now < at + PREVIEW_GOOD_FOR
        except (ValueError, TypeError, OverflowError):
            is_recent = False
        if not is_recent:
            raise PreviewTooOld(
                _(
                    "This page was more than ten minutes old, so nothing was changed. "
                    "Look at it again as it is now; then confirm."
                )
            )
        return at

    @property
    def is_too_old(self) -> bool:
        return "preview_at" in self.errors


class ReasonForm(forms.Form):
    reason = reason_field(
        help_text=gettext_lazy(
            "How you know that it is this person who asks. The person gets to read it."
        )
    )


class GrantForm(ReasonForm):
    ticket = NameField(
        required=False,
        max_length=TICKET_LENGTH,
        help_text=gettext_lazy("Number of the case, if there is one."),
    )


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button is all."""


class AddressForm(ReasonForm):
    email = EmailField(
        label=gettext_lazy("New email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "reason")


class ApproveForm(forms.Form):
    """The number says what was read: another wish may have taken its place since."""

    number = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)


class DeclineForm(ApproveForm):
    reason = reason_field(
        help_text=gettext_lazy("It stands in the audit. Tell whoever asked yourself.")
    )


class StaffForm(forms.Form):
    is_staff = forms.BooleanField(label=gettext_lazy("Support staff"), required=False)
    is_superuser = forms.BooleanField(
        label=gettext_lazy("Superuser"),
        required=False,
        help_text=gettext_lazy("May also help staff, add people and decide who is staff."),
    )


IS_THERE = gettext_lazy("There is a sign-in with this address.")


class PersonForm(forms.Form):
    email = EmailField(
        label=gettext_lazy("Email address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    name = NameField(
        required=False,
        max_length=User._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_staff = forms.BooleanField(label=gettext_lazy("Support staff"), required=False)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(IS_THERE)
        return email
