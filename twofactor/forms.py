"""What people fill in on this app's pages. Whether a code is right is no question for a form."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.widgets import LongSelect
from twofactor import countries, phones

LABEL = _("Code")
NO_TEXTS = _("No texts are sent here. Use an authenticator app.")


class CodeField(forms.CharField):
    """Takes whatever was typed: ``redeem`` judges and counts it, emptiness and all."""

    default_validators: list[Any] = []

    def __init__(self, *, label: Any = LABEL, digits: bool = True, **kwargs: Any) -> None:
        attrs = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
        if digits:
            attrs["inputmode"] = "numeric"
        widget = forms.TextInput(attrs={**attrs, "autofocus": True, "size": 26})
        super().__init__(label=label, required=False, strip=False, widget=widget, **kwargs)
        self.validators = []  # also not against NUL bytes: they are a wrong code like any other


class CodeForm(forms.Form):
    code = CodeField()


class FirstCodeForm(CodeForm):
    """The code of an app that is being set up: what stands above the field is to be read first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.pop("autofocus")


class BackupCodeForm(forms.Form):
    code = CodeField(
        label=_("Backup code"),
        digits=False,
        help_text=_("Three groups of six letters and digits. Spaces and capitals do not matter."),
    )


class MethodForm(forms.Form):
    method = forms.ChoiceField(
        label=_("How do you want to get your codes?"),
        widget=forms.RadioSelect,
        initial="app",
        choices=[
            ("app", _("Authenticator app")),
            ("text", _("Text message")),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        method = self.fields["method"]
        if isinstance(method, forms.ChoiceField) and not countries.are_there():
            method.choices = [("app", _("Authenticator app"))]
            method.error_messages["invalid_choice"] = NO_TEXTS


class CountrySelect(LongSelect):
    """Tells ``site.js`` how the numbers of each country are written."""

    def option_attrs(self, value: str) -> dict[str, Any]:
        written = countries.written(value)
        return {f"data-{part}": text for part, text in written.items() if text}


class PhoneForm(forms.Form):
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        widget=CountrySelect(attrs={"autocomplete": "country"}),
    )
    phone = forms.CharField(
        label=_("Mobile number"),
        strip=True,
        widget=forms.TextInput(
            attrs={
                "type": "tel",
                "autocomplete": "tel",
                "inputmode": "tel",
                "size": 26,
                "autofocus": True,
                "data-country": "country",
            }
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        if isinstance(country, forms.ChoiceField):
            country.choices = countries.choices()
            country.initial = countries.default()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        given, country = values.get("phone"), values.get("country") or countries.default()
        if given:
            try:
                values["number"] = phones.parse(given, country=country)
            except phones.BadPhone as error:
                self.add_error("phone", str(error.message))
        return values


class PasswordForm(forms.Form):
    """For who has no factor to give."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class ReauthenticationForm(PasswordForm):
    code = CodeField(
        label=_("Code, or a backup code"),
        digits=False,
        help_text=_("From your authenticator app or a text; or one of your backup codes."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.pop("autofocus")

    def ask_for_device(self) -> None:
        """Drop what is said of backup codes: none of them is enough."""
        self.fields["code"].label = LABEL
        self.fields["code"].help_text = _("From your authenticator app or a text.")


class FactorForm(ReauthenticationForm):
    """For whom an identity provider has just asked anew: the factor alone is left to give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password"]
