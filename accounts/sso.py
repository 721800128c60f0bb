"""Through an account's identity provider: claims in, pending sign-in out.

Called by the views of both protocols, with claims that are verified already; the challenge calls
``complete`` when the sign-in has come to its end. An address links nobody: whoever has a sign-in
proves it first (``accounts.sso_linking``).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import audit, memberships, people, session_state, signin, sso_linking, words
from accounts.audit import Event
from accounts.claims import Claims, Refused
from accounts.emails import canonical_email
from accounts.models import (
    Account,
    Identity,
    Invitation,
    Provider,
    Role,
    SSOAttempt,
    SSOPurpose,
    User,
)
from accounts.signin import Pending, Vouched
from accounts.sso_admission import Admission, Entry, admission, check_address, still_live
from accounts.sso_attempts import Way, claim, forget_old, start

__all__ = [
    "Admission", "Claims", "Entry", "Refused", "Way", "admission", "claim", "come_in", "complete",
    "forget_old", "is_still_vouched_for",
    "live_providers", "passed", "refuse", "start", "ways", "ways_to_prove",
]  # fmt: skip

SKEW = timedelta(seconds=60)
LONGEST_NAME = 200
METHOD = "sso"


def come_in(
    request: HttpRequest,
    provider: Provider,
    claims: Claims,
    attempt: SSOAttempt,
    *,
    now: datetime,
) -> HttpResponse:
    """Lead whom ``claims`` are about on: in, to the code, to set-up, or to link a sign-in.

    :raises Refused: where nobody comes in.
    """
    provider = still_live(provider)
    if attempt.purpose == SSOPurpose.PROVE:
        return _prove(request, provider, claims, attempt, now=now)
    try:
        found = _carried_out(provider, claims, now=now)
    except IntegrityError:  # made by another answer at the same moment: that one is known now
        found = _carried_out(provider, claims, now=now)
    if found.entry is Entry.LINK:
        return sso_linking.ask(request, provider, claims, found, next_url=attempt.next, now=now)
    person = _person_of(found)
    if request.user.is_authenticated and request.user.pk == person.pk:
        _add(request, provider, claims, found, now=now)
        url = _onward(found.invitation) or signin.safe_next(request, attempt.next)
        return HttpResponseRedirect(url)
    begin(request, provider, claims, found, next_url=attempt.next, now=now)
    return signin.proceed(request)


def _person_of(found: Admission) -> User:
    if found.user is None:
        raise LookupError("Nobody comes in.")
    return found.user


@transaction.atomic
def _carried_out(provider: Provider, claims: Claims, *, now: datetime) -> Admission:
    """Return who comes in; a new person is made, with the identity, and joins as allowed.

    Whoever holds an invitation joins when the sign-in is complete, as by a password.
    """
    found = admission(provider, claims, now=now)
    if found.entry is not Entry.NEW:
        return found
    user = people.create(
        email=canonical_email(claims.email),
        name=words.one_line(claims.name)[:LONGEST_NAME],
        password=None,
        language=get_language() or "",
        actor=None,
        now=now,
    )
    _hold(provider)  # after the person, as where a membership moves to a new address
    sso_linking.write(provider, user, claims.subject, now=now)
    if found.joins:
        memberships.add(account=provider.account, user=user, role=Role.MEMBER, actor=None, now=now)
    return replace(found, entry=Entry.KNOWN, user=user)


def _hold(provider: Provider) -> None:
    """Let nobody end ``provider`` until the new person is written down.

    :raises Refused: if somebody just did.
    """
    Account.objects.locked(provider.account_id)
    still_live(provider)


def begin(
    request: HttpRequest,
    provider: Provider,
    claims: Claims,
    found: Admission,
    *,
    next_url: str,
    now: datetime,
) -> Pending:
    """Note that the person of ``found`` passed ``provider``; whoever was signed in is out."""
    return signin.begin(
        request,
        _person_of(found),
        next_url=next_url,
        method=METHOD,
        invitation=found.invitation.pk if found.invitation else None,
        vouched=sso_linking.vouched_of(provider, claims, links=False),
        now=now,
    )


@transaction.atomic
def _add(
    request: HttpRequest, provider: Provider, claims: Claims, found: Admission, *, now: datetime
) -> None:
    """Whoever is signed in passes one more provider: this session, and no other, is told so."""
    person = _person_of(found)
    request.session.cycle_key()
    rotate_token(request)
    vouched = sso_linking.vouched_of(provider, claims, links=False)
    after = _passed(request, provider, person, vouched, now=now)
    audit.record(
        Event.SIGNED_IN,
        actor=person,
        subject=person,
        account=provider.account,
        after=after,
        now=now,
    )


def _onward(invitation: Invitation | None) -> str:
    """Return the page that shows an open invitation to whoever is signed in."""
    if invitation is None:
        return ""
    return f"{reverse('invitation_continue')}?{urlencode({'invitation': invitation.pk})}"


def _passed(
    request: HttpRequest, provider: Provider, person: User, vouched: Vouched, *, now: datetime
) -> dict[str, Any]:
    """Write down that this session passed ``provider``; return what the audit tells of it."""
    passed = [key for key in request.session.get("sso", []) if key != provider.pk]
    request.session["sso"] = [*passed, provider.pk]
    request.session["method"] = METHOD
    Identity.objects.filter(provider=provider, user=person).update(last_at=now)
    User.objects.filter(pk=person.pk).update(last_provider=provider)
    told = {"provider": provider.slug, "amr": list(vouched.amr), "acr": vouched.acr}
    return {"method": METHOD, **told}


def is_still_vouched_for(pending: Pending) -> bool:
    """Whether a sign-in that came without a password may end: its provider is live yet."""
    vouched = pending.vouched
    return vouched is None or vouched.links or _vouching(vouched) is not None


def complete(
    request: HttpRequest, user: User, pending: Pending, *, now: datetime
) -> dict[str, Any]:
    """The sign-in of ``pending`` has come to its end: called within its transaction.

    Links what the person proved, tells the session what it passed, and returns what the audit
    tells of it. Who came by password alone is noted to have come so.
    """
    vouched = pending.vouched
    provider = _vouching(vouched)
    if vouched is not None and provider is not None:
        if not vouched.links:
            session_state.mark_came_by_provider(request, asked_at=vouched.asked_at, now=now)
            return _passed(request, provider, user, vouched, now=now)
        if sso_linking.link(provider, user, vouched.subject, now=now):
            return _passed(request, provider, user, vouched, now=now)
    if pending.sso:  # passed by a session that a deadline has turned into this sign-in
        session_state.mark_came_by_provider(request, asked_at=None, now=now)
        request.session["sso"] = list(pending.sso)
        return {"method": pending.method}
    if user.last_provider_id is not None:
        User.objects.filter(pk=user.pk).update(last_provider=None)
    return {"method": pending.method}


def _vouching(vouched: Vouched | None) -> Provider | None:
    """Return the provider while it is live: what it vouched for before counts no more."""
    if vouched is None:
        return None
    return Provider.objects.live().select_related("account").filter(pk=vouched.provider).first()


@transaction.atomic
def _prove(
    request: HttpRequest, provider: Provider, claims: Claims, attempt: SSOAttempt, *, now: datetime
) -> HttpResponse:
    """Whoever is signed in was asked anew by the provider: in place of the password.

    :raises Refused: for another person, and where the provider does not say that it asked anew.
    """
    check_address(provider, claims)
    known = Identity.objects.filter(provider=provider, subject=claims.subject)
    person = request.user
    if not isinstance(person, User) or not known.filter(user=person).exists():
        raise Refused(
            "other_person",
            words.filled(
                _(
                    "%(provider)s signed in somebody else than is signed in here. Please start"
                    " again."
                ),
                provider=provider,
            ),
        )
    earliest = attempt.started_at - SKEW
    if claims.auth_time is None or not earliest <= claims.auth_time <= now + SKEW:
        raise Refused(
            "not_asked_anew",
            words.filled(
                _("%(provider)s did not ask you to sign in anew, so this proves nothing yet."),
                provider=provider,
            ),
        )
    request.session.cycle_key()
    rotate_token(request)
    session_state.mark_passed_anew(request, stamp=person.stamp, now=now)
    after = {"method": METHOD, "provider": provider.slug, "amr": list(claims.amr)}
    audit.record(
        Event.REAUTHENTICATED, actor=person, subject=person, account=provider.account,
        after=after, now=now,
    )  # fmt: skip
    return HttpResponseRedirect(signin.safe_next(request, attempt.next))


def refuse(
    request: HttpRequest, provider: Provider, refused: Refused, *, now: datetime
) -> HttpResponse:
    """Write one row and show one page; both protocols refuse so."""
    person = request.user if isinstance(request.user, User) else None
    after = {"reason": refused.code, "provider": provider.slug}
    audit.record(Event.SSO_REFUSED, actor=person, account=provider.account, after=after, now=now)
    is_in = person is not None and getattr(request, "ended", None) is None
    context = {"provider": provider, "text": refused.message, "is_in": is_in}
    return render(request, "accounts/sso_refused.html", context, status=403)


def live_providers(domain: str) -> list[Provider]:
    """Return the providers whose accounts have work addresses of ``domain``, whoever has one."""
    if not domain:
        return []
    # A domain stands in the list as text, on every database; whether it is one is looked at here.
    likely = Provider.objects.live().filter(account__email_domains__icontains=domain)
    found = likely.select_related("account").order_by("account__name")
    return [provider for provider in found if domain in provider.account.email_domains]


def ways(domain: str, next_url: str) -> list[dict[str, str]]:
    """Return what a page needs to offer the providers for ``domain``."""
    return [way_to(provider, "sso_start", next_url) for provider in live_providers(domain)]


def ways_to_prove(request: HttpRequest, next_url: str) -> list[dict[str, str]]:
    """Return the same for those that this session came through, which can ask anew."""
    return [way_to(provider, "sso_prove", next_url) for provider in _live_passed(request)]


def passed(request: HttpRequest) -> str:
    """Return the name of a live provider that this session came through; empty for none."""
    return next((provider.name for provider in _live_passed(request)), "")


def _live_passed(request: HttpRequest) -> list[Provider]:
    keys = request.session.get("sso", [])
    found = Provider.objects.live().filter(pk__in=keys).select_related("account")
    return list(found) if keys else []


def way_to(provider: Provider, name: str, next_url: str) -> dict[str, str]:
    url = f"{reverse(name, args=[provider.slug])}?{urlencode({'next': next_url})}"
    return {"name": provider.name, "account": provider.account.name, "url": url}
