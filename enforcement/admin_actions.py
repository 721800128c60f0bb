"""What is done to one person in the admin: each a page that says what will happen, then a POST.

A page only shows and asks; the use case behind it decides again, under its locks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin_scope import is_support
from accounts.models import User
from accounts.purposes import Fresh
from accounts.reach import person_of
from accounts.words import filled, in_english
from enforcement import (
    admin_proof,
    approvals,
    four_eyes,
    overview,
    passes,
    person_page,
    support,
)
from enforcement.admin_forms import (
    AddressForm,
    ApproveForm,
    ConfirmForm,
    DeclineForm,
    GrantForm,
    ReasonForm,
    StaffForm,
)
from enforcement.models import Approval
from enforcement.passes import AlreadyGranted, NotGrantable
from enforcement.support import NotAllowed, NotUsable

TEMPLATE = "enforcement/admin/action.html"

# What is done, and what is said of it where that is another than usual.
Do = Callable[[User, User, dict[str, Any], datetime], str | None]
Check = Callable[[User, User, datetime], None]


def _is_support(viewer: User, person: User) -> bool:
    return viewer.is_bound_staff


def _is_superuser(viewer: User, person: User) -> bool:
    return viewer.is_superuser


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing to do: its words, its form, who is asked for what, and the use case."""

    title: str | Promise
    button: str | Promise
    done: str | Promise
    do: Do
    check: Check  # what the page asks before it shows a form
    form: type[forms.Form] = ConfirmForm
    fresh: Fresh | None = Fresh.STRONG
    is_danger: bool = False
    is_open_to: Callable[[User, User], bool] = _is_support
    # Refusals that find done what was asked for: a second click, or a colleague's.
    already: tuple[type[NotGrantable], ...] = ()


WAITS = gettext_lazy(
    "It waits for a second of support, who has an hour to approve it. Nothing changed so far."
)


def _grant(person: User, viewer: User, given: dict[str, Any], now: datetime) -> str | None:
    made = approvals.grant_or_ask(
        user=person, actor=viewer, reason=given["reason"], ticket=given["ticket"], now=now
    )
    return str(WAITS) if isinstance(made, Approval) else None


def _check_grant(person: User, viewer: User, now: datetime) -> None:
    passes.check_grantable(user=person, actor=viewer, now=now)


