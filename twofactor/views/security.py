"""The person's own page about factors and sessions, and what it leads to."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import session_state, sessions, signin, sso
from accounts.models import User
from accounts.pages import say_not_done
from accounts.purposes import Fresh, Purpose, serves
from accounts.session_state import FactorKind
from twofactor import backup_codes as codes_of
from twofactor import devices, enrolment
from twofactor.models import BackupCodeSet
from twofactor.views import answers, confirming, setup
from twofactor.views.reauthentication import to_reauthentication

METHODS = {"app", "text"}


@serves(Purpose.MEMBER)
@never_cache
@require_http_methods(["GET", "HEAD"])
def security(request: HttpRequest) -> HttpResponse:
    """My method, codes left, my sessions."""
    now = timezone.now()
    user = answers.person_of(request)
    is_enrolled = devices.can_verify(user)
    context = {
        "is_enrolled": is_enrolled,
        "is_set_aside": user.pass_until is not None and devices.has_device(user),
        "may_set_up": setup.is_invited_to(request, user, now=now),
        "through": sso.passed(request),
        "sessions": _sessions(request, user, now=now),
        **(_devices(user, now=now) if is_enrolled else {}),
    }
    return answers.page(request, "security", context)


def _devices(user: User, *, now: datetime) -> dict[str, Any]:
    left = codes_of.codes_left(user)
    return {
        "app": devices.app_of(user),
        "phone": devices.phone_of(user),
        "codes_left": left,
        "few_left": left <= codes_of.FEW,
        "codes": BackupCodeSet.objects.filter(user=user).first(),
        "may_remove": enrolment.may_remove(user, now=now),
    }


def _sessions(request: HttpRequest, user: User, *, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "session": each,
            "handle": sessions.handle_of(each),
            "is_this_one": each.session_key == request.session.session_key,
        }
        for each in sessions.live_sessions(user, now=now)
    ]


@serves(Purpose.MEMBER)
@never_cache
@require_http_methods(["GET", "HEAD"])
def device_replace(request: HttpRequest) -> HttpResponse:
    """After a sign-in by backup code: replace the lost device, or later."""
    later = signin.safe_next(request, request.GET.get("next", ""))
    user = answers.person_of(request)
    if not devices.can_verify(user):  # nothing counts that could be replaced: on a pass, say
        return HttpResponseRedirect(f"{reverse('setup')}?{urlencode({'next': later})}")
    context = {
        "later": later,
        "codes_left": codes_of.codes_left(user),
        "came_by_code": session_state.last_factor(request) is FactorKind.BACKUP,
    }
    return answers.page(request, "device_replace", context)


@serves(Purpose.MEMBER, fresh=Fresh.FACTOR)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def device_remove(request: HttpRequest, method: str) -> HttpResponse:
    """Take one device away: asks on GET, acts on POST."""
    if method not in METHODS:
        raise Http404
    now = timezone.now()
    user = answers.person_of(request)
    if request.method != "POST":
        context = {"method": method, "may_remove": enrolment.may_remove(user, now=now)}
        return answers.page(request, "device_remove", context)
    stamp_read = session_state.proved_under(request)
    try:
        enrolment.remove(user, method=method, stamp_read=stamp_read, now=now)
    except enrolment.LastDevice:
        messages.error(request, _("Your last device can't be removed. Replace it instead."))
    except enrolment.NotEnrolled:
        messages.error(request, _("There is no such device to remove."))
    except enrolment.StartOver:
        return answers.start_over(request)
    else:
        verified = devices.has_device(user)
        session_state.adopt(request, user=user, was=stamp_read, verified=verified, now=now)
        messages.success(request, _("The device was removed."))
    return HttpResponseRedirect(reverse("security"))


@serves(Purpose.MEMBER)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def backup_codes(request: HttpRequest) -> HttpResponse:
    """Tick that the codes are saved, or make new ones. A GET makes none and shows none."""
    now = timezone.now()
    user = answers.person_of(request)
    if request.POST.get("new") == "on":
        return _new_codes(request, user, now=now)
    if request.POST.get("saved") == "on":
        codes_of.mark_saved(user, now=now)
        return HttpResponseRedirect(signin.safe_next(request, request.POST.get("next", "")))
    if request.method == "POST":
        messages.error(request, _("Nothing was changed. Press one of the buttons below."))
    if not devices.can_verify(user):
        return HttpResponseRedirect(reverse("security"))  # which says what became of them
    codes = BackupCodeSet.objects.filter(user=user).first()
    context = {"code_set": codes, "codes_left": codes_of.codes_left(user)}
    return answers.page(request, "backup_codes_about", context)


def _new_codes(request: HttpRequest, user: User, *, now: datetime) -> HttpResponse:
    """Make new codes for who proved within ten minutes who is there."""
    is_fresh = session_state.is_fresh(
        request, Fresh.FACTOR, stamp=user.stamp, has_device=devices.can_verify(user), now=now
    )
    if not is_fresh:
        say_not_done(request)
        return to_reauthentication(request, reverse("backup_codes"))
    stamp_read = session_state.proved_under(request)
    try:
        codes = enrolment.new_codes(user, stamp_read=stamp_read, now=now)
    except enrolment.NotEnrolled:
        messages.error(request, _("Set up a device first: codes alone are no second factor."))
        return HttpResponseRedirect(reverse("setup"))
    except enrolment.StartOver:
        return answers.start_over(request)
    session_state.adopt(request, user=user, was=stamp_read, verified=True, now=now)
    return confirming.codes_page(request, codes, next_url=reverse("security"))
