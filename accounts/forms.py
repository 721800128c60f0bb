"""The forms of this app. Field names are part of the stable surface."""

from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm as DjangoPasswordChangeForm
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import words
from accounts.emails import LONGEST_EMAIL, canonical_email
from accounts.models import Membership, Role, User
from accounts.widgets import LongSelect

SEVERAL = 2
LONGEST_PASSWORD = 4096  # more costs a hash's time for nothing (CWE-400)
CONTINENTS = (
    "Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/",
    "Pacific/",
)  # fmt: skip


class EmailField(forms.EmailField):
    """An address in the one spelling that is stored."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", LONGEST_EMAIL)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return canonical_email(str(super().to_python(value) or ""))


class NameField(forms.CharField):
    """One line of what can be seen: a name stands in mails to others and in lists of support."""

    def to_python(self, value: Any) -> str:
        return words.one_line(str(super().to_python(value) or ""))


class WordsField(forms.CharField):
    """Lines of what can be seen: a message or a reason is read by others, in mails and lists."""

    def to_python(self, value: Any) -> str:
        return words.lines(str(super().to_python(value) or ""))


class NextField(forms.Field):
    """Where to go on. Nobody sees it, so it is never wrong: ``safe_next`` drops what is no page."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> str:
        return str(value or "")


class LoginForm(forms.Form):
    email = EmailField(
        label=gettext_lazy("Email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    next = NextField()


class ProviderForm(forms.Form):
    """Whose identity provider signs this address in?"""

    email = EmailField(
        label=gettext_lazy("Work email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    next = NextField()


class SignInPasswordForm(forms.Form):
    """The password of a sign-in whose address is known."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class InviteForm(forms.Form):
    email = EmailField(
        label=gettext_lazy("Email address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.MEMBER)

    def __init__(self, *args: Any, may_make_owner: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_make_owner:
            choices = [choice for choice in Role.choices if choice[0] != Role.OWNER]
            self.fields["role"].choices = choices  # type: ignore[attr-defined]

    @property
    def roles(self) -> list[tuple[str, str]]:
        """The roles that this person may give."""
        return list(self.fields["role"].choices)  # type: ignore[attr-defined]


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


@cache
def places() -> list[str]:
    """Return the time zones that are named after a place; the others are spellings of old."""
    named = {zone for zone in available_timezones() if zone.startswith(CONTINENTS)}
    return ["UTC", *sorted(named)]


def _zones(*names: str) -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in names]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    name = NameField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Mails and pages tell times in it."),
        choices=_zones(*places()),
        widget=LongSelect,
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.time_zone
        if kept not in places():
            self.fields["time_zone"].choices = _zones(kept, *places())  # type: ignore[attr-defined]


class EmailChangeForm(forms.Form):
    """A new address for everything, or for one membership of a person who has several."""

    EVERYWHERE = "all"

    email = EmailField(
        label=gettext_lazy("New email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("What is it for?"),
        required=False,
        widget=forms.RadioSelect,
        initial=EVERYWHERE,
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = person.memberships.select_related("account").order_by("account__name")
        self.memberships = {membership.account.slug: membership for membership in mine}
        if len(self.memberships) < SEVERAL:
            del self.fields["scope"]
            return
        # An account of that short name, from before it was reserved, can't be told from the answer.
        self.memberships.pop(self.EVERYWHERE, None)
        alone = _("Move only my place in %(account)s to it")
        choices = [(self.EVERYWHERE, _("Change my address everywhere"))]
        choices += [
            (slug, words.filled(alone, account=membership.account))
            for slug, membership in self.memberships.items()
        ]
        self.fields["scope"].choices = choices  # type: ignore[attr-defined]

    @property
    def membership(self) -> Membership | None:
        """The membership that alone is to move; None where the address changes everywhere."""
        return self.memberships.get(self.cleaned_data.get("scope", ""))


class PasswordChangeForm(DjangoPasswordChangeForm):
    """Django's form: the old password, and the new one twice."""

    def __init__(self, user: User, data: Any = None, *, is_password: Callable[[str], bool]) -> None:
        super().__init__(user, data)
        self.is_password = is_password

    def clean_old_password(self) -> str:
        """Ask as every door does: within the budget of wrong passwords."""
        given: str = self.cleaned_data["old_password"]
        if not self.is_password(given):
            raise forms.ValidationError(
                self.error_messages["password_incorrect"], code="password_incorrect"
            )
        return given


class NewPersonForm(forms.Form):
    """Who comes by an invitation and has no sign-in yet."""

    name = NameField(
        label=gettext_lazy("Your name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Choose a password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("password"):
            person = User(email=self.email, name=cleaned.get("name", ""))
            try:
                validate_password(cleaned["password"], person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


class ResetForm(forms.Form):
    email = EmailField(
        label=gettext_lazy("Email address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class DeleteForm(forms.Form):
    """Deleting asks for nothing but the press of the button; the gate asked for fresh proof."""
