"""The two devices, each confirmed by a code; the answer is the page with the ten backup codes."""

from dataclasses import replace
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import session_state
from accounts.client import address_of
from accounts.models import User
from accounts.pages import posted_from
from accounts.purposes import Fresh, Purpose, serves
from accounts.session_state import FactorKind
from twofactor import challenge, countries, devices, enrolment, setup_note, sms, texts, totp
from twofactor.forms import NO_TEXTS, CodeForm, FirstCodeForm, PhoneForm
from twofactor.models import SentCode, SMSDevice
from twofactor.phones import Phone
from twofactor.redeem import CodeRejected, Kind, TooMany, live_code
from twofactor.views import answers, setup, texting


def _kept_out(request: HttpRequest, user: User, *, now: datetime) -> HttpResponse | None:
    """Send away who may not set up, or has the mailbox still to prove."""
    if not setup.is_invited_to(request, user, now=now):
        return setup.not_invited(request)
    if setup.needs_mailbox(request, user, now=now):
        return HttpResponseRedirect(reverse("setup"))
    return None


def _attempt(request: HttpRequest, user: User, *, now: datetime) -> str:
    return setup_note.of(request, user, now=now).attempt


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def setup_app(request: HttpRequest) -> HttpResponse:
    """Show the secret as picture, link and text; take the code that proves it was read."""
    now = timezone.now()
    user = answers.person_of(request)
    kept_out = _kept_out(request, user, now=now)
    if kept_out is not None:
        return kept_out
    form = FirstCodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        form.is_valid()
        return _confirm(request, user, form, Kind.NEW_APP, now=now)
    return _app_page(request, user, form, now=now)


@sensitive_variables()
def _app_page(request: HttpRequest, user: User, form: CodeForm, *, now: datetime) -> HttpResponse:
    app = enrolment.begin_app(user, attempt=_attempt(request, user, now=now), now=now)
    secret = app.open_secret()
    uri = totp.provisioning_uri(secret, name=user.email)
    context = {
        "form": form,
        "secret": secret,
        "grouped": totp.grouped(secret),
        "uri": uri,
        "qr": totp.qr_svg(uri),
        "replaced": devices.app_of(user) if devices.can_verify(user) else None,
    }
    return answers.page(request, "setup_app", context)


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def setup_text(request: HttpRequest) -> HttpResponse:
    """Take a phone number and text a code to it."""
    now = timezone.now()
    user = answers.person_of(request)
    kept_out = _kept_out(request, user, now=now)
    if kept_out is not None:
        return kept_out
    if not countries.are_there():
        messages.error(request, NO_TEXTS)
        return HttpResponseRedirect(reverse("setup"))
    form = PhoneForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        return _text_number(request, user, form, now=now)
    return _number_page(request, user, form)


def _number_page(request: HttpRequest, user: User, form: PhoneForm) -> HttpResponse:
    replaced = devices.phone_of(user) if devices.can_verify(user) else None
    return answers.page(request, "setup_text", {"form": form, "replaced": replaced})


def _text_number(
    request: HttpRequest, user: User, form: PhoneForm, *, now: datetime
) -> HttpResponse:
    number: Phone = form.cleaned_data["number"]
    attempt = _attempt(request, user, now=now)
    device = enrolment.begin_phone(user, number, attempt=attempt, now=now)
    try:
        _send(request, user, device, attempt=attempt, now=now)
    except sms.Uncertain as error:
        # It may arrive all the same: its code is good, and the next page takes it.
        messages.warning(request, texting.words(error))
    except texting.NOT_TEXTED as error:
        if not _has_live_code(user, device, attempt=attempt, now=now):
            form.add_error("phone", texting.words(error))
            response = _number_page(request, user, form)
            return texting.with_wait(response, error, now=now)
        # The same number once more: its code is on the way, and the next page takes it.
        messages.warning(request, texting.words(error))
    return HttpResponseRedirect(reverse("setup_text_confirm"))


def _has_live_code(user: User, device: SMSDevice, *, attempt: str, now: datetime) -> bool:
    sent = live_code(user, purpose=SentCode.Purpose.SET_UP, attempt=attempt)
    return sent is not None and sent.device_id == device.pk and now < sent.expires_at


