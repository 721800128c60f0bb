"""What support does to a provider: each a page that says what will happen, then a POST.

A page only shows and asks; the use case behind it decides again, under its locks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import providers
from accounts.models import Account, Identity, Protocol, Provider
from accounts.providers import NotAllowed, NotValid
from accounts.purposes import Fresh
from accounts.reach import person_of
from enforcement import admin_proof, provider_page
from enforcement.admin_provider_forms import (
    ADD,
    CHANGE,
    EndForm,
    SecretForm,
    initial_of,
)

TEMPLATE = "enforcement/admin/provider_act.html"
HOW = "enforcement/admin/provider_acts"  # the folder of what each page says


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is acted on: an account that gets a provider, its provider, or whom that knows."""

    account: Account
    provider: Provider | None = None
    identity: Identity | None = None

    @property
    def back(self) -> str:
        """Return the page that the act was chosen on."""
        if self.provider is None:
            return reverse("admin:accounts_account_change", args=[self.account.pk])
        return reverse("admin:accounts_provider_change", args=[self.provider.pk])


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing to do: its words, its form, and the use case."""

    title: str | Promise
    button: str | Promise
    done: str | Promise
    form: Callable[[HttpRequest, Target, datetime], Any]
    do: Callable[[Target, Any, dict[str, Any]], Provider | None]
    is_danger: bool = False
    chooses_protocol: bool = False


def _given(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _protocol(request: HttpRequest, target: Target) -> str:
    """Return the protocol that the page's address asks for."""
    stands = target.provider.protocol if target.provider else Protocol.OIDC
    asked = request.GET.get("protocol", "")
    return asked if asked in Protocol.values else stands


def _new_form(request: HttpRequest, target: Target, now: datetime) -> forms.Form:
    return ADD[_protocol(request, target)](
        _given(request),
        account=target.account,
        stored=None,
        now=now,
        initial=initial_of(target.account, target.provider),
    )


def _change_form(request: HttpRequest, target: Target, now: datetime) -> forms.Form:
    provider = _provider(target)
    return CHANGE[provider.protocol](
        _given(request),
        account=target.account,
        stored=provider,
        now=now,
        initial=initial_of(target.account, provider),
    )


def _secret_form(request: HttpRequest, target: Target, now: datetime) -> forms.Form:
    return SecretForm(_given(request))


def _end_form(request: HttpRequest, target: Target, now: datetime) -> forms.Form:
    return EndForm(_given(request))


def _provider(target: Target) -> Provider:
    if target.provider is None:
        raise LookupError("No provider is acted on.")
    return target.provider


def _add(target: Target, form: Any, how: dict[str, Any]) -> Provider:
    return providers.add(
        account=target.account,
        origin=form.origin(),
        details=form.details(),
        secret=form.given_secret(),
        **how,
    )


def _replace(target: Target, form: Any, how: dict[str, Any]) -> Provider:
    return providers.replace(
        provider=_provider(target),
        origin=form.origin(),
        details=form.details(),
        secret=form.given_secret(),
        **how,
    )


def _change(target: Target, form: Any, how: dict[str, Any]) -> None:
    providers.change(provider=_provider(target), details=form.details(), **how)


def _rotate(target: Target, form: Any, how: dict[str, Any]) -> None:
    secret = form.cleaned_data["secret"]
    providers.rotate_secret(provider=_provider(target), secret=secret, **how)


def _switch_off(target: Target, form: Any, how: dict[str, Any]) -> None:
    providers.switch_off(provider=_provider(target), **how)


def _cut_off(target: Target, form: Any, how: dict[str, Any]) -> None:
    providers.cut_off(provider=_provider(target), **how)


def _unlink(target: Target, form: Any, how: dict[str, Any]) -> None:
    if target.identity is not None:
        providers.unlink(identity=target.identity, **how)


