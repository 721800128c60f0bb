"""The admin site: one door, ours; open to support staff and, for their accounts, to owners.

It takes no password: sign-in, sign-out and a new password happen on the site's own pages, with
the gate and its budgets. What other packages bring to register stays out.
"""

import logging
from collections.abc import Iterable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from accounts import current, signin
from accounts.models import Membership, User
from accounts.pages import answer_of
from enforcement import admin_desk, visitor
from enforcement.decision import Step

logger = logging.getLogger("gatehouse.admin")

View = Any  # a function, or the attribute of a class that acts as one

OUR_APPS = {"accounts", "twofactor", "enforcement"}
LOGGED = 200  # letters of a path; whoever guesses writes no long lines
# Doors that nothing here uses: they answer for any model, scoped by no account.
DROPPED = {"autocomplete", "view_on_site"}


class GatehouseAdminSite(AdminSite):
    site_header = site_title = _("Gatehouse admin")
    index_title = _("Desk")
    index_template = "enforcement/admin/desk.html"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Leave out what Django itself would put here, such as groups."""
        is_one = isinstance(model_or_iterable, type)
        models: Iterable[type[Model]] = [model_or_iterable] if is_one else model_or_iterable
        ours = [model for model in models if model._meta.app_label in OUR_APPS]
        super().register(ours, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff with a second factor given; owners in any session that the gate lets pass."""
        person = request.user
        if not isinstance(person, User) or not person.is_active:
            return False
        if person.is_bound_staff:
            # On a pass, too, the admin stays closed to them, whatever they own.
            obligation = visitor.of(request).obligation
            return obligation is not None and obligation.step is Step.PROCEED
        return Membership.objects.owners().filter(user=person).exists()

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Refuse plainly whom the gate let pass but who has no business here.

        Django's own would send such a person to sign in, where a signed-in one is sent back.
        """

        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if not self.has_permission(request):
                    raise PermissionDenied
                answer: HttpResponse = view(request, *args, **kwargs)
            except (PermissionDenied, Http404) as refused:
                _log(request, refused)
                raise
            return answer

        guarded: View = csrf_protect(inner if cacheable else never_cache(inner))
        return guarded

    def get_urls(self) -> list[URLResolver | URLPattern]:
        urls: list[URLResolver | URLPattern] = super().get_urls()
        return [url for url in urls if getattr(url, "name", None) not in DROPPED]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Nobody signs in here: the gate has sent whoever is not signed in to our own page."""
        if not self.has_permission(request):
            raise PermissionDenied
        given = request.GET.get(REDIRECT_FIELD_NAME, "")
        url = signin.safe_next(request, given) if given else reverse("admin:index")
        return HttpResponseRedirect(url)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return answer_of("logout", request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return HttpResponseRedirect(reverse("settings_password"))

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return HttpResponseRedirect(reverse("settings_password"))

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        raise Http404

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """The audit is the one log."""
        return LogEntry.objects.none()

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        desk = admin_desk.of(request, now=timezone.now())
        return super().index(request, {"desk": desk, **(extra_context or {})})


def _log(request: HttpRequest, refused: PermissionDenied | Http404) -> None:
    """Say who tried: Django's own line about a refused request has the path alone."""
    logger.warning(
        "refused person %s at %s: %s %r (%d)",
        request.user.pk,
        current.get().address,
        request.method,
        request.path[:LOGGED],
        404 if isinstance(refused, Http404) else 403,
    )
