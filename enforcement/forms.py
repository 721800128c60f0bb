"""The forms of this app."""

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
