"""The audit trail and the mails, to read: by support in full, by owners for their accounts.

Nobody adds, changes or deletes a row here. No page shows a mail's values or a nonce.
"""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import mail
from accounts.admin_scope import ScopedAdmin, is_support, owned_accounts
from accounts.audit import Event
from accounts.emails import canonical_email
from accounts.models import Account, AuditEvent, AuditSeal, Membership, Notice, User

SHORT = 8  # of a pseudonym: enough to tell two strangers apart


class EventFilter(admin.SimpleListFilter):
    title, parameter_name = "event", "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(event), words_of(event)) for event in sorted(Event)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


def words_of(event: str) -> str:
    return str(event).replace("_", " ").capitalize()


def _account_name() -> Subquery:
    return Subquery(Account.objects.filter(pk=OuterRef("account_id")).values("name")[:1])


def _known(column: str, *, to_owners: bool) -> Subquery:
    """Return the address of the person in ``column``; owners learn those of their members only."""
    if to_owners:
        members = Membership.objects.filter(account=OuterRef("account_id"), user=OuterRef(column))
        return Subquery(members.values("user__email")[:1])
    return Subquery(User.objects.filter(pk=OuterRef(column)).values("email")[:1])


@admin.register(AuditEvent)
class AuditAdmin(ScopedAdmin):
    list_display = ("at", "what", "who", "whom", "account_name", "detail")
    list_display_links = ("what",)
    list_filter = (EventFilter, ("at", admin.DateFieldListFilter))
    search_fields = ("subject_id",)
    search_help_text = "A person's email address or number."
    lookups = frozenset({"event", "at__gte", "at__lt", "account_id", "subject_id", "actor_id"})
    list_per_page = 50
    ordering = ("-number",)
    FOR_OWNERS: ClassVar[list[str]] = [
        "number", "at", "what", "who", "whom", "account_name", "shown_before", "shown_after",
    ]  # fmt: skip
    FOR_SUPPORT: ClassVar[list[str]] = [*FOR_OWNERS, "address", "request_id", "place", "seal"]

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        return rows.filter(account_id__in=owned_accounts(person))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        to_owners = not is_support(request)
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            account_label=_account_name(),
            actor_email=_known("actor_id", to_owners=to_owners),
            subject_email=_known("subject_id", to_owners=to_owners),
        )
        return annotated

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.FOR_SUPPORT if is_support(request) else self.FOR_OWNERS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a person's rows by number or address; never by text inside a row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < len(str(2**63)):
            people = [int(term)]
        else:
            found = User.objects.filter(email=canonical_email(term.replace("\0", "")))
            people = list(found.values_list("pk", flat=True))
        return queryset.filter(Q(subject_id__in=people) | Q(actor_id__in=people)), False

    @admin.display(description="event", ordering="event")
    def what(self, row: AuditEvent) -> str:
        return words_of(row.event)

    @admin.display(description="by")
    def who(self, row: Any) -> str:
        return _person(row.actor_email, row.actor)

    @admin.display(description="about")
    def whom(self, row: Any) -> str:
        return _person(row.subject_email, row.subject)

    @admin.display(description="account")
    def account_name(self, row: Any) -> str:
        return row.account_label or ("(deleted)" if row.account_id else "-")

    @admin.display(description="change")
    def detail(self, row: AuditEvent) -> str:
        return _line(row.after) or _line(row.before)

    @admin.display(description="place in the chain")
    def place(self, row: AuditEvent) -> str:
        seal = AuditSeal.objects.filter(row=row.number).first()
        return str(seal.number) if seal else "not sealed yet"

    @admin.display(description="hash of its seal")
    def seal(self, row: AuditEvent) -> str:
        seal = AuditSeal.objects.filter(row=row.number).first()
        return seal.hash if seal else "-"

    @admin.display(description="before")
    def shown_before(self, row: AuditEvent) -> SafeString:
        return _block(row.before)

    @admin.display(description="after")
    def shown_after(self, row: AuditEvent) -> SafeString:
        return _block(row.after)


def _person(email: str | None, pseudonym: str) -> str:
    """Name a person: by address where it is known and the viewer may know it."""
    if email:
        return email
    return f"not a member ({pseudonym[:SHORT]})" if pseudonym else "-"


def _line(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    # A value may be a list, which no set can be asked for.
    told = {name: value for name, value in values.items() if value is not None and value != ""}
    return ", ".join(f"{name}: {value}" for name, value in told.items())


def _block(values: Any) -> SafeString:
    if values is None:
        return format_html("{}", "-")
    return format_html("<pre>{}</pre>", json.dumps(values, indent=2, ensure_ascii=False))


def private_kinds() -> list[str]:
    """Return the kinds of mail that nobody but the recipient, and support, may know of."""
    return [kind.name for kind in mail.registered() if kind.is_private]


@admin.register(Notice)
class NoticeAdmin(ScopedAdmin):
    list_display = ("created_at", "what", "recipient", "account_name", "state", "error", "sent_at")
    list_display_links = ("what",)
    list_filter = ("state", ("created_at", admin.DateFieldListFilter))
    search_fields = ("recipient",)
    search_help_text = "An address that a mail went to."
    lookups = frozenset(
        {"state", "state__exact", "created_at__gte", "created_at__lt", "account_id", "kind"}
    )
    list_per_page = 50
    ordering = ("-pk",)
    fields = (
        "what", "recipient", "account_name", "state", "tries", "error",
        "created_at", "due_at", "sent_at", "drop_at",
    )  # fmt: skip

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        rows = rows.filter(account_id__in=owned_accounts(person))
        return rows.exclude(kind__in=private_kinds())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).defer("context", "nonce")
        annotated: QuerySet[Any] = rows.annotate(account_label=_account_name())
        return annotated

    @admin.display(description="mail", ordering="kind")
    def what(self, notice: Notice) -> str:
        return words_of(notice.kind)

    @admin.display(description="account")
    def account_name(self, notice: Any) -> str:
        return notice.account_label or "-"
