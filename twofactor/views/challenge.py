"""The second step of a sign-in: a code from the app or a text, or a backup code."""

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import signin
from accounts.client import address_of
from accounts.models import User
from accounts.pages import posted_from
from accounts.purposes import Purpose, serves
from accounts.session_state import FactorKind
from accounts.signin import Pending
from twofactor import challenge, devices, enrolment, texts
from twofactor.budget import failures_of
from twofactor.devices import Devices
from twofactor.forms import BackupCodeForm, CodeForm
from twofactor.models import SentCode, SentState
from twofactor.redeem import CodeRejected, Kind, TooMany, Void, is_void, live_code, redeemed
from twofactor.views import answers, texting

FACTOR_OF = {Kind.BACKUP: FactorKind.BACKUP}


def half_way(request: HttpRequest) -> tuple[Pending, User]:
    """Return the sign-in that the gate let through to a code page, and its person."""
    return request.pending, request.pending_user  # type: ignore[attr-defined]


@serves(Purpose.CHALLENGE)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for a code of the app or of a text."""
    now = timezone.now()
    pending, user = half_way(request)
    own, purpose = devices.devices_of(user), SentCode.Purpose.SIGN_IN
    kind = texting.asked_kind(request, user, own, purpose=purpose, attempt=pending.attempt, now=now)
    if kind is None:
        return HttpResponseRedirect(reverse("recovery"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return code_page(request, form, kind, own, now=now)
    form.is_valid()
    return _try(request, form, kind, own, now=now)


def _try(
    request: HttpRequest,
    form: CodeForm | BackupCodeForm,
    kind: Kind,
    own: Devices,
    *,
    now: datetime,
) -> HttpResponse:
    """Redeem what was typed and let the person in, or say why not on the same page."""
    pending, user = half_way(request)
    purpose = SentCode.Purpose.SIGN_IN if kind is Kind.TEXT else ""
    typed = answers.typed(request, user, kind, attempt=pending.attempt, purpose=purpose, now=now)
    given = replace(typed, begun_at=pending.entered_at)
    factor = FACTOR_OF.get(kind, FactorKind.DEVICE)
    try:
        with redeemed(given, now=now):
            challenge.complete(request, pending, verified=True, factor=factor, now=now)
    except CodeRejected as error:
        answers.explain(form, error, kind)
        if kind is Kind.BACKUP:
            return recovery_page(request, form, own)
        return code_page(request, form, kind, own, now=now)
    except TooMany as error:
        is_over = is_void(user, pending.entered_at, now=now)
        return answers.throttled(request, error, now=now, ends_sign_in=is_over)
    except Void:
        return _end(request)
    except challenge.StartOver:
        return answers.start_over(request)
    if kind is Kind.BACKUP:
        query = urlencode({"next": pending.next})
        return HttpResponseRedirect(f"{reverse('device_replace')}?{query}")
    return HttpResponseRedirect(pending.next)


def _end(request: HttpRequest) -> HttpResponse:
    """End a sign-in in which no code counts any more."""
    pending, _user = half_way(request)
    signin.drop(request)
    messages.error(request, _("Too many wrong codes were typed. Please sign in again."))
    return HttpResponseRedirect(signin.begin_again_url(pending))


def _over(request: HttpRequest, user: User, *, now: datetime) -> HttpResponse:
    """Say that this sign-in has ended, and while another would not help either, until when."""
    try:
        failures_of(user, now=now).check(now=now)
    except TooMany as error:
        return answers.throttled(request, error, now=now, ends_sign_in=True)
    return _end(request)


def code_page(
    request: HttpRequest,
    form: CodeForm | BackupCodeForm,
    kind: Kind,
    own: Devices,
    *,
    now: datetime,
) -> HttpResponse:
    pending, user = half_way(request)
    sent = live_code(user, purpose=SentCode.Purpose.SIGN_IN, attempt=pending.attempt)
    context = {
        "form": form,
        "method": "text" if kind is Kind.TEXT else "app",
        "has_app": own.app is not None,
        "phone": own.phone,
        "was_texted": sent is not None,
        "is_lost": sent is not None and sent.state == SentState.UNDELIVERED,
        "next_text_at": texts.next_at(user, now=now) if own.phone else None,
    }
    return answers.page(request, "verify", context)


@serves(Purpose.CHALLENGE)
@never_cache
@posted_from("verify")
def verify_text(request: HttpRequest) -> HttpResponse:
    """Text a code for this sign-in."""
    now = timezone.now()
    pending, user = half_way(request)
    if is_void(user, pending.entered_at, now=now):
        return _over(request, user, now=now)
    own = devices.devices_of(user)
    if own.phone is None:
        return HttpResponseRedirect(reverse("verify"))
    form = CodeForm(data={})
    try:
        texts.send_code(
            user,
            own.phone,
            purpose=SentCode.Purpose.SIGN_IN,
            attempt=pending.attempt,
            address=address_of(request),
            now=now,
        )
    except texting.NOT_TEXTED as error:
        form.add_error(None, texting.words(error))
        response = code_page(request, form, Kind.TEXT, own, now=now)
        return texting.with_wait(response, error, now=now)
    messages.success(request, _("We sent a text. It can take a minute to arrive."))
    return HttpResponseRedirect(f"{reverse('verify')}?method=text")


@serves(Purpose.CHALLENGE)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def recovery(request: HttpRequest) -> HttpResponse:
    """Ask for a backup code."""
    _pending, user = half_way(request)
    own = devices.devices_of(user)
    form = BackupCodeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return recovery_page(request, form, own)
    form.is_valid()
    return _try(request, form, Kind.BACKUP, own, now=timezone.now())


def recovery_page(
    request: HttpRequest, form: CodeForm | BackupCodeForm, own: Devices
) -> HttpResponse:
    context = {"form": form, "is_blocked": own.app is not None and own.app.is_blocked}
    return answers.page(request, "recovery", context)


@serves(Purpose.CANCEL)
@never_cache
@require_POST
def login_cancel(request: HttpRequest) -> HttpResponse:
    """Forget a half-finished sign-in and what was being set up in it."""
    pending = answers.pending_of(request)
    if pending is None:
        return HttpResponseRedirect(reverse("home"))
    enrolment.discard(answers.person_of(request), attempt=pending.attempt)
    signin.drop(request)
    request.session.flush()
    return HttpResponseRedirect(reverse("login"))