ACTS = {
    "add": Act(
        title=_("Add a provider"),
        button=_("Add the provider"),
        done=_("The provider is added, and the owners are mailed. Test it before you tell them."),
        form=_new_form,
        do=_add,
        chooses_protocol=True,
    ),
    "edit": Act(
        title=pgettext_lazy("what support does", "Change"),
        button=_("Save"),
        done=_("Saved. If anything changed, the owners are mailed."),
        form=_change_form,
        do=_change,
    ),
    "secret": Act(
        title=_("Replace the secret"),
        button=_("Replace the secret"),
        done=_("The new secret is stored, and the old one is gone. Test the sign-in."),
        form=_secret_form,
        do=_rotate,
    ),
    "replace": Act(
        title=_("Replace the issuer"),
        button=_("Replace the issuer"),
        done=_("The old provider is switched off, and this one has its place. Test it."),
        form=_new_form,
        do=_replace,
        is_danger=True,
        chooses_protocol=True,
    ),
    "off": Act(
        title=_("Switch off"),
        button=_("Switch it off"),
        done=_("The provider is switched off. The owners are mailed."),
        form=_end_form,
        do=_switch_off,
        is_danger=True,
    ),
    "cut_off": Act(
        title=_("Cut off"),
        button=_("Cut it off"),
        done=_("The provider is cut off, and its sessions are over. The owners are mailed."),
        form=_end_form,
        do=_cut_off,
        is_danger=True,
    ),
    "unlink": Act(
        title=_("Unlink"),
        button=_("Unlink"),
        done=_("The provider knows this person no more. The person is signed out, and mailed."),
        form=_end_form,
        do=_unlink,
        is_danger=True,
    ),
}


def open_to(provider: Provider) -> list[str]:
    """Return what can be done to ``provider`` as it stands."""
    if provider.is_live:
        names = ["edit", "secret", "replace", "off", "cut_off"]
        return [name for name in names if name != "secret" or provider.protocol == Protocol.OIDC]
    return [] if provider.cut_off_at else ["cut_off"]


def page(
    request: HttpRequest, target: Target, name: str, *, context: dict[str, Any], now: datetime
) -> HttpResponse:
    """Show the page of one act, or carry it out."""
    asked = admin_proof.missing(request, Fresh.STRONG, now=now)
    if asked is not None:
        return asked
    act, refused = ACTS[name], ""
    form = act.form(request, target, now)
    if request.method == "POST" and form.is_valid():
        how = {"actor": person_of(request), "reason": form.cleaned_data["reason"], "now": now}
        try:
            return _done(request, target, act, act.do(target, form, how))
        except NotAllowed as error:
            refused = str(error)
        except NotValid as error:
            _tell(form, error)
    admin_proof.refill(request, form, now=now)
    shown = {
        **context,
        **_said(target, now=now),
        "title": act.title,
        "target": target,
        "act": act,
        "explanation": f"{HOW}/{name}.html",
        "form": form,
        "protocol": _protocol(request, target) if act.chooses_protocol else "",
        "refused": refused or _closed(target, name),
    }
    return TemplateResponse(request, TEMPLATE, shown, status=409 if refused else 200)


def _done(
    request: HttpRequest, target: Target, act: Act, made: Provider | None
) -> HttpResponseRedirect:
    messages.success(request, str(act.done))
    if made is None:
        return HttpResponseRedirect(target.back)
    return HttpResponseRedirect(reverse("admin:accounts_provider_change", args=[made.pk]))


def _tell(form: Any, error: NotValid) -> None:
    """Say what the use case found wrong beside its field, where there is that field."""
    form.add_error(error.field if error.field in form.fields else None, str(error))


def _closed(target: Target, name: str) -> str | Promise:
    """Return why an act can't be done as things stand; empty where it can."""
    if target.provider is None:
        has_one = providers.live_of(target.account) is not None
        return _("This account has a provider already.") if has_one else ""
    if name == "unlink" or name in open_to(target.provider):
        return ""
    return _("This can't be done to the provider as it stands.")


def _said(target: Target, *, now: datetime) -> dict[str, Any]:
    """Return what the explanations speak of."""
    found = {"account": target.account, "provider": target.provider}
    if target.provider is None:
        return found
    return {**found, "concerned": provider_page.concerned(target.provider, now=now)}
