"""What every page of rows in the admin keeps: owners see their accounts' rows, nobody deletes.

Support staff see all rows; what a class calls ``owned`` narrows them for an owner, so that a
foreign row is not there at all: 404, in lists, searches, filters and pages alike. Rows change
through use cases, which write the audit; Django's own log of the admin would be a second one.
"""

from typing import Any, NoReturn

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, register_converter
from django.utils.functional import Promise

from accounts.audit_words import words_of
from accounts.models import Membership, User
from accounts.reach import person_of
from accounts.references import Row

# Pages of Django's that no class here offers: changes have use cases, and history is the audit.
DROPPED = ("_add", "_delete", "_history")

register_converter(Row, "row")


def is_support(request: HttpRequest) -> bool:
    return person_of(request).is_bound_staff


def owned_accounts(person: User) -> QuerySet[Membership, Any]:
    """Return the keys of the accounts that ``person`` owns, for use in conditions."""
    return Membership.objects.owners().filter(user=person).values("account")


class ScopedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no generics at run time
    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a count for each choice is a query for each
    # Conditions that a URL may name; stock admins take any column, hashes and nonces included.
    lookups: frozenset[str] = frozenset()
    list_title: str | Promise = ""  # Django's own would tell to "select a user to view"

    @property
    def media(self) -> Media:
        """No script of the stock admin's: no page of ours needs one."""
        return Media()

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        """Return those of ``rows`` that belong to the accounts of ``person``: none, unless said."""
        return rows.none()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if is_support(request) else self.owned(rows, person_of(request))

    def get_urls(self) -> list[URLPattern]:
        kept = [url for url in super().get_urls() if not str(url.name).endswith(DROPPED)]
        return [_by_reference(url) for url in kept]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in self.lookups

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True  # the site let the person in, and rows are scoped

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        titled = {"title": self.list_title, **(extra_context or {})}
        try:
            return super().changelist_view(request, titled)
        except DisallowedModelAdminLookup as error:
            # Django's own answer is the same, but logged as a fault of the site.
            raise BadRequest(str(error)) from None

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> NoReturn:
        """A row of somebody else's and a row that never was look the same."""
        raise Http404

    def log_addition(self, *args: Any) -> None:  # type: ignore[override]
        """The audit is the one log."""

    def log_change(self, *args: Any) -> None:  # type: ignore[override]
        """The audit is the one log."""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Look for the row first: where Django would refuse a form, a foreign row isn't there."""
        if request.method == "POST":
            self.found(request, object_id)
        return super().change_view(request, object_id, form_url, extra_context)

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row within what the person may see; 404 for any other."""
        row: Model | None = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row


class RecordAdmin(ScopedAdmin):
    """Rows that are only read here; a page is called by what happened, in words."""

    code = ""  # the column that says what happened

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        words = words_of(getattr(kwargs["obj"], self.code))
        context.update(title=words, subtitle="", list_title=self.list_title)
        return super().render_change_form(request, context, *args, **kwargs)


def _by_reference(url: URLPattern) -> URLPattern:
    """Have a page of Django's own look for its row by reference, not by number."""
    route = str(url.pattern).replace("<path:object_id>", "<row:object_id>")
    return path(route, url.callback, url.default_args, name=url.name)
