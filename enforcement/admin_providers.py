"""Identity providers in the admin: support's alone. Owners read of theirs on the account's page.

Nothing here is a form over a provider's row; each change is an act with a page of its own.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_scope import ScopedAdmin, is_support
from accounts.audit_words import told_at
from accounts.models import Identity, Provider
from enforcement import admin_provider_acts, admin_provider_trial, provider_page
from enforcement.admin_provider_acts import ACTS, Target


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"
    CONDITIONS: dict[str, dict[str, Any]] = {
        "live": {"off_at": None, "cut_off_at": None},
        "off": {"off_at__isnull": False, "cut_off_at": None},
        "cut_off": {"cut_off_at__isnull": False},
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, words) for name, (_tag, words) in provider_page.STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = self.CONDITIONS.get(self.value() or "")
        return queryset.filter(**condition) if condition else queryset


class ProviderAdmin(ScopedAdmin):
    list_title = _("Providers")
    list_display = ("name", "of_account", "state", "protocol", "known", "last_used")
    list_filter = (StateFilter, "protocol")
    lookups = frozenset({"state", "protocol__exact"})
    search_fields = ("name", "issuer", "account__name", "account__slug")
    search_help_text = _("A provider, an issuer or an account; or a part of one.")
    list_per_page = 50
    ordering = ("account__name", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("account")
        return provider_page.with_figures(rows)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_support(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_support(request)

    def get_urls(self) -> list[URLPattern]:
        acts = [name for name in ACTS if name not in {"add", "unlink"}]
        pages: dict[str, tuple[Any, str]] = {
            "": (self.changelist_view, "changelist"),
            "<row:object_id>/change/": (self.change_view, "change"),
            "<row:object_id>/test/": (self.test_view, "test"),
            "<row:object_id>/unlink/<row:identity>/": (self.unlink_view, "unlink"),
        }
        ours = [
            path(route, self._guarded(view), name=f"accounts_provider_{name}")
            for route, (view, name) in pages.items()
        ]
        theirs = [
            path(
                f"<row:object_id>/{name.replace('_', '/')}/",
                self._guarded(self.act_view),
                {"name": name},
                name=f"accounts_provider_{name}",
            )
            for name in acts
        ]
        return [*ours, *theirs]

    def _guarded(self, view: Any) -> Any:
        """Let nobody but support find anything here, not even that there is such a page."""

        def of_support(request: HttpRequest, **holes: Any) -> HttpResponse:
            if not is_support(request):
                raise Http404
            answer: HttpResponse = view(request, **holes)
            return answer

        return self.admin_site.admin_view(of_support)

    def change_view(  # type: ignore[override]  # the number is one already
        self, request: HttpRequest, object_id: str
    ) -> HttpResponse:
        """Show a provider. There is no form here, whatever is posted."""
        provider: Provider = self.found(request, object_id)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        context = {
            **self._context(request),
            **provider_page.context(request, provider, now=timezone.now()),
            "title": str(provider),
            "acts": [(name, ACTS[name]) for name in admin_provider_acts.open_to(provider)],
        }
        return TemplateResponse(request, "enforcement/admin/provider.html", context)

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        provider: Provider = self.found(request, object_id)
        target = Target(account=provider.account, provider=provider)
        return self._page(request, target, name)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider: Provider = self.found(request, object_id)
        context = self._context(request)
        return admin_provider_trial.page(request, provider, context=context, now=timezone.now())

    def unlink_view(self, request: HttpRequest, object_id: str, identity: str) -> HttpResponse:
        provider: Provider = self.found(request, object_id)
        known = Identity.objects.select_related("user", "provider__account")
        found = known.filter(pk=identity, provider=provider).first()
        if found is None:
            raise Http404
        target = Target(account=provider.account, provider=provider, identity=found)
        return self._page(request, target, "unlink")

    def _page(self, request: HttpRequest, target: Target, name: str) -> HttpResponse:
        return admin_provider_acts.page(
            request, target, name, context=self._context(request), now=timezone.now()
        )

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}

    @admin.display(description=_("account"), ordering="account__name")
    def of_account(self, provider: Provider) -> str:
        return str(provider.account)

    @admin.display(description=_("state"))
    def state(self, provider: Provider) -> SafeString:
        return format_html(
            '<span class="tag tag--{}">{}</span>',
            *provider_page.STATES[provider_page.state_of(provider)],
        )

    @admin.display(description=_("people known"), ordering="known")
    def known(self, provider: Any) -> int:
        return int(provider.known)

    @admin.display(description=_("last sign-in"), ordering="last_used_at")
    def last_used(self, provider: Any) -> str:
        return told_at(provider.last_used_at)
