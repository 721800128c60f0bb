"""The forms of this app."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import WordsField


class AskForm(forms.Form):
    message = WordsField(
        label=_("What happened?"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("It helps whoever decides to know you. Never put a password or a code in it."),
    )


class VouchForm(AskForm):
    """Of who looks after the account: decides nothing, and tells how the wish came about."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["message"].help_text = _(
            "Support reads it, and whoever else looks after this account. "
            "Never put a password or a code in it."
        )
