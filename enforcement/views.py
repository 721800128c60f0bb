"""The pages of this app: an account's page, joining and leaving, help, passes."""

from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import memberships, signin
from accounts.forms import InviteForm
from accounts.memberships import LastOwner, NotAllowed
from accounts.models import Membership, User
from accounts.pages import posted_from
from accounts.purposes import Purpose, serves
from accounts.reach import membership_of, open_invitations, person_of
from accounts.signin import PendingStep
from accounts.words import filled
from enforcement import entrance, leaving, passes, report
from enforcement.forms import AskForm, VouchForm
from enforcement.models import Pass, PassRequest
from twofactor import devices


@serves(Purpose.ENTRANCE)
@require_http_methods(["GET", "HEAD", "POST"])
def continue_sign_in(request: HttpRequest) -> HttpResponse:
    """Where a sign-in goes on; called in the same request by the steps before."""
    return entrance.follow(request, now=timezone.now())


def account(request: HttpRequest, slug: str) -> HttpResponse:
    """An account's page, for its members; more of it for owners and admins.

    A refused invitation comes here by POST, to be shown beside its form.
    """
    now = timezone.now()
    membership = membership_of(request, slug)
    form = getattr(request, "invite_form", None)
    if form is None:
        form = InviteForm(may_make_owner=membership.is_owner)
    context = {
        "account": membership.account,
        "membership": membership,
        "members": report.members_for(
            membership,
            page=request.GET.get("page", ""),
            q=request.GET.get("q", "") if membership.is_manager else "",
            now=now,
        ),
        "q": request.GET.get("q", "") if membership.is_manager else "",
        "policy": report.shown_policy(membership.account, now=now),
        "admin_url": _admin_url(membership),
        "roles": form.roles,
        "form": form,
        "invitations": open_invitations(membership.account),
    }
    return render(request, "accounts/account.html", context)


def _admin_url(membership: Membership) -> str:
    """Return where an owner switches the requirement; nobody else is shown the way."""
    if not membership.is_owner:
        return ""
    return reverse("admin:accounts_account_change", args=[membership.account_id])


@posted_from("account", keep=("slug",))
def member_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    acting = membership_of(request, slug, manager=True)
    membership = get_object_or_404(
        Membership.objects.select_related("user", "account"), pk=pk, account=acting.account
    )
    try:
        leaving.remove(membership=membership, actor=acting.user, now=timezone.now())
    except (LastOwner, NotAllowed) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, filled(_("%(person)s is no longer a member."), person=membership.user)
        )
    return redirect("account", slug)


@serves(Purpose.LEAVING)
@require_http_methods(["GET", "HEAD", "POST"])
def account_leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Leave, signed in or held up in set-up; the way out of what an account requires."""
    person = person_in(request)
    mine = Membership.objects.select_related("account", "user")
    membership = get_object_or_404(mine, account__slug=slug, user=person)
    if request.method == "POST":
        try:
            leaving.leave(membership=membership, now=timezone.now())
        except LastOwner as error:
            messages.error(request, str(error))
            return redirect("account_leave", slug)
        messages.success(
            request, filled(_("You have left %(account)s."), account=membership.account)
        )
        return HttpResponseRedirect(reverse("continue" if is_half_way(request) else "home"))
    context = {
        "account": membership.account,
        "is_last_owner": memberships.is_last_owner(membership.user, membership.account),
    }
    return render(request, "accounts/account_leave.html", context)


def is_half_way(request: HttpRequest) -> bool:
    return not request.user.is_authenticated


def person_in(request: HttpRequest) -> User:
    """Return who is signed in or half-way in."""
    person = request.user if request.user.is_authenticated else request.pending_user  # type: ignore[attr-defined]
    if not isinstance(person, User):
        raise Http404
    return person


@serves(Purpose.ENTRANCE)
@require_http_methods(["GET", "HEAD", "POST"])
def help_page(request: HttpRequest) -> HttpResponse:
    """“I can't use any of these”: ask for a pass."""
    person, now = person_in(request), timezone.now()
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        passes.ask_for_pass(user=person, message=form.cleaned_data["message"], now=now)
        return redirect("help")
    asked = PassRequest.objects.filter(user=person, closed_at=None).first()
    context = {"form": form, "asked": asked, "lacks_mailbox": _lacks_mailbox(request, now=now)}
    return render(request, "enforcement/help.html", context)


def _lacks_mailbox(request: HttpRequest, *, now: datetime) -> bool:
    """Whether what stands in the way is the mailbox, which a pass alone does not give back."""
    pending = signin.read(request, now=now)
    if pending is None or not settings.TWO_FACTOR_MAILBOX_PROOF:
        return False
    return pending.step is PendingStep.ENROL and not pending.mailbox_proved


@require_http_methods(["GET", "HEAD", "POST"])
def member_pass(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """An owner or admin asks support for a pass for a member, or vouches for one asked for."""
    acting, now = membership_of(request, slug, manager=True), timezone.now()
    members = Membership.objects.select_related("user", "account")
    membership = get_object_or_404(members, pk=pk, account=acting.account)
    form = VouchForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        message = form.cleaned_data["message"]
        passes.ask_for_member(membership=membership, actor=acting.user, message=message, now=now)
        messages.success(request, _("Support has your request."))
        return redirect("account", slug)
    open_requests = PassRequest.objects.filter(user=membership.user, closed_at=None)
    found = passes.without_strangers(open_requests.select_related("endorsed_by"), [acting.account])
    running = passes.open_pass(membership.user)
    context = {
        "account": acting.account,
        "member": membership,
        "form": form,
        "asked": found[0] if found else None,
        "running": running,
        "may_end": running is not None and passes.may_revoke(acting.user, membership.user),
    }
    return render(request, "enforcement/member_pass.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def pass_end(request: HttpRequest) -> HttpResponse:
    """A person gives back the own pass; the next sign-in asks for the code again."""
    person, now = person_of(request), timezone.now()
    active = passes.open_pass(person)
    if active is None:
        messages.info(request, _("There is no pass to end."))
        return redirect("home")
    if request.method == "POST":
        with suppress(passes.NotGrantable):  # support ended it meanwhile, or another click
            passes.revoke_pass(user=person, actor=person, now=now)
        end_session(request)
        with_code = _("Your pass has ended. Sign in with your password and a code.")
        without = _("Your pass has ended. Sign in with your password.")
        messages.success(request, with_code if devices.has_device(person) else without)
        return redirect("login")
    return render(request, "enforcement/pass_end.html", {"active": active, "person": person})


@require_http_methods(["GET", "HEAD", "POST"])
def member_pass_end(request: HttpRequest, pk: int) -> HttpResponse:
    """An owner of an account that binds the person ends that person's pass."""
    acting, now = person_of(request), timezone.now()
    active = get_object_or_404(Pass.objects.select_related("user"), pk=pk)
    if not passes.may_revoke(acting, active.user):
        raise Http404
    if request.method == "POST":
        with suppress(passes.NotGrantable):  # it has ended meanwhile, which is what was wanted
            passes.revoke_pass(user=active.user, actor=acting, now=now)
        messages.success(
            request, filled(_("The pass of %(person)s has ended."), person=active.user)
        )
        return redirect("home")
    return render(request, "enforcement/pass_end.html", {"active": active, "person": active.user})
