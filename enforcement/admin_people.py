"""People in the admin: support's desk for one person, and an owner's look at a member.

Nothing here is a form over the person's row. Each change is an action with a page of its own;
superusers add people, who get a mail to choose their password by.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin_scope import ScopedAdmin, is_support, owned_accounts
from accounts.models import Membership, User
from accounts.purposes import Fresh
from accounts.reach import person_of
from accounts.words import filled
from enforcement import admin_actions, admin_proof, person_page, support
from enforcement.admin_forms import IS_THERE, PersonForm
from enforcement.notices import Outcome, outcome_of
from enforcement.standing import people_as_usual, usual_standing

# Of the person alone: whether some account requires it is not every owner's to know.
TAGS = {
    Outcome.READY: ("good", gettext_lazy("2FA is on")),
    Outcome.EXEMPT: ("good", gettext_lazy("Single sign-on")),
    Outcome.ON_PASS: ("warning", gettext_lazy("On a pass")),
    Outcome.MUST_ACT: ("plain", gettext_lazy("Not set up")),
}


class PeopleList(ChangeList):
    """People with the facts that their state is told by; a page of one person asks itself."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        return people_as_usual(super().get_queryset(request, exclude_parameters))


class UserAdmin(ScopedAdmin):
    list_title = gettext_lazy("People")
    list_display = ("email", "name", "state", "is_active", "is_staff")
    search_fields = ("email", "name")
    search_help_text = gettext_lazy(
        "A name, an email address or, for support, an account; or a part of one."
    )
    lookups = frozenset({"is_staff__exact", "is_active__exact", "is_superuser__exact"})
    list_per_page = 50

    def owned(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        members = Membership.objects.filter(account__in=owned_accounts(person))
        return rows.filter(pk__in=members.values("user"))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PeopleList]:
        return PeopleList

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Which accounts of others a member belongs to is no owner's to find out."""
        by_account = ("memberships__account__name", "memberships__account__slug")
        return (*self.search_fields, *by_account) if is_support(request) else self.search_fields

    def get_list_filter(self, request: HttpRequest) -> Any:
        return ("is_active", "is_staff", "is_superuser") if is_support(request) else ()

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if is_support(request) else ("email", "name", "state")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person_of(request).is_superuser

    def get_urls(self) -> list[URLPattern]:
        actions = [
            path(
                f"<row:object_id>/{name.replace('_', '/')}/",
                self.admin_site.admin_view(self.action_view),
                {"name": name},
                name=f"accounts_user_{name}",
            )
            for name in admin_actions.KINDS
        ]
        add = path("add/", self.admin_site.admin_view(self.add_view), name="accounts_user_add")
        return [add, *actions, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a person. There is no form here, whatever is posted."""
        person: User = self.found(request, object_id)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        viewer = person_of(request)
        shown = person_page.of(person, viewer=viewer, now=timezone.now())
        context = {
            **self._context(request),
            "title": str(person),
            "person": person,
            "shown": shown,
            "tag": TAGS[shown.outcome],
            "for_support": viewer.is_bound_staff,
        }
        return TemplateResponse(request, "enforcement/admin/person.html", context)

    def action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        person: User = self.found(request, object_id)
        return admin_actions.page(
            request, person, name, context=self._context(request), now=timezone.now()
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()
        asked = admin_proof.missing(request, Fresh.STRONG, now=now)
        if asked is not None:
            return asked
        form = PersonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                user = support.add_person(**form.cleaned_data, actor=person_of(request), now=now)
            except IntegrityError:  # made by another click since the form was read
                form.add_error("email", IS_THERE)
            else:
                told = _("%(address)s gets a mail to choose a password by.")
                messages.success(request, filled(told, address=user.email))
                return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[user.pk]))
        admin_proof.refill(request, form, now=now)
        context = {**self._context(request), "title": _("Add a person"), "form": form}
        return TemplateResponse(request, "enforcement/admin/person_add.html", context)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}

    @admin.display(description=gettext_lazy("two-factor authentication"))
    def state(self, person: User) -> SafeString:
        outcome = outcome_of(usual_standing(person), now=timezone.now())
        return format_html('<span class="tag tag--{}">{}</span>', *TAGS[outcome])
