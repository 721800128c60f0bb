"""The password step, signing out, and the password reset."""

from typing import Any

from django.contrib.auth import logout as end_session
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from accounts import audit, links, passwords, signin, sso, throttle
from accounts.audit import Event
from accounts.client import address_of
from accounts.emails import domain_of
from accounts.forms import LoginForm, ResetForm
from accounts.models import User
from accounts.pages import too_many
from accounts.purposes import Purpose, serves
from accounts.throttle import TooMany

WRONG = _("That address and password don't belong together. Check both, and try again.")


@serves(Purpose.OPEN)
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """The first step: a right password leads on, within the same POST."""
    now = timezone.now()
    if request.user.is_authenticated and request.method != "POST":
        return HttpResponseRedirect(signin.safe_next(request, request.GET.get("next", "")))
    if request.method != "POST":
        form = LoginForm(initial={"next": request.GET.get("next", "")})
        return render(request, "accounts/login.html", {"form": form})
    form = LoginForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/login.html", {"form": form})
    given = form.cleaned_data
    try:
        user = signin.check_password(
            request, email=given["email"], password=given["password"], now=now
        )
    except TooMany as error:
        return too_many(request, "accounts/login.html", {"form": form}, error, now=now)
    except signin.PasswordStopped:
        return render(request, "accounts/password_stopped.html", status=403)
    except signin.WrongPassword:
        form.add_error(None, WRONG)
        # By the domain alone: whether anybody has the address is not looked at.
        offered = sso.ways(domain_of(given["email"]), given["next"])
        return render(request, "accounts/login.html", {"form": form, "ways": offered})
    signin.begin(request, user, next_url=given["next"], method="password", now=now)
    return signin.proceed(request)


@serves(Purpose.OPEN)
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End this browser's session; signing out of nothing is no error."""
    url = signin.safe_next(request, request.POST.get("next", ""))
    person, now = request.user, timezone.now()
    with transaction.atomic():
        if isinstance(person, User):
            audit.record(Event.SIGNED_OUT, actor=person, subject=person, now=now)
        end_session(request)
    return HttpResponseRedirect(url if url != reverse("home") else reverse("login"))


# Django keeps the choice in a cookie; a person's own language, once it is known who asks, wins.
language = serves(Purpose.OPEN)(require_POST(set_language))


@serves(Purpose.OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    """Ask for the mail; the answer is the same for every address."""
    form = ResetForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/password_reset.html", {"form": form})
    now = timezone.now()
    try:
        with throttle.place(throttle.of_resets(address_of(request)), now=now) as place:
            if passwords.ask_for_reset(email=form.cleaned_data["email"], now=now):
                place.keep()
    except TooMany as error:
        return too_many(request, "accounts/password_reset.html", {"form": form}, error, now=now)
    return redirect("password_reset_done")


@serves(Purpose.OPEN)
@require_http_methods(["GET", "HEAD"])
def password_reset_done(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_reset_done.html")


class ResetConfirmView(PasswordResetConfirmView):
    """Django's flow; the token leaves the address before the page is shown. Signs nobody in."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("password_reset_complete")
    post_reset_login = False

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(*args, **kwargs)
        # A good link is answered by a redirect that takes the token out of the address.
        is_refused = not self.validlink and not isinstance(response, HttpResponseRedirect)
        if is_refused and kwargs["token"] != self.reset_url_token:
            links.note_guess(self.request)
        return response

    def get_user(self, uidb64: str) -> User | None:
        """A link that was mailed before its person was deactivated opens nothing; nor does one
        that was mailed before the person's provider came to be the only way in."""
        found = super().get_user(uidb64)
        if not isinstance(found, User) or not found.is_active:
            return None
        return None if passwords.provider_instead(found) else found

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        now = timezone.now()
        user = form.user
        try:
            passwords.reset_password(
                user=user, password=form.cleaned_data["new_password1"], now=now
            )
        except passwords.LinkUsed:
            # The same page as for any link that no longer works.
            self.validlink = False
            return self.render_to_response(self.get_context_data(form=None))
        self.request.session.flush()
        return HttpResponseRedirect(str(self.success_url))


password_reset_confirm = serves(Purpose.OPEN)(links.guarded(ResetConfirmView.as_view()))


@serves(Purpose.OPEN)
@require_http_methods(["GET", "HEAD"])
def password_reset_complete(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_reset_complete.html")
