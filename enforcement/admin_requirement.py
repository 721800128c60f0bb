"""The page that shows what switching a requirement would do, and whose button does it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.reach import person_of
from accounts.words import filled
from enforcement import account_page, admin_proof, overview, policies, roster, switching
from enforcement.admin_forms import SwitchForm
from twofactor import devices

TEMPLATE = "enforcement/admin/requirement.html"


def page(
    request: HttpRequest, account: Account, *, context: dict[str, Any], now: datetime
) -> HttpResponse:
    """Show the preview, or do what its button says; ``context`` is the admin site's."""
    person = person_of(request)
    asked = admin_proof.missing(request, admin_proof.for_switching(request), now=now)
    if asked is not None:
        return asked
    needs_reason = not switching.is_owner(person, account)
    if request.method != "POST":
        form = SwitchForm(needs_reason=needs_reason, now=now)
        admin_proof.refill(request, form, now=now)
        return _shown(request, account, form, context=context, now=now)
    form = SwitchForm(request.POST, needs_reason=needs_reason, now=now)
    if not form.is_valid():
        return _shown(request, account, form, context=context, now=now)
    return _switched(request, account, form, context=context, now=now)


def _switched(
    request: HttpRequest,
    account: Account,
    form: SwitchForm,
    *,
    context: dict[str, Any],
    now: datetime,
) -> HttpResponse:
    is_on = form.cleaned_data["confirm"] == "on"
    reason = form.cleaned_data.get("reason", "")
    try:
        done = switching.switch(
            account=account, is_on=is_on, actor=person_of(request), reason=reason, now=now
        )
    except policies.NotSwitchable as error:
        form.add_error(None, str(error))
        return _shown(request, account, form, context=context, now=now)
    if done.is_new:
        messages.success(request, _done(request, account, done, is_on=is_on))
    else:
        was_on = _("The requirement was on already; nothing was changed.")
        was_off = _("The requirement was off already; nothing was changed.")
        messages.info(request, was_on if is_on else was_off)
    return HttpResponseRedirect(reverse("admin:accounts_account_change", args=[account.pk]))


def _done(request: HttpRequest, account: Account, done: switching.Switched, *, is_on: bool) -> str:
    if not is_on or done.policy is None:
        told = _("%(account)s no longer requires two-factor authentication.")
        return filled(told, account=account)
    until = overview.told_to(person_of(request), done.policy.deadline)
    told = _(
        "%(account)s requires two-factor authentication. The members are mailed, and have until"
        " %(until)s."
    )
    return filled(told, account=account, until=until)


def _shown(
    request: HttpRequest,
    account: Account,
    form: SwitchForm,
    *,
    context: dict[str, Any],
    now: datetime,
) -> HttpResponse:
    """Answer with the page as things are now, and with a new instant in its form."""
    person = person_of(request)
    policy = policies.current(account)
    found = roster.counts(account, now=now)  # of all members: the largest query here, asked once
    again = SwitchForm(needs_reason="reason" in form.fields, now=now) if form.is_too_old else form
    return TemplateResponse(
        request,
        TEMPLATE,
        {
            **context,
            "title": _("Requirement"),
            "account": account,
            "policy": policy,
            "preview": overview.preview(account, found, viewer=person, now=now),
            "members": overview.members(
                account,
                found,
                asked=roster.asked_of(request.GET),
                page=request.GET.get("page", ""),
                policy=policy,
                now=now,
            ),
            "form": again,
            "too_old": form.errors.get("preview_at") if form.is_too_old else None,
            "is_unprotected": not devices.has_device(person),
            "choices": roster.CHOICES,
            "exports": account_page.exports(request, account),
            "back": request.get_full_path(),
            "is_owner": "reason" not in form.fields,
        },
    )
