"""The forms of this app."""

from django import forms

from accounts.forms import WordsField


class AskForm(forms.Form):
    message = WordsField(
        label="What happened?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="It helps whoever decides to know you. Never put a password or a code in it.",
    )
