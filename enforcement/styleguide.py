"""Parts and mails to look at; routed with ``LOCAL_PAGES`` alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from csp.decorators import csp_update
from django import forms
from django.core.mail import EmailMultiAlternatives
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts import letters, mail
from accounts.mail import Kind
from accounts.models import EndReason
from accounts.purposes import Purpose, serves
from enforcement.context import Banner
from twofactor.forms import CodeField, MethodForm

HOUR = timedelta(hours=1)


FAULTS = ("400", "403", "403_csrf", "404", "500", "503")


class SampleForm(forms.Form):
    """One of each field that the pages use."""

    email = forms.EmailField(label="Email address", widget=forms.EmailInput)
    password = forms.CharField(
        label="Password", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    code = CodeField()
    country = forms.ChoiceField(label="Country", choices=[("US", "United States (+1)")])
    message = forms.CharField(
        label="What happened?",
        help_text="It helps whoever decides.",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    role = forms.ChoiceField(
        label="Role", choices=[("member", "Member"), ("owner", "Owner")], widget=forms.RadioSelect
    )
    saved = forms.BooleanField(label="I have saved my backup codes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.pop("autofocus")


def refused_form() -> SampleForm:
    """Return the fields as they look when nothing of it was right."""
    form = SampleForm(data={"code": "12345"}, prefix="refused")
    form.add_error("code", "A code has six digits. Type it as it is shown.")
    form.add_error(None, "That address and password don't belong together.")
    return form


SAMPLES: dict[str, Any] = {
    "account": "Northwind Films",
    "slug": "northwind",
    "policy": 0,
    "pass": 0,
    "actor_name": "Olivia Owner",
    "member_name": "Ada",
    "member_email": "ada@northwind.example",
    "inviter": "Olivia Owner",
    "reason": "Her phone fell into the sea.",
    "message": "My phone fell into the sea, and the codes were on it.",
    "trouble": "the text service refused us.",
    "addresses": ["ben@northwind.example"],
    "names": ["Ben", "Chloe"],
    "domains": ["northwind.example"],
    "must_act": 4,
    "ready": 2,
    "done": 4,
    "signed_out": 2,
    "left": 3,
    "few": True,
    "is_on": True,
    "has_device": True,
    "method": "authenticator app",
    "role": "admin",
    "old_role": "member",
    "old_address": "ada@personal.example",
    "new_address": "ada@northwind.example",
    "address": "192.0.2.7",
    "agent": "Firefox on Linux",
    "provider_name": "Northwind Login",
    "what": "changed",
    "fields": ["email_domains", "allow_creation"],
    "is_required": False,
    "allow_creation": True,
    "alarm": "failed_tries",
    "alarm_text": "1024 wrong passwords, codes or links within five minutes.",
    "count": 1024,
    "code": "20003",
    "who": "person 7",
}


def sample_context(*, now: datetime) -> dict[str, Any]:
    """Return every value that any mail asks for, as its row would hold it."""
    return {
        **SAMPLES,
        "deadline": (now + 24 * HOUR).isoformat(),
        "until": (now + 24 * HOUR).isoformat(),
        "expires": (now + 7 * 24 * HOUR).isoformat(),
        "ended": now.isoformat(),
        "at": now.isoformat(),
    }


def sample_mail(kind: Kind, *, now: datetime, **values: Any) -> EmailMultiAlternatives:
    """Return a mail of ``kind`` as Ada would get it, in the language that is active.

    Its links lead nowhere; ``values`` take the place of the row's own.
    """
    notice = mail.prepared(
        kind.name,
        to="ada@northwind.example",
        occasion="sample",
        context={"language": get_language(), **sample_context(now=now), **values},
        now=now,
    )
    notice.pk = 0
    here = letters.absolute("/styleguide/mail/")
    links = dict.fromkeys(
        (
            "setup_url",
            "url",
            "revoke_url",
            "account_url",
            "not_me_url",
            "email_url",
            "password_url",
        ),
        here,
    )
    made_up = {
        **links,
        "code": "012345",
        "person_name": values.get("person_name", "Ada"),
        "by_text": values.get("by_text", True),
        "is_ahead": values.get("is_ahead", True),
        "is_as_owed": values.get("is_as_owed", True),
    }
    return letters.build(notice, replace(kind, values=lambda *_: made_up), now=now)


def html_of(message: EmailMultiAlternatives) -> str:
    content, _ = message.alternatives[0]
    return str(content)


@serves(Purpose.OPEN)
@require_safe
def parts(request: HttpRequest) -> HttpResponse:
    """Show each part of the pages in each of its states."""
    now = timezone.now()
    banners = [
        Banner("window", "#", now + HOUR, accounts=("Northwind Films",), seconds_left=3600),
        Banner("factor", "#", now + HOUR, accounts=("Northwind Films",), seconds_left=3600),
        Banner("pass", "#", now + HOUR, seconds_left=3600),
        Banner(kind="codes", url="#"),
    ]
    context = {
        "untouched": SampleForm(),
        "refused": refused_form(),
        "methods": MethodForm(),
        "banners": banners,
        "endings": [reason for reason in EndReason.values if reason],
        "ended_by": ["Northwind Films"],
        "faults": FAULTS,
        "retry_at": now + HOUR,
        "ends_by_reset": True,
        "codes": ["RRE97E-7HHKMW-77PRYR", "QRJXAR-G9ACD7-7JJYTY"],
        "outcomes": ["ready", "exempt", "on_pass", "must_act", ""],
        "now": now,
    }
    return render(request, "enforcement/styleguide.html", context)


@serves(Purpose.OPEN)
@require_safe
def fault(request: HttpRequest, name: str) -> HttpResponse:
    """Show a page that nobody should have to see, as it looks when it has to be shown."""
    if name not in FAULTS:
        raise Http404
    return render(request, f"{name}.html")


@serves(Purpose.OPEN)
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """List every kind of mail with its text; each links to its HTML part."""
    now = timezone.now()
    kinds = sorted(mail.registered(), key=lambda kind: (kind.app, kind.name))
    shown = [(kind.name, sample_mail(kind, now=now)) for kind in kinds]
    return render(request, "enforcement/styleguide_mail.html", {"mails": shown})


@serves(Purpose.OPEN)
@csp_update({"style-src": ["'self'", "'unsafe-inline'"]})  # type: ignore[arg-type]
@require_safe
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """Show the HTML part of one mail; a mail carries its own style."""
    kind = next((kind for kind in mail.registered() if kind.name == name), None)
    if kind is None:
        raise Http404
    return HttpResponse(html_of(sample_mail(kind, now=timezone.now())))
