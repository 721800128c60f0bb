"""Home, and an account's page: its members and invitations."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import invitations, memberships
from accounts.forms import InviteForm, RoleForm
from accounts.models import Invitation, Membership, Role
from accounts.pages import answer_of, in_words, posted_from, with_retry
from accounts.reach import membership_of, person_of
from accounts.words import filled


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """My accounts, and the invitations that wait for me."""
    person = person_of(request)
    waiting = Invitation.objects.usable(now=timezone.now()).filter(email=person.email)
    context = {
        "memberships": person.memberships.select_related("account").order_by("account__name"),
        "invitations": waiting.select_related("account", "invited_by"),
    }
    return render(request, "accounts/home.html", context)


@posted_from("account", keep=("slug",))
def account_invite(request: HttpRequest, slug: str) -> HttpResponse:
    membership = membership_of(request, slug, manager=True)
    form, now = InviteForm(request.POST, may_make_owner=membership.is_owner), timezone.now()
    retry_at = None
    try:
        if form.is_valid() and _invite(form, membership, now=now):
            told = _("%(address)s is invited, for seven days.")
            messages.success(request, filled(told, address=form.cleaned_data["email"]))
            return redirect("account", slug)
    except invitations.InvitationsUsedUp as error:
        wait = _("Please wait %(time)s.") % {"time": in_words(error.retry_at - now)}
        form.add_error("email", f"{error} {wait}")
        retry_at = error.retry_at
    # The account's page, which belongs to the app above, shows the form with its errors.
    request.invite_form = form  # type: ignore[attr-defined]
    answer = answer_of("account", request, slug=slug)
    return with_retry(answer, retry_at, now=now) if retry_at else answer


def _invite(form: InviteForm, membership: Membership, *, now: datetime) -> bool:
    given = form.cleaned_data
    try:
        invitations.invite(
            account=membership.account,
            email=given["email"],
            role=given["role"],
            actor=membership.user,
            now=now,
        )
    except invitations.InvitationsUsedUp:
        raise
    except invitations.NotInvitable as error:
        form.add_error("email", str(error))
        return False
    return True


@posted_from("account", keep=("slug",))
def invitation_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    membership = membership_of(request, slug, manager=True)
    invitation = get_object_or_404(Invitation, pk=pk, account=membership.account)
    invitations.revoke(invitation=invitation, actor=membership.user, now=timezone.now())
    told = _("The invitation of %(address)s is taken back.")
    messages.success(request, filled(told, address=invitation.email))
    return redirect("account", slug)


@posted_from("account", keep=("slug",))
def member_role(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    acting = membership_of(request, slug, manager=True)
    membership = get_object_or_404(
        Membership.objects.select_related("user", "account"), pk=pk, account=acting.account
    )
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a role."))
        return redirect("account", slug)
    role = form.cleaned_data["role"]
    try:
        memberships.change_role(
            membership=membership, role=role, actor=acting.user, now=timezone.now()
        )
    except Membership.DoesNotExist:
        raise Http404 from None
    except (memberships.LastOwner, memberships.NotAllowed) as error:
        messages.error(request, str(error))
    else:
        told = _("%(person)s now has the role: %(role)s.")
        messages.success(request, filled(told, person=membership.user, role=Role(role).label))
    return redirect("account", slug)