def _revoke(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    passes.revoke_pass(user=person, actor=viewer, now=now)


def _check_revoke(person: User, viewer: User, now: datetime) -> None:
    if passes.open_pass(person) is None:
        raise NotGrantable(_("There is no pass to revoke."))


def _reset(person: User, viewer: User, given: dict[str, Any], now: datetime) -> str | None:
    asked = approvals.reset_or_ask(user=person, actor=viewer, reason=given["reason"], now=now)
    return str(WAITS) if asked else None


def _check_reset(person: User, viewer: User, now: datetime) -> None:
    support.check_resettable(user=person, actor=viewer, now=now)


def _approve(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    approvals.approve(user=person, number=given["number"], actor=viewer, now=now)


def _check_approve(person: User, viewer: User, now: datetime) -> None:
    approvals.check_approver(user=person, actor=viewer, now=now)


def _decline(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    approvals.decline(user=person, actor=viewer, now=now, **given)


def _check_decline(person: User, viewer: User, now: datetime) -> None:
    approvals.check_decliner(user=person, actor=viewer, now=now)


def _sign_out(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    support.sign_out(user=person, actor=viewer, now=now)


def _change_address(person: User, viewer: User, given: dict[str, Any], now: datetime) -> str | None:
    asked = approvals.change_address_or_ask(user=person, actor=viewer, now=now, **given)
    return str(WAITS) if asked else None


def _deactivate(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    support.deactivate(user=person, actor=viewer, now=now)


def _reactivate(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    support.reactivate(user=person, actor=viewer, now=now)


def _change_staff(person: User, viewer: User, given: dict[str, Any], now: datetime) -> None:
    support.change_staff(user=person, actor=viewer, now=now, **given)


def _check_handle(person: User, viewer: User, now: datetime) -> None:
    support.check_may_handle(user=person, actor=viewer)


KINDS = {
    "pass": Kind(
        title=gettext_lazy("Grant a pass"),
        button=gettext_lazy("Grant the pass"),
        done=gettext_lazy("%(person)s can sign in with the password alone until %(until)s."),
        do=_grant,
        check=_check_grant,
        form=GrantForm,
        is_open_to=passes.may_help,
        already=(AlreadyGranted,),
    ),
    "pass_revoke": Kind(
        title=gettext_lazy("Revoke the pass"),
        button=gettext_lazy("Revoke the pass"),
        done=gettext_lazy("The pass of %(person)s has ended."),
        do=_revoke,
        check=_check_revoke,
        fresh=None,  # stopping a pass must be quick, and does no harm
        is_open_to=passes.may_revoke,
        is_danger=True,
    ),
    "reset": Kind(
        title=gettext_lazy("Reset two-factor authentication"),
        button=gettext_lazy("Reset it"),
        done=gettext_lazy("%(person)s has no device and no backup codes any more."),
        do=_reset,
        check=_check_reset,
        form=ReasonForm,
        is_danger=True,
    ),
    "approve": Kind(
        title=gettext_lazy("Approve"),
        button=gettext_lazy("Approve it"),
        done=gettext_lazy("Approved, and done, for %(person)s."),
        do=_approve,
        check=_check_approve,
        form=ApproveForm,
    ),
    "decline": Kind(
        title=gettext_lazy("Decline"),
        button=gettext_lazy("Decline it"),
        done=gettext_lazy("Declined. Nothing was changed for %(person)s."),
        do=_decline,
        check=_check_decline,
        form=DeclineForm,
        fresh=None,  # refusing must be quick, and does no harm
        is_open_to=approvals.may_decline,
        is_danger=True,
    ),
    "sign_out": Kind(
        title=gettext_lazy("Sign out everywhere"),
        button=gettext_lazy("Sign out everywhere"),
        done=gettext_lazy("%(person)s is signed out everywhere."),
        do=_sign_out,
        check=_check_handle,
        is_danger=True,
    ),
    "address": Kind(
        title=gettext_lazy("Change the address"),
        button=gettext_lazy("Change the address"),
        done=gettext_lazy(
            "The address of %(person)s is changed. Both addresses and the owners are told."
        ),
        do=_change_address,
        check=_check_handle,
        form=AddressForm,
        is_danger=True,
    ),
    "deactivate": Kind(
        title=gettext_lazy("Deactivate"),
        button=gettext_lazy("Deactivate"),
        done=gettext_lazy("%(person)s can no longer sign in."),
        do=_deactivate,
        check=_check_handle,
        is_danger=True,
    ),
    "reactivate": Kind(
        title=gettext_lazy("Reactivate"),
        button=gettext_lazy("Reactivate"),
        done=gettext_lazy("%(person)s can sign in again."),
        do=_reactivate,
        check=_check_handle,
    ),
    "staff": Kind(
        title=gettext_lazy("Change who is staff"),
        button=gettext_lazy("Save"),
        done=gettext_lazy("Saved for %(person)s."),
        do=_change_staff,
        check=_check_handle,
        form=StaffForm,
        is_open_to=_is_superuser,
    ),
}


def page(
    request: HttpRequest, person: User, name: str, *, context: dict[str, Any], now: datetime
) -> HttpResponse:
    """Show the page of one action, or carry it out."""
    kind, viewer = KINDS[name], person_of(request)
    if not kind.is_open_to(viewer, person):
        return _not_open(request, person, viewer, name, now=now)
    asked = admin_proof.missing(request, kind.fresh, now=now) if kind.fresh else None
    if asked is not None:
        return asked
    error, status = None, 200
    form = kind.form(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid():
        error = _carry_out(request, person, name, form.cleaned_data, now=now)
        if error is None:
            return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[person.pk]))
        error, status = _unless_said(form, error), 409
    if error is None:
        error, _answer = _refusal(lambda: kind.check(person, viewer, now))
    waiting = approvals.open_approval(person, now=now)
    form = form or kind.form(initial=_initial(person, waiting))
    if error is None:
        admin_proof.refill(request, form, now=now)
    shown = {
        **context,
        "title": kind.title,
        "person": person,
        "kind": kind,
        "until": _until(viewer, now=now),
        "waiting": waiting,
        "why_two": four_eyes.why_needed(person, now=now),
        "explanation": f"enforcement/admin/actions/{name}.html",
        "form": form,
        "refused": error.args[0] if error else "",
    }
    return TemplateResponse(request, TEMPLATE, shown, status=status)


def _carry_out(
    request: HttpRequest, person: User, name: str, given: dict[str, Any], *, now: datetime
) -> NotGrantable | NotAllowed | None:
    """Do it, and leave a message for the next page; return what refuses it, if anything does.

    What is found done already counts as done: the message says so. The try is written down.
    """
    kind, viewer = KINDS[name], person_of(request)
    words = {"person": person, "until": _until(viewer, now=now)}
    error, answer = _refusal(lambda: kind.do(person, viewer, given, now))
    if error is None:
        messages.success(request, answer or filled(kind.done, **words))
        return None
    why = in_english(error.args[0])
    support.note_refusal(user=person, actor=viewer, tried=name, why=why, now=now)
    if isinstance(error, kind.already):
        messages.warning(request, error.args[0])
        return None
    return error


def _unless_said(
    form: forms.Form, error: NotGrantable | NotAllowed
) -> NotGrantable | NotAllowed | None:
    """Say at its field that another address is needed; return what another would not mend."""
    if isinstance(error, NotUsable) and "email" in form.fields:
        form.add_error("email", error.args[0])
        return None
    return error


def _until(viewer: User, *, now: datetime) -> str:
    """Return when a pass granted now would end, as ``viewer`` is told."""
    return overview.told_to(viewer, person_page.pass_until(now=now))


def _not_open(
    request: HttpRequest, person: User, viewer: User, name: str, *, now: datetime
) -> HttpResponse:
    """An owner may look at this member, and not do that: no such page. A try is written down."""
    if request.method == "POST":
        why = _("not support") if not is_support(request) else _("not a superuser")
        support.note_refusal(user=person, actor=viewer, tried=name, why=why, now=now)
    raise Http404


def _initial(person: User, waiting: Approval | None) -> dict[str, Any]:
    return {
        "is_staff": person.is_staff,
        "is_superuser": person.is_superuser,
        "number": waiting.pk if waiting else None,
    }


def _refusal(
    call: Callable[[], str | None],
) -> tuple[NotGrantable | NotAllowed | None, str | None]:
    """Return what ``call`` refuses with, None when it went well; and its answer."""
    try:
        return None, call()
    except (NotGrantable, NotAllowed) as error:
        return error, None