def _send(
    request: HttpRequest, user: User, device: SMSDevice, *, attempt: str, now: datetime
) -> None:
    enrolment.text_setup_code(user, device, attempt=attempt, address=address_of(request), now=now)


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@posted_from("setup_text_confirm")
def setup_text_send(request: HttpRequest) -> HttpResponse:
    """Text the code for the number once more."""
    now = timezone.now()
    user = answers.person_of(request)
    kept_out = _kept_out(request, user, now=now)
    if kept_out is not None:
        return kept_out
    attempt = _attempt(request, user, now=now)
    device = devices.pending_phone(user, attempt=attempt, now=now)
    if device is None:
        return HttpResponseRedirect(reverse("setup_text"))
    try:
        _send(request, user, device, attempt=attempt, now=now)
    except texting.NOT_TEXTED as error:
        form = CodeForm(data={})
        form.add_error(None, texting.words(error))
        response = _phone_page(request, user, form, now=now)
        return texting.with_wait(response, error, now=now)
    messages.success(request, _("We sent a text. It can take a minute to arrive."))
    return HttpResponseRedirect(reverse("setup_text_confirm"))


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def setup_text_confirm(request: HttpRequest) -> HttpResponse:
    """Take the code that was texted to the number being set up."""
    now = timezone.now()
    user = answers.person_of(request)
    kept_out = _kept_out(request, user, now=now)
    if kept_out is not None:
        return kept_out
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        form.is_valid()
        return _confirm(request, user, form, Kind.NEW_TEXT, now=now)
    return _phone_page(request, user, form, now=now)


def _phone_page(request: HttpRequest, user: User, form: CodeForm, *, now: datetime) -> HttpResponse:
    attempt = _attempt(request, user, now=now)
    device = devices.pending_phone(user, attempt=attempt, now=now)
    if device is None:
        return HttpResponseRedirect(reverse("setup_text"))
    sent = live_code(user, purpose=SentCode.Purpose.SET_UP, attempt=attempt)
    context = {
        "form": form,
        "phone": device,
        "is_lost": sent is not None and sent.state == SentCode.State.UNDELIVERED,
        "next_text_at": texts.next_at(user, now=now),
    }
    return answers.page(request, "setup_text_confirm", context)


def _confirm(
    request: HttpRequest, user: User, form: CodeForm, kind: Kind, *, now: datetime
) -> HttpResponse:
    """Confirm the device, let the person in or stay in, and show the codes this once."""
    pending = answers.pending_of(request)
    purpose = SentCode.Purpose.SET_UP if kind is Kind.NEW_TEXT else ""
    attempt = _attempt(request, user, now=now)
    given = answers.typed(request, user, kind, attempt=attempt, purpose=purpose, now=now)
    stamp_read = pending.stamp if pending else session_state.proved_under(request)
    try:
        confirmed = enrolment.confirm(given, stamp_read=stamp_read, now=now)
        next_url = _go_in(request, confirmed.user, was=stamp_read, now=now)
    except CodeRejected as error:
        answers.explain(form, error, kind)
        again = _app_page if kind is Kind.NEW_APP else _phone_page
        return again(request, user, form, now=now)
    except TooMany as error:
        return answers.throttled(request, error, now=now)
    except enrolment.StartOver:
        return answers.start_over(request)
    return codes_page(request, confirmed.codes, next_url=next_url, is_setup=True)


def _go_in(request: HttpRequest, user: User, *, was: str, now: datetime) -> str:
    """Sign in who was half-way, keep in who was in; return where to go on."""
    pending = answers.pending_of(request)
    if pending is not None:
        under_new = replace(pending, stamp=user.stamp)
        challenge.complete(request, under_new, verified=True, factor=FactorKind.DEVICE, now=now)
        # Who came by the mailed link was on the way here; set-up is behind them now.
        return reverse("home") if pending.next == reverse("setup") else pending.next
    next_url = setup_note.of(request, user, now=now).next or reverse("home")
    setup_note.drop(request.session)
    session_state.adopt(request, user=user, was=was, verified=True, now=now)
    session_state.mark_proof(request, stamp=user.stamp, now=now, factor=FactorKind.DEVICE)
    return next_url


def codes_page(
    request: HttpRequest, codes: list[str], *, next_url: str, is_setup: bool = False
) -> HttpResponse:
    """Show ten codes, in this response and never again."""
    context = {"codes": codes, "next_url": next_url, "is_setup": is_setup}
    return answers.page(request, "backup_codes", context)
