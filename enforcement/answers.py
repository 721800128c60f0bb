"""How a refusal looks: a redirect for a page, JSON for anything else."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import signin
from accounts.models import EndReason, Provider
from accounts.pages import is_page as is_page  # those who refuse ask for both here
from accounts.pages import say_not_done
from enforcement import visitor

CODES = {
    EndReason.DEADLINE: "signed_out_deadline",
    EndReason.PASS_ENDED: "signed_out_pass_ended",
    EndReason.CODE_NEEDED: "code_required",
}
SIGN_IN_REQUIRED = ("sign_in_required", _("Sign in first."))
REAUTHENTICATION = ("reauthentication_required", _("Confirm that it is you first."))


def next_of(request: HttpRequest) -> str:
    """Return where to go on afterwards: the page for a GET; a form is not sent again.

    A script's own address is no page: what a person comes back to is the page it ran in.
    """
    if not is_page(request):
        return _page_around(request)
    return request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("home")


def _page_around(request: HttpRequest) -> str:
    """Return the page of this site that a background request came from, as its browser says."""
    try:
        scheme, host, *rest = urlsplit(request.META.get("HTTP_REFERER", ""))
    except ValueError:
        return reverse("home")
    if (scheme, host) != (request.scheme, request.get_host()):
        return reverse("home")
    path, query, _ = rest
    return signin.safe_next(request, urlunsplit(("", "", path, query, "")))


def to_sign_in(request: HttpRequest, *, ended: EndReason | None) -> HttpResponse:
    """Refuse: send a page to sign-in, tell a background request why."""
    if ended is None:
        code, detail = SIGN_IN_REQUIRED
        return refuse(request, reverse("login"), code=code, detail=detail)
    if is_page(request) and request.method == "POST":
        messages.warning(request, _("What you just sent was not saved."))
    told = _("You were signed out: %(why)s.") % {"why": ended.label}
    return refuse(request, reverse("login"), code=CODES.get(ended, "signed_out"), detail=told)


def to_reauthentication(request: HttpRequest) -> HttpResponse:
    """Ask for fresh proof, and lead on from it: after a form's answer to the page of the form."""
    code, detail = REAUTHENTICATION
    if is_page(request) and request.method == "POST":
        say_not_done(request)
        query = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('reauthenticate')}?{query}")
    return refuse(request, reverse("reauthenticate"), code=code, detail=detail)


def to_provider(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Refuse what opens only to sessions that passed ``provider``; the session lives on."""
    path, next_url = reverse("sso_start", args=[provider.slug]), next_of(request)
    if is_page(request):
        email = visitor.of(request).signed_in_person().email
        context = {
            "provider": provider,
            "url": f"{path}?{urlencode({'next': next_url})}",
            "outside": email if provider.account.is_outside(email) else "",
        }
        return render(request, "accounts/sso_required.html", context, status=403)
    return refuse(request, path, code="sso_required", detail=_("Come in through single sign-on."))


def refuse(request: HttpRequest, path: str, *, code: str, detail: str | Promise) -> HttpResponse:
    url = f"{path}?{urlencode({'next': next_of(request)})}"
    if is_page(request):
        return HttpResponseRedirect(url)
    response = JsonResponse({"code": code, "detail": str(detail), "url": url}, status=401)
    response["Cache-Control"] = "no-store"
    return response
