"""The audit in the admin: read and taken along, by support in full, by owners for their accounts.

Nobody adds, changes or deletes a row here. Whoever is neither member nor known stays unnamed to
an owner: support acts as "Support", and who has left is a former member.
"""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import audit_export, audit_filters
from accounts.admin_scope import RecordAdmin, is_support, owned_accounts
from accounts.audit_export import Export
from accounts.audit_words import SHORT, told_at, told_change, words_of
from accounts.models import Account, AuditEvent, AuditSeal, Membership, User
from accounts.reach import person_of


def account_label() -> Subquery:
    return Subquery(Account.objects.filter(pk=OuterRef("account_id")).values("name")[:1])


def _known(column: str, *, to_owners: bool) -> Subquery:
    """Return the address of the person in ``column``; owners learn those of their members only."""
    if to_owners:
        members = Membership.objects.filter(account=OuterRef("account_id"), user=OuterRef(column))
        return Subquery(members.values("user__email")[:1])
    return Subquery(User.objects.filter(pk=OuterRef(column)).values("email")[:1])


def _is_support(column: str) -> Exists:
    staff = Q(is_staff=True) | Q(is_superuser=True)
    return Exists(User.objects.filter(staff, pk=OuterRef(column)))


@admin.register(AuditEvent)
class AuditAdmin(RecordAdmin):
    list_title = gettext_lazy("Audit")
    code = "event"
    change_list_template = "accounts/admin/audit.html"
    list_display = ("when", "what", "who", "whom", "account_name", "detail")
    list_display_links = ("what",)
    list_filter = audit_filters.FILTERS
    search_fields = ("subject_id",)
    lookups = frozenset({*audit_filters.TYPED, "at__gte", "at__lt"})
    FOR_SUPPORT_LOOKUPS = frozenset({"subject_id", "actor_id", "account_id"})
    list_per_page = 40
    ordering = ("-number",)
    sortable_by = ()
    FOR_OWNERS: ClassVar[list[str]] = [
        "when", "what", "who", "whom", "account_name", "detail", "shown_before", "shown_after",
    ]  # fmt: skip
    FOR_SUPPORT: ClassVar[list[str]] = [
        "number",
        *FOR_OWNERS,
        "address",
        "request_id",
        "place",
        "seal",
    ]

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        return rows.filter(account_id__in=owned_accounts(person))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        to_owners = not is_support(request)
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            account_label=account_label(),
            actor_email=_known("actor_id", to_owners=to_owners),
            subject_email=_known("subject_id", to_owners=to_owners),
            is_by_support=_is_support("actor_id"),
            is_about_support=_is_support("subject_id"),
        )
        return annotated

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.FOR_SUPPORT if is_support(request) else self.FOR_OWNERS

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """An owner finds people by the search among the members alone, an account by its name."""
        if lookup in self.FOR_SUPPORT_LOOKUPS:
            return request is not None and is_support(request)
        return super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return audit_filters.of_person(request, queryset, search_term), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        exports = [
            (form.upper(), reverse("admin:accounts_auditevent_export", args=[form]) + query)
            for form in audit_export.STREAMS
        ]
        context = {"form": audit_filters.form_of(request), "exports": exports}
        answer: Any = super().changelist_view(request, {**context, **(extra_context or {})})
        if shown := (getattr(answer, "context_data", None) or {}).get("cl"):
            answer.context_data["told"] = [self._told(row) for row in shown.result_list]
        found: TemplateResponse = answer
        return found

    def _told(self, row: Any) -> dict[str, Any]:
        return {
            "number": row.number,
            "what": self.what(row),
            "when": self.when(row),
            "who": self.who(row),
            "whom": self.whom(row),
            "account": self.account_name(row),
            "change": self.detail(row),
        }

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "export/<str:form>/",
            self.admin_site.admin_view(self.export_view),
            name="accounts_auditevent_export",
        )
        return [page, *super().get_urls()]

    @method_decorator(require_POST)
    def export_view(self, request: HttpRequest, form: str) -> HttpResponse:
        """Send the rows that the page of the same query shows, as a file."""
        if form not in audit_export.STREAMS:
            raise Http404
        try:
            shown = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404 from error
        export = Export(
            rows=shown.queryset,
            form=form,
            person=person_of(request),
            is_support=is_support(request),
            accounts=self._exported(request),
            asked={name: request.GET.get(name, "") for name in audit_filters.NAMES},
            namer=self,
        )
        answer: HttpResponse = audit_export.stream(export, now=timezone.now())  # type: ignore[assignment]
        return answer

    def _exported(self, request: HttpRequest) -> list[Account]:
        """Return the accounts whose audit is taken along; for support only where one is named."""
        accounts = audit_filters.accounts_of(request).order_by("name")
        if slug := request.GET.get("account", "").strip():
            return list(accounts.filter(slug=slug))
        if key := request.GET.get("account_id", "").strip():
            return list(accounts.filter(pk=key))
        return [] if is_support(request) else list(accounts)

    @admin.display(description=gettext_lazy("time"))
    def when(self, row: AuditEvent) -> str:
        return told_at(row.at)

    @admin.display(description=gettext_lazy("what"))
    def what(self, row: AuditEvent) -> str:
        return words_of(row.event)

    @admin.display(description=gettext_lazy("by"))
    def who(self, row: Any) -> str:
        return _person(row.actor_email, row.actor, is_staff=row.is_by_support)

    @admin.display(description=gettext_lazy("about"))
    def whom(self, row: Any) -> str:
        return _person(row.subject_email, row.subject, is_staff=row.is_about_support)

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, row: Any) -> str:
        return row.account_label or (_("(deleted)") if row.account_id else "-")

    @admin.display(description=gettext_lazy("change"))
    def detail(self, row: AuditEvent) -> str:
        return told_change(row.before, row.after)

    @admin.display(description=gettext_lazy("place in the chain"))
    def place(self, row: AuditEvent) -> str:
        seal = AuditSeal.objects.filter(row=row.number).first()
        return str(seal.number) if seal else _("not sealed yet")

    @admin.display(description=gettext_lazy("hash of its seal"))
    def seal(self, row: AuditEvent) -> str:
        seal = AuditSeal.objects.filter(row=row.number).first()
        return seal.hash if seal else "-"

    @admin.display(description=gettext_lazy("before"))
    def shown_before(self, row: AuditEvent) -> SafeString:
        return _block(row.before)

    @admin.display(description=gettext_lazy("after"))
    def shown_after(self, row: AuditEvent) -> SafeString:
        return _block(row.after)


def _person(email: str | None, pseudonym: str, *, is_staff: bool) -> str:
    """Name a person: by address where it is known and the viewer may know it."""
    if email:
        return email
    if is_staff:
        return _("Support")
    told = _("not a member (%(pseudonym)s)") % {"pseudonym": pseudonym[:SHORT]}
    return told if pseudonym else "-"


def _block(values: Any) -> SafeString:
    if values is None:
        return format_html("{}", "-")
    return format_html("<pre>{}</pre>", json.dumps(values, indent=2, ensure_ascii=False))
