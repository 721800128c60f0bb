"""To an identity provider and back, for both protocols; each provider has a callback of its own.

A GET begins a way: it changes nothing but a row that names it, and what comes back is good only in
the browser that went. (A form would not do: what it posts may lead to no other site.)
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts import oidc, saml, signin, sso, sso_linking, throttle
from accounts.client import address_of
from accounts.emails import domain_of
from accounts.forms import ProviderForm, SignInPasswordForm
from accounts.models import Protocol, Provider, SSOPurpose
from accounts.pages import too_many
from accounts.purposes import Purpose, serves
from accounts.sso import Refused
from accounts.sso_admission import check_live
from accounts.sso_attempts import redirect_uri
from accounts.sso_steps import Failed, Step
from accounts.throttle import Bucket, TooMany
from accounts.words import filled

View = Callable[..., HttpResponse]
FORBIDDEN = 403


def provider_of(slug: str) -> Provider:
    """Return the provider whose place ``slug`` is, live or not.

    :raises Http404: if there never was one.
    """
    provider = Provider.objects.select_related("account").filter(slug=slug).first()
    if provider is None:
        raise Http404
    return provider


def for_provider(view: View) -> View:
    """Hand ``view`` the provider of its address; whom it refuses is told so, and a row written."""

    @wraps(view)
    def answer(request: HttpRequest, slug: str, **more: Any) -> HttpResponse:
        provider, now = provider_of(slug), timezone.now()
        try:
            check_live(provider)
            return view(request, provider, now=now, **more)
        except Refused as refused:
            return sso.refuse(request, provider, refused, now=now)

    return answer


def limited(request: HttpRequest, error: TooMany, *, now: datetime) -> HttpResponse:
    return too_many(request, "accounts/sso_throttled.html", {}, error, now=now)


@serves(Purpose.OPEN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """The address first: its domain, and nothing that is known of a person, tells the provider."""
    next_url = signin.safe_next(request, request.POST.get("next") or request.GET.get("next", ""))
    form = ProviderForm(request.POST or None, initial={"next": next_url})
    context: dict[str, Any] = {"form": form, "next_url": next_url}
    if request.method == "POST" and form.is_valid():
        domain = domain_of(form.cleaned_data["email"])
        context.update(asked=True, ways=sso.ways(domain, next_url))
    return render(request, "accounts/sso_choose.html", context)


@serves(Purpose.OPEN)
@never_cache
@require_GET
@for_provider
def start(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    return leave(request, provider, purpose=SSOPurpose.SIGN_IN, now=now)


@serves(Purpose.MEMBER)
@never_cache
@require_GET
@for_provider
def prove(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    """The same, to be asked anew by the provider that this session came through."""
    if provider.pk not in request.session.get("sso", []):
        raise Http404
    return leave(request, provider, purpose=SSOPurpose.PROVE, now=now)


def leave(
    request: HttpRequest, provider: Provider, *, purpose: SSOPurpose, now: datetime
) -> HttpResponse:
    """Send the browser to the provider, with a mark that it has to bring back."""
    try:
        with throttle.place(throttle.of_ways(address_of(request)), now=now) as place:
            place.keep()
    except TooMany as error:
        return limited(request, error, now=now)
    next_url = request.GET.get("next", "")
    way = sso.start(request, provider, purpose=purpose, next_url=next_url, now=now)
    url = sign_in_page(provider, way, proves=purpose is SSOPurpose.PROVE, now=now)
    response = HttpResponseRedirect(url)
    way.mark_browser(response)
    return response


def sign_in_page(provider: Provider, way: sso.Way, *, proves: bool, now: datetime) -> str:
    """Return where ``way`` leads, by the protocol of ``provider``.

    :raises Refused: where that can't be found.
    """
    try:
        if provider.protocol == Protocol.SAML:
            return saml.request_url(provider, way.state, proves=proves, now=now)
        return oidc.authorization_url(
            provider, way.secrets, redirect_uri=redirect_uri(provider), proves=proves, now=now
        )
    except Failed as error:
        raise told(provider, error) from error


def told(provider: Provider, error: Failed) -> Refused:
    """Return the refusal that a failed step is to the person: support sees which one it was."""
    code = f"{error.step}_{error.reason}"[:80]
    if error.step is Step.ANSWER and error.reason == "error":
        text = _("You did not finish signing in at %(provider)s, or it did not let you.")
    elif error.is_outage:
        text = _("%(provider)s can't be reached at the moment. Please try again in a minute.")
    else:
        text = _(
            "What %(provider)s answered can't be trusted, so nobody was signed in. If this happens"
            " again, tell whoever looks after it in your company."
        )
    return Refused(code, filled(text, provider=provider.name))


def counted(bucket: Callable[[str], Bucket]) -> Callable[[View], View]:
    """Let an address be refused so often in five minutes, and no oftener.

    Nothing is held meanwhile, as for a password: an answer can't be guessed, and a provider that is
    slow must not keep an office waiting in line.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            place, now = bucket(address_of(request)), timezone.now()
            try:
                throttle.check(place, now=now)
            except TooMany as error:
                return limited(request, error, now=now)
            response = view(request, *args, **kwargs)
            if response.status_code == FORBIDDEN:
                throttle.note_failure(place, now=now)
            return response

        return answer

    return mark


@serves(Purpose.OPEN)
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_provider
def link(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    """Ask for the password of the sign-in that has the address which the provider vouches for."""
    asked = sso_linking.read(request, provider, now=now)
    person = asked.admission(now=now).user
    form = SignInPasswordForm(request.POST or None)
    context = {"form": form, "provider": provider, "person": person}
    template = "accounts/sso_link.html"
    if request.method != "POST" or not form.is_valid():
        return render(request, template, context)
    try:
        return sso_linking.prove(request, asked, form.cleaned_data["password"], now=now)
    except TooMany as error:
        return too_many(request, template, context, error, now=now)
    except signin.PasswordStopped:
        return render(request, "accounts/password_stopped.html", status=403)
    except signin.WrongPassword:
        form.add_error("password", _("This is not the password of that sign-in."))
        return render(request, template, context)
