"""Set-up: the mailbox, the method, the device, and the ten codes.

The same pages serve who is half-way in and must set up, who is in the window or on a pass, and
who is enrolled and adds or replaces a device.
"""

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import audit, links, signin, sso
from accounts.audit import Event
from accounts.client import address_of
from accounts.emails import masked
from accounts.models import Membership, User
from accounts.pages import clock_time, with_retry
from accounts.purposes import Fresh, Purpose, serves
from twofactor import devices, mailbox, setup_note
from twofactor.forms import CodeForm, MethodForm
from twofactor.models import SentCode
from twofactor.redeem import CodeRejected, Kind, TooMany, redeemed
from twofactor.views import answers

PAGES = {"app": "setup_app", "text": "setup_text"}


@serves(Purpose.OPEN)
@links.guarded
@never_cache
@require_http_methods(["GET", "HEAD"])
def setup_link(request: HttpRequest, token: str) -> HttpResponse:
    """The link in a mail: this browser's owner reads the mailbox. Nothing else is changed."""
    now = timezone.now()
    try:
        user = mailbox.read_link(token, now=now)
    except mailbox.LinkInvalid as error:
        if not isinstance(error, mailbox.LinkTooOld):
            links.note_guess(request)
        return answers.page(request, "link_invalid", status=410)
    if request.user.is_authenticated and request.user != user:
        return answers.page(request, "link_of_other", status=409)
    signin.note_link(request, user, now=now)
    pending = answers.pending_of(request)
    if pending is not None and pending.user_id == user.pk:
        signin.prove_mailbox(request, pending)
    if request.user.is_authenticated or pending is not None:
        return HttpResponseRedirect(reverse("setup"))
    messages.info(request, _("Sign in with your password to set up two-factor authentication."))
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': reverse('setup')})}")


def needs_mailbox(request: HttpRequest, user: User, *, now: datetime) -> bool:
    """Whether this set-up has yet to prove the mailbox.

    Who has a factor that verifies has just given it instead: the gate asked for it.
    """
    if not settings.TWO_FACTOR_MAILBOX_PROOF or devices.can_verify(user):
        return False
    if setup_note.of(request, user, now=now).mailbox_proved:
        return False
    return not signin.link_proves(request, user, now=now)


def is_invited_to(request: HttpRequest, user: User, *, now: datetime) -> bool:
    """Whether set-up is open to ``user``: asked for, under way, or free for all.

    Without self-service nobody sets up whom no account requires; an owner who could switch the
    requirement on is the one exception, and is offered it first.
    """
    obligation = getattr(request, "obligation", None)
    asked = obligation is not None and (obligation.must_act or obligation.is_on_pass)
    if not request.user.is_authenticated or asked or settings.TWO_FACTOR_SELF_SERVICE:
        return True
    if devices.can_verify(user) or setup_note.is_joining(request, user, now=now):
        return True
    owned = Membership.objects.owners().filter(user=user).select_related("account")
    return any(membership.account.can_require_two_factor for membership in owned)


def not_invited(request: HttpRequest) -> HttpResponse:
    return answers.page(request, "not_required", {"through": sso.passed(request)}, status=403)


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """Choose a method."""
    now = timezone.now()
    user = answers.person_of(request)
    if not is_invited_to(request, user, now=now):
        return not_invited(request)
    if request.GET.get("next"):
        next_url = signin.safe_next(request, request.GET["next"])
        setup_note.keep_next(request, user, next_url, now=now)
    form = MethodForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        method = form.cleaned_data["method"]
        if needs_mailbox(request, user, now=now):
            return _to_mailbox(request, user, method=method, now=now)
        return HttpResponseRedirect(reverse(PAGES[method]))
    context = {
        "form": form,
        "is_forced": answers.pending_of(request) is not None,
        "app": devices.app_of(user) if devices.can_verify(user) else None,
        "phone": devices.phone_of(user) if devices.can_verify(user) else None,
    }
    return answers.page(request, "setup", context)


def _to_mailbox(request: HttpRequest, user: User, *, method: str, now: datetime) -> HttpResponse:
    """Mail the code, unless one is on its way, and ask for it."""
    attempt = setup_note.of(request, user, now=now).attempt
    if not mailbox.was_sent(user, now=now):
        try:
            mailbox.send_code(user, attempt=attempt, address=address_of(request), now=now)
        except TooMany as error:
            return answers.throttled(request, error, now=now)
    return HttpResponseRedirect(f"{reverse('setup_mailbox')}?{urlencode({'method': method})}")


@serves(Purpose.ENROLMENT, fresh=Fresh.FACTOR)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def setup_mailbox(request: HttpRequest) -> HttpResponse:
    """Prove the mailbox by the code that was mailed to it."""
    now = timezone.now()
    user = answers.person_of(request)
    if not needs_mailbox(request, user, now=now):
        return HttpResponseRedirect(_after_mailbox(request))
    if request.method == "POST" and _asks_for_mail(request, user, now=now):
        return _send_again(request, user, now=now)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        form.is_valid()
        return _try_mailbox(request, user, form, now=now)
    return _mailbox_page(request, user, form, now=now)


def _asks_for_mail(request: HttpRequest, user: User, *, now: datetime) -> bool:
    """The button, or an empty answer to a question that was never mailed."""
    if request.POST.get("send") == "on":
        return True
    return not request.POST.get("code") and not mailbox.was_sent(user, now=now)


def _after_mailbox(request: HttpRequest) -> str:
    return reverse(PAGES.get(request.GET.get("method", ""), "setup"))


def _send_again(request: HttpRequest, user: User, *, now: datetime) -> HttpResponse:
    attempt = setup_note.of(request, user, now=now).attempt
    try:
        mailbox.send_code(user, attempt=attempt, address=address_of(request), now=now)
    except TooMany as error:
        form = CodeForm(data={})
        at = clock_time(error.retry_at)
        form.add_error(None, _("You can have another mail from %(at)s on.") % {"at": at})
        response = _mailbox_page(request, user, form, now=now)
        return with_retry(response, error.retry_at, now=now)
    messages.success(request, _("We mailed you a code. It can take a minute to arrive."))
    return HttpResponseRedirect(request.get_full_path())


def _try_mailbox(
    request: HttpRequest, user: User, form: CodeForm, *, now: datetime
) -> HttpResponse:
    note = setup_note.of(request, user, now=now)
    purpose = SentCode.Purpose.MAILBOX
    given = answers.typed(
        request, user, Kind.MAILBOX, attempt=note.attempt, purpose=purpose, now=now
    )
    try:
        with redeemed(given, now=now):
            audit.record(Event.MAILBOX_PROVED, actor=user, subject=user, now=now)
    except CodeRejected as error:
        answers.explain(form, error, Kind.MAILBOX)
        return _mailbox_page(request, user, form, now=now)
    except TooMany as error:
        return answers.throttled(request, error, now=now)
    setup_note.prove_mailbox(request, note)
    return HttpResponseRedirect(_after_mailbox(request))


def _mailbox_page(
    request: HttpRequest, user: User, form: CodeForm, *, now: datetime
) -> HttpResponse:
    context = {
        "form": form,
        "masked_email": masked(user.email),
        "was_sent": mailbox.was_sent(user, now=now),
        "next_mail_at": mailbox.next_at(user, now=now),
    }
    return answers.page(request, "setup_mailbox", context)
