"""The page on which support tries a provider, and reads how far it came.

Each step stands with what it found, or with what went wrong and what to mend.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import sso_trial
from accounts.models import Protocol, Provider
from accounts.purposes import Fresh
from accounts.sso_steps import Step
from accounts.sso_trial import Trial
from enforcement import admin_proof

TEMPLATE = "enforcement/admin/provider_test.html"
GO = "go"  # asks for a try; a link does, since what a form posts may lead to no other site
OIDC_TITLES: dict[str, str | Promise] = {
    Step.DISCOVERY: _("Discovery document"),
    Step.ISSUER: _("Issuer, as it was entered"),
    Step.ANSWER: _("Answer that the browser brings back"),
    Step.CODE: _("Tokens for the code"),
    Step.KEYS: _("Keys of the provider"),
    Step.SIGNATURE: _("Signature of the ID token"),
    Step.CLAIMS: _("ID token: for us, for now, for this test"),
    Step.USERINFO: _("Address and name of the person"),
}
SAML_TITLES: dict[str, str | Promise] = {
    Step.SETUP: _("Address to send the browser to"),
    Step.ANSWER: _("Answer that the browser brings back"),
    Step.SIGNATURE: _("Signature of the assertion"),
    Step.CLAIMS: _("Assertion: for us, for now, for this test"),
}
TITLES = {Protocol.OIDC: OIDC_TITLES, Protocol.SAML: SAML_TITLES}
# By step, or by step and reason: what to mend where it failed.
SAML_MEND: dict[str, str | Promise] = {
    Step.SETUP: _("The operator has to install what reads SAML: deploy/requirements-saml.txt."),
    Step.ANSWER: _(
        "Try again. If it comes back, the provider's administrator has to look at what it sends: a"
        " signed response to the ACS URL, by HTTP-POST, not encrypted."
    ),
    Step.SIGNATURE: _(
        "Compare the certificate with the provider's metadata, and “Change” it. The assertion"
        " itself has to be signed, with SHA-256. If nothing was changed there, somebody else may"
        " have answered in its place."
    ),
    Step.CLAIMS: _(
        "Compare entity ID and ACS URL with what the provider has, and its clock with the time."
        " What it sends of the person has to name the person for good, and to hold an address."
    ),
}
OIDC_MEND: dict[str, str | Promise] = {
    Step.DISCOVERY: _(
        "Compare the issuer with the provider's page, letter by letter. If it is right, the"
        " provider does not speak OpenID Connect there: ask its administrator for the issuer."
    ),
    "discovery private": _(
        "The provider is inside a closed network, which this site may not reach. Ask the operator;"
        " the setting is SSO_ALLOW_PRIVATE."
    ),
    "discovery unknown_host": _("Look for a slip in the issuer: there is no such host."),
    "discovery connection": _(
        "The provider is not there, or offers no secure connection. Try again in some minutes; then"
        " tell its administrator."
    ),
    "discovery time_out": _(
        "The provider is too slow. Try again in some minutes; then tell its administrator."
    ),
    "discovery algorithms": _(
        "The provider signs with its secret or not at all. Its administrator has to choose RS256 or"
        " another signature with a key pair."
    ),
    Step.ISSUER: _(
        "“Replace the issuer”, and enter exactly what the provider calls itself, with or without a"
        " slash at its end."
    ),
    Step.ANSWER: _("Try again. If it comes back, tell the provider's administrator."),
    "answer error": _(
        "The provider let nobody in. Its administrator has to give this application to the person"
        " who tried, and to allow the scopes openid, email and profile."
    ),
    "answer iss": _(
        "The answer came from another provider than was asked. Cut this one off if you can't"
        " explain it."
    ),
    "answer no_iss": _(
        "The provider says that it names itself in each answer, and does not. Tell its"
        " administrator."
    ),
    Step.CODE: _(
        "Client ID and secret, or the redirect URI, are not what the provider has. Compare them;"
        " then “Replace the secret”."
    ),
    "code connection": _("The token endpoint is not there. Try again in some minutes."),
    "code time_out": _("The token endpoint is too slow. Try again in some minutes."),
    "code secret": _(
        "The stored secret can't be read any more. “Replace the secret”, and tell the operator."
    ),
    "code no_id_token": _(
        "The provider gave no ID token. Its administrator has to switch on OpenID Connect for this"
        " application, and the scope openid."
    ),
    Step.KEYS: _("The provider's keys can't be had. Try again; then tell its administrator."),
    Step.SIGNATURE: _(
        "The provider signed with a key that it does not publish, or in a way that is not taken."
        " Its administrator has to choose RS256 or another signature with a key pair. If nothing"
        " was changed there, somebody else may have answered in its place."
    ),
    Step.CLAIMS: _("Tell the provider's administrator which claim of the ID token is wrong."),
    "claims aud": _("The ID token is for another client. Compare the client ID."),
    "claims exp": _("The ID token was over already. The provider's clock goes wrong."),
    "claims iat": _("The ID token is from the future. The provider's clock goes wrong."),
    Step.USERINFO: _(
        "The userinfo endpoint did not tell about the person. Its administrator can put the address"
        " into the ID token instead."
    ),
}
MEND = {Protocol.OIDC: OIDC_MEND, Protocol.SAML: SAML_MEND}


@dataclass(frozen=True, slots=True)
class Line:
    title: str | Promise
    result: str  # "ok", "failed" or "not_reached"
    detail: str = ""
    mend: str | Promise = ""


def page(
    request: HttpRequest, provider: Provider, *, context: dict[str, Any], now: datetime
) -> HttpResponse:
    """Show what the last try told, or begin one."""
    asked = admin_proof.missing(request, Fresh.STRONG, now=now, back=request.path)
    if asked is not None:
        return asked
    if request.method == "GET" and GO in request.GET and provider.is_live:
        return sso_trial.begin(request, provider, now=now)
    trial = sso_trial.last(request, provider, now=now)
    shown = {
        **context,
        "title": _("Test the sign-in"),
        "provider": provider,
        "trial": trial,
        "go": GO,
        "lines": lines_of(trial, provider) if trial else [],
        "started_at": datetime.fromisoformat(trial.started_at) if trial else None,
    }
    return TemplateResponse(request, TEMPLATE, shown)


def lines_of(trial: Trial, provider: Provider) -> list[Line]:
    """Return each step: those before the one that failed went well, those after never were."""
    titles = TITLES[Protocol(provider.protocol)]
    steps, lines = list(titles), []
    reached = _reached(trial, steps)
    for number, step in enumerate(steps):
        if step == trial.failed_at:
            lines.append(Line(titles[step], "failed", trial.text, mend_of(trial, provider)))
        elif number < reached:
            lines.append(Line(titles[step], "ok", trial.notes.get(step, "")))
        else:
            lines.append(Line(titles[step], "not_reached"))
    return lines


def _reached(trial: Trial, steps: list[str]) -> int:
    """Return how many steps went well."""
    if trial.failed_at:
        return steps.index(trial.failed_at)
    return max((steps.index(step) + 1 for step in trial.notes), default=0)


def mend_of(trial: Trial, provider: Provider) -> str | Promise:
    found = MEND[Protocol(provider.protocol)]
    return found.get(f"{trial.failed_at} {trial.reason}", found[trial.failed_at])
