"""The forms by which support enters a provider. What is wrong stands beside its field.

``accounts.providers`` looks at everything again, under its locks. A secret is never filled in
again, whatever else has to be: it goes in, and comes out on no page.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import certificates, provider_checks, provider_entry
from accounts.forms import NameField
from accounts.models import Account, Protocol, Provider
from accounts.providers import Details, NotValid, Origin
from enforcement.admin_forms import DomainsField, reason_field

CERTIFICATES_LENGTH = 20_000
REASON_HELP = _("Which owner asked for it, and how you know. The owners get to read it.")


def _plain(rows: int = 0) -> dict[str, Any]:
    """Return what keeps a browser from filling in, correcting or marking a name."""
    plain: dict[str, Any] = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
    return {**plain, "rows": rows} if rows else plain


class EndForm(forms.Form):
    """Switched off, cut off, unlinked: nothing but the reason is asked."""

    reason = reason_field(help_text=REASON_HELP)


class SecretForm(EndForm):
    secret = forms.CharField(
        label=_("Client secret"),
        max_length=provider_entry.SECRET_LENGTH,
        help_text=_("As the provider shows it. It is stored sealed, and never shown again."),
        widget=forms.PasswordInput(attrs=_plain() | {"autocomplete": "new-password"}),
    )
    field_order: tuple[str, ...] = ("secret", "reason")


class DetailsForm(EndForm):
    """What both protocols have, and what can change."""

    protocol = Protocol.OIDC
    name = NameField(
        label=_("Name"),
        max_length=provider_entry.NAME_LENGTH,
        help_text=_("As the button on the sign-in page says: “Sign in with …”."),
        widget=forms.TextInput(attrs=_plain()),
    )
    email_domains = DomainsField(
        label=_("Email domains"),
        help_text=_(
            "Domains that are the account's own, one a line. The provider speaks for addresses in "
            "these, and for no others. Make sure that they are the account's."
        ),
    )
    allow_creation = forms.BooleanField(
        label=_("New people may come in"),
        required=False,
        help_text=_(
            "Whoever the provider vouches for, with an address in these domains, becomes a member "
            "without an invitation."
        ),
    )
    is_required = forms.BooleanField(
        label=_("Everybody must come through it"),
        required=False,
        help_text=_("The account's pages open to nobody else, except to its owners."),
    )

    def __init__(
        self, *args: Any, account: Account, stored: Provider | None, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.account, self.stored, self.now = account, stored, now

    def clean_email_domains(self) -> list[str]:
        domains: list[str] = self.cleaned_data["email_domains"]
        _checked(lambda: provider_checks.check_domains(self.account, domains))
        return domains

    def details(self) -> Details:
        given = {"client_id", "sso_url", "certificates"} & self.fields.keys()
        return Details(
            name=self.cleaned_data["name"],
            email_domains=self.cleaned_data["email_domains"],
            allow_creation=self.cleaned_data["allow_creation"],
            is_required=self.cleaned_data["is_required"],
            **{name: self.cleaned_data[name] for name in given},
        )

    def add_refusal(self, error: NotValid) -> None:
        """Tell what the use case found wrong beside its field."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


class OIDCForm(DetailsForm):
    client_id = NameField(
        label=_("Client ID"),
        max_length=provider_entry.CLIENT_ID_LENGTH,
        help_text=_("As the provider shows it for this application."),
        widget=forms.TextInput(attrs=_plain()),
    )
    field_order: tuple[str, ...] = (
        "name", "client_id", "email_domains", "allow_creation", "is_required", "reason",
    )  # fmt: skip


