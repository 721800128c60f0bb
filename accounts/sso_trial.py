"""Support tries a provider: the same way there and back as a sign-in, told step by step.

Begun by the admin's page, ended by the callback. Nobody is signed in by it. Its protocol lies in
the session of who tries for half an hour: what the provider said of its person, and no secret, no
token and no code.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, oidc, oidc_metadata, saml, sso_attempts
from accounts.audit import Event
from accounts.claims import Claims, Refused
from accounts.models import Account, Protocol, Provider, SSOPurpose, User
from accounts.sso_admission import Admission, Entry, admission
from accounts.sso_attempts import Way
from accounts.sso_steps import Failed, Note, Step
from accounts.words import filled

KEY = "sso_trial"
KEPT_FOR = timedelta(minutes=30)
LONGEST = 500  # letters of what the provider says

Read = Callable[[Note], Claims]


@dataclass(slots=True)
class Trial:
    """How far a try has come; plain values, as a session keeps them."""

    provider: int
    started_at: str
    is_over: bool = False
    notes: dict[str, str] = field(default_factory=dict)  # by step, in their order
    failed_at: str = ""
    reason: str = ""  # a word for why
    text: str = ""  # what it was
    claims: dict[str, Any] = field(default_factory=dict)
    would_come_in: bool = False
    verdict: str = ""

    def note(self, step: Step, detail: str) -> None:
        self.notes[str(step)] = detail[:LONGEST]

    def fail(self, error: Failed) -> None:
        self.failed_at, self.reason = str(error.step), error.reason
        self.text, self.is_over = str(error)[:LONGEST], True


def begin(request: HttpRequest, provider: Provider, *, now: datetime) -> HttpResponse:
    """Send the browser to the provider; back to the page where that is not even there."""
    trial = Trial(provider=provider.pk, started_at=now.isoformat())
    by_saml = provider.protocol == Protocol.SAML
    try:
        if not by_saml:
            metadata = oidc_metadata.discover(provider, now=now, anew=True)
            trial.note(Step.DISCOVERY, oidc_metadata.discovery_url(provider.issuer))
            trial.note(Step.ISSUER, metadata.issuer)
        way = sso_attempts.start(request, provider, purpose=SSOPurpose.TEST, next_url="", now=now)
        url = (_url_of_saml if by_saml else _url_of_oidc)(provider, way, now=now)
    except Failed as error:
        trial.fail(error)
        return _told(request, provider, trial, now=now)
    if by_saml:
        trial.note(Step.SETUP, provider.sso_url)
    _keep(request, trial)
    response = HttpResponseRedirect(url)
    way.mark_browser(response)
    return response


def _url_of_oidc(provider: Provider, way: Way, *, now: datetime) -> str:
    back = sso_attempts.redirect_uri(provider)
    return oidc.authorization_url(provider, way.secrets, redirect_uri=back, proves=False, now=now)


def _url_of_saml(provider: Provider, way: Way, *, now: datetime) -> str:
    return saml.request_url(provider, way.state, proves=False, now=now)


def is_under_way(request: HttpRequest, provider: Provider, *, now: datetime) -> bool:
    """Whether this browser was sent to ``provider`` by a test and has not come back yet."""
    trial = last(request, provider, now=now)
    return trial is not None and not trial.is_over


def fail(request: HttpRequest, provider: Provider, error: Failed, *, now: datetime) -> HttpResponse:
    """End the test under way with what went wrong before it was known to be one."""

    def read(note: Note) -> Claims:
        raise error

    return finish(request, provider, read, now=now)


def finish(request: HttpRequest, provider: Provider, read: Read, *, now: datetime) -> HttpResponse:
    """Read the provider's answer as a sign-in would, and lead to the page that tells of it."""
    trial = last(request, provider, now=now) or Trial(
        provider=provider.pk, started_at=now.isoformat()
    )
    try:
        claims = read(trial.note)
    except Failed as error:
        trial.fail(error)
    else:
        _judge(trial, provider, claims, now=now)
    return _told(request, provider, trial, now=now)


def last(request: HttpRequest, provider: Provider, *, now: datetime) -> Trial | None:
    """Return this browser's last try of ``provider``, while it is kept."""
    kept = request.session.get(KEY)
    if not kept or kept["provider"] != provider.pk:
        return None
    trial = Trial(**kept)
    return trial if now - datetime.fromisoformat(trial.started_at) < KEPT_FOR else None


def _judge(trial: Trial, provider: Provider, claims: Claims, *, now: datetime) -> None:
    """Say who would come in by ``claims``, or why nobody would."""
    told = asdict(claims)
    trial.claims = {name: str(told[name])[:LONGEST] for name in ("subject", "email", "name", "acr")}
    trial.claims |= {
        "email_verified": claims.email_verified,
        "amr": ", ".join(claims.amr)[:LONGEST],
        "auth_time": claims.auth_time.isoformat() if claims.auth_time else "",
    }
    trial.is_over = True
    try:
        found = admission(provider, claims, now=now)
    except Refused as refused:
        trial.reason, trial.verdict = refused.code, refused.message
    else:
        trial.would_come_in = True
        trial.verdict = _verdict(found, provider.account)


def _verdict(found: Admission, account: Account) -> str:
    names = {"account": account.name, "person": found.user.email if found.user else ""}
    if found.entry is Entry.KNOWN:
        text = _("Would come in as %(person)s, whom the provider knows already.")
    elif found.entry is Entry.LINK:
        text = _(
            "%(person)s has a sign-in here that the provider does not know yet: its password would"
            " be asked once, and its code; then they are linked."
        )
    else:
        text = _("Nobody has this address yet: a sign-in would be made.")
    if found.invitation is not None:
        text = f"{text} {_('An invitation to %(account)s is open, and would be taken up.')}"
    elif found.joins:
        text = f"{text} {_('The person would become a member of %(account)s.')}"
    return filled(text, **names)


def _told(request: HttpRequest, provider: Provider, trial: Trial, *, now: datetime) -> HttpResponse:
    _keep(request, trial)
    person = request.user if isinstance(request.user, User) else None
    after = {
        "provider": provider.pk,
        "step": trial.failed_at or None,
        "why": trial.reason or None,
        "would_come_in": trial.would_come_in,
    }
    audit.record(
        Event.PROVIDER_TESTED, actor=person, account=provider.account, after=after, now=now
    )
    return HttpResponseRedirect(reverse("admin:accounts_provider_test", args=[provider.pk]))


def _keep(request: HttpRequest, trial: Trial) -> None:
    request.session[KEY] = asdict(trial)
