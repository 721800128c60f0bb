"""Accounts in the admin: an owner's own, all of them for support.

Owners change the name; support the plan and the domains, too. The requirement has a page of its
own. New accounts are made by ``manage.py create_account``, memberships on the account's page.
"""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import mail_names
from accounts.admin_scope import ScopedAdmin, is_support, owned_accounts
from accounts.audit_words import told_at
from accounts.models import Account, User
from accounts.purposes import Fresh
from accounts.reach import person_of
from enforcement import (
    account_changes,
    account_page,
    admin_owner,
    admin_proof,
    admin_provider_acts,
    admin_requirement,
)
from enforcement.admin_forms import AccountForm, OwnersAccountForm
from enforcement.models import Policy


class AccountAdmin(ScopedAdmin):
    form = AccountForm
    change_form_template = "enforcement/admin/account.html"
    change_list_template = "enforcement/admin/accounts.html"
    list_display = ("name", "slug", "plan", "requirement")
    list_filter = ("plan",)
    lookups = frozenset({"plan", "plan__exact"})
    search_fields = ("name", "slug")
    search_help_text = gettext_lazy("A name or a short name.")
    FOR_OWNERS = ("name",)
    FOR_SUPPORT = ("name", "plan", "email_domains")

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        return rows.filter(pk__in=owned_accounts(person))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        deadlines = Policy.objects.filter(account=OuterRef("pk"), ended_at=None).values("deadline")
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(open_deadline=Subquery(deadlines[:1]))
        return annotated

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[Any, str]] = {
            "requirement/": (self.requirement_view, "requirement"),
            "remind/": (self.remind_view, "remind"),
            "advise/": (self.advise_view, "advise"),
            "mails/<row:pk>/again/": (self.send_again_view, "send_again"),
            "export/<str:form>/": (self.export_view, "export"),
            "provider/": (self.provider_view, "provider"),
        }
        ours = [
            path(
                f"<row:object_id>/{route}",
                self.admin_site.admin_view(view),
                name=f"accounts_account_{name}",
            )
            for route, (view, name) in pages.items()
        ]
        return [*ours, *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # a foreign account is not found in the first place

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        domains = "email_domains" if is_support(request) else "domains"
        return ["name", "slug", "plan", domains, "created"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        free = self.FOR_SUPPORT if is_support(request) else self.FOR_OWNERS
        return [name for name in self.get_fields(request, obj) if name not in free]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Give owners a form without the fields of support, which would be looked at if posted."""
        kwargs["form"] = AccountForm if is_support(request) else OwnersAccountForm
        return super().get_form(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": _("Accounts"), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Plan and domains of other people's accounts are changed with fresh proof alone."""
        if request.method == "POST" and is_support(request):
            asked = admin_proof.missing(request, Fresh.STRONG, now=timezone.now())
            if asked is not None:
                return asked
        return super().change_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        actor, now = person_of(request), timezone.now()
        account_changes.change(account=obj, actor=actor, now=now, asked=form.changed_data)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        account, now = kwargs.get("obj"), timezone.now()
        if isinstance(account, Account):
            context.update(account_page.context(request, account, now=now))
            context.update(title=mail_names.isolated(account.name), subtitle="")
            admin_proof.refill(request, context["adminform"].form, now=now)
        return super().render_change_form(request, context, *args, **kwargs)

    def requirement_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account: Account = self.found(request, object_id)
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        return admin_requirement.page(request, account, context=context, now=timezone.now())

    @method_decorator(require_POST)
    def remind_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._pressed(request, object_id, admin_owner.remind)

    @method_decorator(require_POST)
    def advise_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._pressed(request, object_id, admin_owner.advise)

    @method_decorator(require_POST)
    def send_again_view(self, request: HttpRequest, object_id: str, pk: str) -> HttpResponse:
        return self._pressed(request, object_id, admin_owner.send_again(int(pk)))

    @method_decorator(require_POST)
    def export_view(self, request: HttpRequest, object_id: str, form: str) -> HttpResponse:
        return self._pressed(request, object_id, admin_owner.export(form))

    def provider_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add a provider: support's alone."""
        account: Account = self.found(request, object_id)
        if not is_support(request):
            raise Http404
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        target = admin_provider_acts.Target(account=account)
        return admin_provider_acts.page(request, target, "add", context=context, now=timezone.now())

    def _pressed(self, request: HttpRequest, object_id: str, act: admin_owner.Act) -> HttpResponse:
        account: Account = self.found(request, object_id)
        return admin_owner.press(request, account, act, now=timezone.now())

    @admin.display(description=gettext_lazy("created"))
    def created(self, account: Account) -> str:
        return told_at(account.created_at)

    @admin.display(description=gettext_lazy("email domains"))
    def domains(self, account: Account) -> str:
        return ", ".join(account.email_domains) or _("any")

    @admin.display(description=gettext_lazy("two-factor authentication"), ordering="open_deadline")
    def requirement(self, account: Any) -> SafeString:
        deadline = account.open_deadline
        if deadline is None:
            return format_html('<span class="tag">{}</span>', _("not required"))
        if deadline <= timezone.now():
            return format_html('<span class="tag tag--good">{}</span>', _("required"))
        return format_html('<span class="tag tag--warning">{}</span>', _("deadline ahead"))