class SAMLForm(DetailsForm):
    protocol = Protocol.SAML
    sso_url = forms.CharField(
        label=_("Sign-in URL"),
        max_length=provider_checks.LONGEST,
        help_text=_("Where browsers are sent to sign in: the address for HTTP-Redirect."),
        widget=forms.URLInput(attrs=_plain()),
    )
    certificates = forms.CharField(
        label=_("Certificates"),
        max_length=CERTIFICATES_LENGTH,
        help_text=_(
            "By which the provider signs: the one in use, and below it the one to come, if they "
            "change over. From -----BEGIN CERTIFICATE----- to its end."
        ),
        widget=forms.Textarea(attrs=_plain(rows=8)),
    )
    field_order: tuple[str, ...] = (
        "name", "sso_url", "certificates", "email_domains", "allow_creation", "is_required",
        "reason",
    )  # fmt: skip

    def clean_sso_url(self) -> str:
        url: str = self.cleaned_data["sso_url"]
        _checked(lambda: provider_checks.check_sign_in_url(url))
        return url

    def clean_certificates(self) -> str:
        """Look at what is new alone; a private key that was pasted is not shown again."""
        text: str = self.cleaned_data["certificates"]
        if certificates.holds_private_key(text):
            self.data = {**self.data.dict(), "certificates": ""}  # type: ignore[attr-defined]
        if self.stored is None or text.split() != self.stored.certificates.split():
            _checked(lambda: provider_checks.checked_certificates(text, now=self.now))
        return text


class _OriginForm(DetailsForm):
    def clean_issuer(self) -> str:
        issuer: str = self.cleaned_data["issuer"]
        _checked(lambda: provider_checks.check_issuer(self.protocol, issuer))
        return issuer

    def origin(self) -> Origin:
        attribute = self.cleaned_data.get("subject_attribute", "")
        issuer = self.cleaned_data["issuer"]
        return Origin(protocol=self.protocol, issuer=issuer, subject_attribute=attribute)

    def given_secret(self) -> str:
        return str(self.cleaned_data.get("secret", ""))


class NewOIDCForm(OIDCForm, _OriginForm, SecretForm):
    issuer = forms.CharField(
        label=_("Issuer"),
        max_length=provider_checks.LONGEST,
        help_text=_(
            "The address that the provider calls itself by, exactly so: its discovery document "
            "has it behind “issuer”. It can't be changed later."
        ),
        widget=forms.URLInput(attrs=_plain()),
    )
    field_order: tuple[str, ...] = (
        "name", "issuer", "client_id", "secret", "email_domains", "allow_creation", "is_required",
        "reason",
    )  # fmt: skip


class NewSAMLForm(SAMLForm, _OriginForm):
    issuer = forms.CharField(
        label=_("Entity ID"),
        max_length=provider_checks.LONGEST,
        help_text=_("The provider's name, as its metadata has it. It can't be changed later."),
        widget=forms.TextInput(attrs=_plain()),
    )
    subject_attribute = NameField(
        label=_("Attribute that names a person"),
        required=False,
        max_length=provider_entry.ATTRIBUTE_LENGTH,
        help_text=_(
            "Empty where the NameID is persistent. Else the attribute that stays a person's for "
            "good, such as the employee's number; never an address. It can't be changed later."
        ),
        widget=forms.TextInput(attrs=_plain()),
    )
    field_order: tuple[str, ...] = (
        "name", "issuer", "sso_url", "certificates", "subject_attribute", "email_domains",
        "allow_creation", "is_required", "reason",
    )  # fmt: skip


CHANGE: dict[str, type[DetailsForm]] = {Protocol.OIDC: OIDCForm, Protocol.SAML: SAMLForm}
ADD: dict[str, type[_OriginForm]] = {Protocol.OIDC: NewOIDCForm, Protocol.SAML: NewSAMLForm}


def initial_of(account: Account, provider: Provider | None) -> dict[str, Any]:
    """Return what a form begins with: what is stored, without the secret."""
    domains = {"email_domains": account.email_domains}
    if provider is None:
        return domains
    return {**domains, **{name: getattr(provider, name) for name in provider_entry.FIELDS}}


def _checked(check: Callable[[], Any]) -> None:
    try:
        check()
    except NotValid as error:
        raise forms.ValidationError(str(error)) from None
