"""Who is there? The password again, and the factor, before anything that matters."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.middleware.csrf import rotate_token
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import audit, keys, session_state, signin, sso
from accounts.audit import Event
from accounts.client import address_of
from accounts.models import User
from accounts.pages import page_at, posted_from
from accounts.purposes import Fresh, Purpose, freshness_of, serves
from accounts.session_state import FactorKind
from twofactor import devices, texts, typed
from twofactor.forms import FactorForm, PasswordForm, ReauthenticationForm
from twofactor.models import SentCode
from twofactor.redeem import CodeRejected, Kind, TooMany, redeemed
from twofactor.views import answers, texting

# Longer than any six digits with their spaces: what was typed is meant as a backup code.
BACKUP_FROM = 12


def to_reauthentication(request: HttpRequest, next_url: str) -> HttpResponse:
    return HttpResponseRedirect(_address(next_url))


def _address(next_url: str) -> str:
    return f"{reverse('reauthenticate')}?{urlencode({'next': next_url})}"


def _next(request: HttpRequest) -> str:
    return signin.safe_next(request, request.POST.get("next") or request.GET.get("next", ""))


def _attempt(request: HttpRequest) -> str:
    """Name this browser's session, so that a texted code is good in no other."""
    return keys.mac("twofactor.attempt", request.session.session_key).hex()[:32]


def _wants_device(request: HttpRequest) -> bool:
    """Whether a backup code is not enough for the page that comes next.

    Whatever asks for fresh proof in the admin asks for a device; its views bear no mark.
    """
    page = page_at(_next(request))
    if page is None:
        return False
    return page.app_name == "admin" or freshness_of(page.func) in {Fresh.DEVICE, Fresh.STRONG}


def _form(request: HttpRequest, user: User, given: QueryDict | None, *, now: datetime) -> Any:
    form = _kind_of_form(request, user, now=now)(given)
    if isinstance(form, ReauthenticationForm) and _wants_device(request):
        form.ask_for_device()
    return form


def _kind_of_form(request: HttpRequest, user: User, *, now: datetime) -> type[PasswordForm]:
    if not devices.can_verify(user):
        return PasswordForm
    is_asked = session_state.passed_anew(request, stamp=user.stamp, now=now)
    return FactorForm if is_asked else ReauthenticationForm


@serves(Purpose.MEMBER)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: HttpRequest) -> HttpResponse:
    """Take the password, and a code from who has a device that verifies."""
    now = timezone.now()
    user = answers.person_of(request)
    form = _form(request, user, request.POST if request.method == "POST" else None, now=now)
    if not form.is_valid():
        return _page(request, user, form, now=now)
    try:
        return _check(request, user, form, now=now)
    except TooMany as error:
        return answers.throttled(request, error, now=now)


def _check(request: HttpRequest, user: User, form: PasswordForm, *, now: datetime) -> HttpResponse:
    """Check the password first: a wrong one spends no code."""
    if not _is_first_step_done(request, user, form, now=now):
        form.add_error("password", _("This is not your password."))
        return _page(request, user, form, now=now)
    if not isinstance(form, ReauthenticationForm):
        return _proved(request, user, factor=None, now=now)
    kind = _kind(request, user, now=now)
    if kind is Kind.BACKUP and _wants_device(request):
        form.add_error("code", _("A backup code is not enough for this. It was not used up."))
        return _page(request, user, form, now=now)
    purpose = SentCode.Purpose.REAUTHENTICATE if kind is Kind.TEXT else ""
    attempt = _attempt(request)
    given = answers.typed(request, user, kind, attempt=attempt, purpose=purpose, now=now)
    try:
        with redeemed(given, now=now):
            pass
    except CodeRejected as error:
        answers.explain(form, error, kind, wants_device=_wants_device(request))
        return _page(request, user, form, now=now)
    factor = FactorKind.BACKUP if kind is Kind.BACKUP else FactorKind.DEVICE
    return _proved(request, user, factor=factor, now=now)


def _is_first_step_done(
    request: HttpRequest, user: User, form: PasswordForm, *, now: datetime
) -> bool:
    """Whether the password was given, or the provider asked anew in its place."""
    if isinstance(form, FactorForm):
        return True
    return signin.is_own_password(request, user, form.cleaned_data["password"], now=now)


def _kind(request: HttpRequest, user: User, *, now: datetime) -> Kind:
    """Tell by its length whether a backup code was typed, and else which device is asked."""
    given = request.POST.get("code", "")
    if len(given) >= BACKUP_FROM and not _is_six_digits(given):
        return Kind.BACKUP
    own, purpose = devices.devices_of(user), SentCode.Purpose.REAUTHENTICATE
    attempt = _attempt(request)
    kind = texting.asked_kind(request, user, own, purpose=purpose, attempt=attempt, now=now)
    return kind or Kind.APP


def _is_six_digits(given: str) -> bool:
    try:
        typed.six_digits(given)
    except typed.InvalidForm:
        return False
    return True


def _proved(
    request: HttpRequest, user: User, *, factor: FactorKind | None, now: datetime
) -> HttpResponse:
    next_url = _next(request)
    request.session.cycle_key()
    rotate_token(request)
    stamp = user.stamp
    if factor and session_state.passed_anew(request, stamp=stamp, now=now):
        session_state.mark_factor(request, stamp=stamp, now=now, factor=factor)
    else:
        session_state.mark_proof(request, stamp=stamp, now=now, factor=factor)
    audit.record(Event.REAUTHENTICATED, actor=user, subject=user, after={"factor": factor}, now=now)
    return HttpResponseRedirect(next_url)


def _page(request: HttpRequest, user: User, form: PasswordForm, *, now: datetime) -> HttpResponse:
    phone = devices.phone_of(user) if devices.can_verify(user) else None
    context = {
        "form": form,
        "next_url": _next(request),
        "phone": phone,
        "next_text_at": texts.next_at(user, now=now) if phone else None,
        "ways": sso.ways_to_prove(request, _next(request)),
        "asks_password": "password" in form.fields,
        "wants_device": "code" in form.fields and _wants_device(request),
    }
    return answers.page(request, "reauthenticate", context)


@serves(Purpose.MEMBER)
@never_cache
@posted_from("reauthenticate")
def reauthenticate_text(request: HttpRequest) -> HttpResponse:
    """Text a code for this page."""
    now = timezone.now()
    user = answers.person_of(request)
    phone = devices.phone_of(user) if devices.can_verify(user) else None
    if phone is None:
        return to_reauthentication(request, _next(request))
    try:
        texts.send_code(
            user,
            phone,
            purpose=SentCode.Purpose.REAUTHENTICATE,
            attempt=_attempt(request),
            address=address_of(request),
            now=now,
        )
    except texting.NOT_TEXTED as error:
        messages.error(request, texting.words(error))
        empty = _form(request, user, None, now=now)
        response = _page(request, user, empty, now=now)
        return texting.with_wait(response, error, now=now)
    messages.success(request, _("We sent a text. It can take a minute to arrive."))
    return to_reauthentication(request, _next(request))
