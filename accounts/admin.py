"""The mails in the admin, to read: by support in full, by owners for their accounts.

Nobody adds, changes or deletes a row here. No page shows a mail's values or a nonce. The audit
has a module of its own.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import admin_audit, mail
from accounts.admin_scope import RecordAdmin, is_support, owned_accounts
from accounts.audit_filters import accounts_of
from accounts.audit_words import told_at, words_of
from accounts.mail_names import isolated
from accounts.models import Notice, User

__all__ = ["NoticeAdmin", "admin_audit"]


def private_kinds() -> list[str]:
    """Return the kinds of mail that nobody but the recipient, and support, may know of."""
    return [kind.name for kind in mail.registered() if kind.is_private]


class OfAccount(admin.SimpleListFilter):
    """Owners choose among their accounts; support comes from the page of one."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        accounts, asked = accounts_of(request), self.value()
        if asked and not accounts.filter(slug=asked).exists():
            raise Http404  # somebody else's and none at all look the same
        if is_support(request):
            accounts = accounts.filter(slug=asked)
        offered = [(each.slug, isolated(each.name)) for each in accounts.order_by("name")]
        return offered if asked or len(offered) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = accounts_of(request).filter(slug=self.value()).values("pk")
        return queryset.filter(account_id__in=asked) if self.value() else queryset


@admin.register(Notice)
class NoticeAdmin(RecordAdmin):
    list_title = _("Mails")
    code = "kind"
    list_display = ("created", "what", "recipient", "account_name", "state", "error", "sent")
    list_display_links = ("what",)
    list_filter = ("state", ("created_at", admin.DateFieldListFilter), OfAccount)
    search_fields = ("recipient",)
    search_help_text = _("An address that a mail went to.")
    lookups = frozenset(
        {"state", "state__exact", "created_at__gte", "created_at__lt", "account", "kind"}
    )
    list_per_page = 50
    ordering = ("-pk",)
    fields = (
        "what", "recipient", "account_name", "state", "tries", "error",
        "created", "due", "sent", "drop",
    )  # fmt: skip

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        rows = rows.filter(account_id__in=owned_accounts(person))
        return rows.exclude(kind__in=private_kinds())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).defer("context", "nonce")
        annotated: QuerySet[Any] = rows.annotate(account_label=admin_audit.account_label())
        return annotated

    @admin.display(description=_("mail"), ordering="kind")
    def what(self, notice: Notice) -> str:
        return words_of(notice.kind)

    @admin.display(description=_("account"))
    def account_name(self, notice: Any) -> str:
        return notice.account_label or "-"

    @admin.display(description=_("owed since"), ordering="created_at")
    def created(self, notice: Notice) -> str:
        return told_at(notice.created_at)

    @admin.display(description=_("tried next"))
    def due(self, notice: Notice) -> str:
        return told_at(notice.due_at)

    @admin.display(description=_("sent"), ordering="sent_at")
    def sent(self, notice: Notice) -> str:
        return told_at(notice.sent_at)

    @admin.display(description=_("dropped after"))
    def drop(self, notice: Notice) -> str:
        return told_at(notice.drop_at)
