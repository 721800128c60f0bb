"""Accepting an invitation. Set-up, where it is required, comes before the membership."""

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import invitations, links, people, signin
from accounts.forms import NewPersonForm
from accounts.models import Invitation, User
from accounts.purposes import Purpose, serves
from accounts.words import filled
from enforcement import joining, policies, visitor

TEMPLATE = "enforcement/invitation.html"
MOST_DIGITS = 18  # of a 64-bit key


@serves(Purpose.OPEN)
@links.guarded
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link. It also proves the mailbox, so that set-up needs no further step."""
    now = timezone.now()
    found = invitations.find(token)
    if found is None:
        links.note_guess(request)
    try:
        usable = joining.check_usable(found, now=now)
    except joining.NotJoinable as error:
        context = {"state": _why(found), "invitation": found, "text": str(error)}
        return render(request, TEMPLATE, context, status=410 if found else 404)
    known = User.objects.filter(email=usable.email).first()
    is_barred = known is not None and not known.is_active
    if known is not None and not is_barred:
        signin.note_link(request, known, now=now)
    if isinstance(request.user, User):
        return _signed_in(request, usable)
    if is_barred:
        return _barred(request, usable)
    if known is not None:
        request.session["invitation"] = usable.pk
        return _show(request, usable, "known", sign_in_url=_sign_in_url())
    return _new_person(request, usable)


def _why(found: Invitation | None) -> str:
    if found is None:
        return "unknown"
    if found.accepted_at is not None:
        return "used"
    return (
        "expired" if found.revoked_at is None and found.expires_at <= timezone.now() else "revoked"
    )


def _sign_in_url() -> str:
    return f"{reverse('login')}?next={reverse('invitation_continue')}"


def _show(request: HttpRequest, usable: Invitation, state: str, **more: object) -> HttpResponse:
    context = {
        "state": state,
        "invitation": usable,
        "must_set_up": policies.current(usable.account) is not None,
        **more,
    }
    return render(request, TEMPLATE, context)


def _barred(request: HttpRequest, usable: Invitation) -> HttpResponse:
    """The address is of a deactivated sign-in: its mailbox is told that it can't go on, not why."""
    text = _("This address can't be used.")
    answer = _show(request, usable, "barred", text=text, must_set_up=False)
    answer.status_code = 403
    return answer


def _signed_in(request: HttpRequest, usable: Invitation) -> HttpResponse:
    person = request.user
    if not isinstance(person, User) or person.email != usable.email:
        return _show(request, usable, "other")
    if request.method == "POST":
        return _join(request, usable, person)
    must_set_up = joining.must_set_up(
        person, usable, now=timezone.now(), sso=visitor.of(request).sso
    )
    return _show(request, usable, "ready", must_set_up=must_set_up)


def _join(request: HttpRequest, usable: Invitation, person: User) -> HttpResponse:
    try:
        joining.accept(
            invitation=usable, user=person, now=timezone.now(), sso=visitor.of(request).sso
        )
    except joining.SetUpFirst:
        # The acceptance binds from here: set-up opens to this browser, and comes back.
        request.session["invitation"] = request.session["joining"] = usable.pk
        return HttpResponseRedirect(f"{reverse('setup')}?next={reverse('invitation_continue')}")
    except joining.NotJoinable as error:
        messages.error(request, str(error))
        return redirect("home")
    request.session.pop("invitation", None)
    request.session.pop("joining", None)
    messages.success(request, filled(_("Welcome to %(account)s."), account=usable.account))
    return redirect("account", usable.account.slug)


def _new_person(request: HttpRequest, usable: Invitation) -> HttpResponse:
    """Make a sign-in for the invited address, and go on with it as after a password."""
    now = timezone.now()
    form = NewPersonForm(request.POST or None, email=usable.email)
    if request.method != "POST" or not form.is_valid():
        return _show(request, usable, "new", form=form)
    given = form.cleaned_data
    try:
        person = people.create(
            email=usable.email,
            name=given["name"],
            password=given["password"],
            language=translation.get_language() or "",
            actor=None,
            now=now,
        )
    except IntegrityError:
        return redirect(request.path)  # made in another tab meanwhile: that one signs in
    signin.note_link(request, person, now=now)
    signin.begin(
        request,
        person,
        next_url=reverse("invitation_continue"),
        method="password",
        now=now,
        invitation=usable.pk,
    )
    return signin.proceed(request)


@require_http_methods(["GET", "HEAD", "POST"])
def invitation_continue(request: HttpRequest) -> HttpResponse:
    """The same page for a signed-in person, without a token in the address."""
    person, now = request.user, timezone.now()
    if not isinstance(person, User):
        return redirect("home")
    asked = request.GET.get("invitation") or request.session.get("invitation") or 0
    waiting = Invitation.objects.usable(now=now).filter(email=person.email)
    number = int(asked) if str(asked).isdecimal() and len(str(asked)) <= MOST_DIGITS else 0
    found = waiting.filter(pk=number).select_related("account", "invited_by").first()
    if found is None:
        return _already_in(request, person, number)
    return _signed_in(request, found)


def _already_in(request: HttpRequest, person: User, number: int) -> HttpResponse:
    """Whoever joined as part of signing in ends on the account's page."""
    used = Invitation.objects.filter(pk=number, email=person.email).exclude(accepted_at=None)
    done = used.select_related("account").first()
    return redirect("account", done.account.slug) if done else redirect("home")
