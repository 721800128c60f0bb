"""What providers answer, by the protocol of each, and what they are told about us."""

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from accounts import oidc, saml, sso, sso_attempts, sso_trial, throttle
from accounts.claims import Claims
from accounts.models import Protocol, Provider, SSOPurpose
from accounts.purposes import Purpose, serves
from accounts.sso_attempts import redirect_uri
from accounts.sso_steps import Failed, Note, unnoted
from accounts.views.sso import counted, for_provider, provider_of, told


# The provider's site posts here, so there is no token of ours; what is posted is good only in the
# browser whose way it answers, which the way's own mark shows.
@csrf_exempt
@serves(Purpose.OPEN)
@never_cache
@counted(throttle.of_answers)
@require_http_methods(["GET", "POST"])
@for_provider
def callback(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    """The provider's answer: used once, checked, and only then believed."""
    answered, method = _by_saml, "POST"
    if provider.protocol == Protocol.OIDC:
        answered, method = _by_oidc, "GET"
    if request.method != method:
        return HttpResponseNotAllowed([method])
    try:
        return answered(request, provider, now=now)
    except Failed as error:
        raise told(provider, error) from error


def _by_oidc(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    state = request.GET.get("state", "")
    attempt = sso.claim(request, provider, state, now=now)
    secrets = sso_attempts.secrets_of(attempt, state)

    def read(note: Note) -> Claims:
        given, back = request.GET.dict(), redirect_uri(provider)
        return oidc.claims_of(provider, given, secrets, redirect_uri=back, now=now, note=note)

    if attempt.purpose == SSOPurpose.TEST:
        return sso_trial.finish(request, provider, read, now=now)
    return sso.come_in(request, provider, read(unnoted), attempt, now=now)


def _by_saml(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    """An answer that another site posts comes without our cookies, which are SameSite=Lax.

    It is sent once more, by a page of our own: nothing is read, stored or set before. With
    SameSite=None in their place, any site's posts would carry the session.
    """
    given, relay_state = (request.POST.get(name, "") for name in ("SAMLResponse", "RelayState"))
    if settings.SSO_COOKIE_NAME not in request.COOKIES and "again" not in request.POST:
        fields = {"SAMLResponse": given[: saml.LARGEST + 1], "RelayState": relay_state[:2000]}
        return render(request, "accounts/sso_continue.html", {"fields": fields})
    try:
        saml.check_relay_state(request, relay_state)
        answer = saml.read(provider, given, now=now)
    except Failed as error:
        # What can't be read does not say which way it answers; a test is under way, or none.
        if not sso_trial.is_under_way(request, provider, now=now):
            raise
        return sso_trial.fail(request, provider, error, now=now)
    attempt = sso.claim(request, provider, answer.state, now=now)
    saml.remember(provider, answer.assertion_id, now=now)
    if attempt.purpose == SSOPurpose.TEST:
        return sso_trial.finish(request, provider, answer.read, now=now)
    return sso.come_in(request, provider, answer.claims, attempt, now=now)


@serves(Purpose.OPEN)
@require_GET
def metadata(request: HttpRequest, slug: str) -> HttpResponse:
    """What the provider's administrators enter about us."""
    provider = provider_of(slug)
    if provider.protocol != Protocol.SAML or not provider.is_live:
        raise Http404
    return HttpResponse(saml.metadata(provider), content_type="application/samlmetadata+xml")
