"""My settings: profile, address, password, sessions, deleting the sign-in."""

from datetime import datetime
from functools import partial

from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import (
    addresses,
    audit,
    links,
    moving,
    objections,
    passwords,
    people,
    session_state,
    sessions,
    signin,
)
from accounts.audit import Event
from accounts.forms import EmailChangeForm, PasswordChangeForm, ProfileForm
from accounts.languages import speak_to_person
from accounts.memberships import LastOwner
from accounts.models import User
from accounts.pages import posted_from, too_many
from accounts.purposes import Fresh, Purpose, serves
from accounts.reach import person_of
from accounts.throttle import TooMany


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=person_of(request))
    if request.method == "POST" and form.is_valid():
        people.change_profile(user=form.instance, now=timezone.now())
        speak_to_person(request)  # in the language that was just chosen
        messages.success(request, _("Saved."))
        return redirect("settings_profile")
    mine = person_of(request).memberships.select_related("account").order_by("account__name")
    return render(request, "accounts/settings_profile.html", {"form": form, "memberships": mine})


@serves(Purpose.MEMBER, fresh=Fresh.FACTOR)
@require_http_methods(["GET", "HEAD", "POST"])
def email(request: HttpRequest) -> HttpResponse:
    """Ask for a change of address; nothing changes before the new mailbox confirms."""
    person, now = person_of(request), timezone.now()
    needs_both = not session_state.gave_factor(request, stamp=person.stamp, now=now)
    form = EmailChangeForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        try:
            addresses.ask(
                user=person,
                email=form.cleaned_data["email"],
                membership=form.membership,
                needs_both=needs_both,
                now=now,
            )
        except addresses.NotChangeable as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, _("Look into the new mailbox: a mail there asks to confirm."))
            return redirect("settings_email")
    context = {
        "form": form,
        "needs_both": needs_both,
        "awaited": addresses.awaited(person, now=now),
    }
    return render(request, "accounts/settings_email.html", context)


@serves(Purpose.OPEN)
@links.guarded
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def email_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link: GET shows, POST changes."""
    now = timezone.now()
    template = "accounts/settings_email_confirm.html"
    change = addresses.find(token, now=now)
    if change is None:
        if addresses.mailed(token) is None:
            links.note_guess(request)
        return render(request, template, status=410)
    if request.user.is_authenticated and request.user.pk != change.user.pk:
        return render(request, template, status=403)
    context = {
        "is_valid": True,
        "new_address": change.new,
        "old_address": change.old,
        "account": change.account,
    }
    if request.method == "POST":
        try:
            with transaction.atomic():
                was = _stamp_of(change)
                is_done = addresses.confirm(change=change, now=now)
                user = User.objects.get(pk=change.user.pk)  # under the lock: no later stamp
        except (addresses.NotChangeable, moving.NotMovable) as error:
            messages.error(request, str(error))
            return render(request, template, status=409)
        if is_done and was:
            _go_on(request, user, was=was, now=now)
        context = {**context, "is_done": is_done, "is_half": not is_done}
        if is_done and change.membership_id is not None:
            moved_to = User.objects.get(email=change.new)
            context["has_no_password"] = not moved_to.has_usable_password()
    return render(request, template, context)


def _stamp_of(change: addresses.Change) -> str:
    """Return the stamp that the change ends, under the lock; none where a membership moves."""
    return User.objects.locked(change.user.pk).stamp if change.membership_id is None else ""


def _go_on(request: HttpRequest, user: User, *, was: str, now: datetime) -> None:
    """Keep in whose address it was, if nothing had ended their sign-ins before it changed."""
    person = request.user
    if isinstance(person, User) and person.stamp == was:
        verified = session_state.is_verified_under(request, was)
        session_state.adopt(request, user=user, was=was, verified=verified, now=now)


@serves(Purpose.MEMBER, fresh=Fresh.FACTOR)
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    is_password = partial(signin.is_own_password, request, person, now=now)
    form = PasswordChangeForm(person, request.POST or None, is_password=is_password)
    template = "accounts/settings_password.html"
    try:
        is_valid = request.method == "POST" and form.is_valid()
    except TooMany as error:
        empty = PasswordChangeForm(person, is_password=is_password)
        return too_many(request, template, {"form": empty}, error, now=now)
    if is_valid:
        was, new = person.stamp, form.cleaned_data["new_password1"]
        verified = session_state.is_verified_under(request, was)
        try:
            passwords.change_password(user=person, password=new, now=now)
        except passwords.ChangedMeanwhile:
            return redirect("settings_password")  # which asks the gate what there is to do now
        update_session_auth_hash(request, person)
        session_state.adopt(request, user=person, was=was, verified=verified, now=now)
        messages.success(request, _("Your password is changed. All other sign-ins have ended."))
        return redirect("settings_password")
    return render(request, template, {"form": form})


@serves(Purpose.MEMBER, fresh=Fresh.FACTOR)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Delete the sign-in for good; not while an account would be left without an owner."""
    person = person_of(request)
    if request.method == "POST":
        try:
            people.delete(user=person, now=timezone.now())
        except LastOwner as error:
            messages.error(request, str(error))
        except passwords.ChangedMeanwhile:
            told = _("Something changed in another browser meanwhile. Please start again.")
            messages.error(request, told)
            return redirect("settings_delete")  # by the gate, which decides anew
        else:
            end_session(request)
            return redirect("login")
    context = {"sole_owner_of": people.owned_alone(person)}
    return render(request, "accounts/settings_delete.html", context)


@posted_from("security")
def session_end(request: HttpRequest, handle: str) -> HttpResponse:
    """Sign out one of my other browsers."""
    person, now = person_of(request), timezone.now()
    for session in sessions.live_sessions(person, now=now):
        if sessions.handle_of(session) == handle:
            with transaction.atomic():
                audit.record(Event.SESSION_ENDED, actor=person, subject=person, now=now)
                sessions.end_one(session)
            messages.success(request, _("That browser is signed out."))
    return redirect("security")


@require_POST
def sessions_end_all(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere, here too."""
    person, now = person_of(request), timezone.now()
    person.refresh_from_db()
    with transaction.atomic():
        sessions.end_everything(person)
        audit.record(Event.SESSIONS_ENDED, actor=person, subject=person, now=now)
    end_session(request)
    return redirect("login")


@serves(Purpose.OPEN)
@links.guarded
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """The link in a mail: GET shows what POST does."""
    now = timezone.now()
    notice = objections.find(token, now=now)
    if notice is None:
        if objections.mailed(token) is None:
            links.note_guess(request)
        return render(request, "accounts/not_me.html", status=410)
    context = {
        "is_valid": True,
        "old_address": objections.old_address(notice),
        "moved": objections.moved(notice),
    }
    if request.method == "POST":
        objections.act(notice, now=now)
        context["is_done"] = True
    return render(request, "accounts/not_me.html", context)
