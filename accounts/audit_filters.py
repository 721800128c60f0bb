"""What the audit's list and its export are narrowed by; one form, one meaning for both."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from accounts.admin_scope import is_support, owned_accounts
from accounts.audit import Event
from accounts.audit_words import words_of
from accounts.emails import canonical_email
from accounts.models import Account, Membership, User
from accounts.reach import person_of


class _Typed(admin.SimpleListFilter, ABC):
    """A filter whose value is typed or picked in the page's own form, not offered as links."""

    title = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return self.narrowed(request, queryset, value) if value else queryset

    @abstractmethod
    def narrowed(self, request: HttpRequest, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return those of ``rows`` that fit what was typed."""


class EventFilter(_Typed):
    parameter_name = "event"

    def narrowed(self, request: HttpRequest, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(event=value)


class AccountFilter(_Typed):
    parameter_name = "account"

    def narrowed(self, request: HttpRequest, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        account = accounts_of(request).filter(slug=value).first()
        if account is None:
            raise Http404  # somebody else's and none at all look the same
        return rows.filter(account_id=account.pk)


class FromFilter(_Typed):
    parameter_name = "from"

    def narrowed(self, request: HttpRequest, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(at__gte=_beginning(value))


class ToFilter(_Typed):
    parameter_name = "to"

    def narrowed(self, request: HttpRequest, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(at__lt=_beginning(value, later=timedelta(days=1)))


FILTERS = (EventFilter, AccountFilter, FromFilter, ToFilter)
TYPED = ("q", *(str(each.parameter_name) for each in FILTERS))
NAMES = (*TYPED, "account_id", "at__gte", "at__lt", "actor_id", "subject_id")  # by links, too


def _beginning(value: str, *, later: timedelta = timedelta()) -> datetime:
    """Return when the day ``value`` begins where the viewer lives."""
    try:
        return timezone.make_aware(datetime.combine(date.fromisoformat(value) + later, time()))
    except (ValueError, OverflowError) as error:
        raise IncorrectLookupParameters(value) from error


def accounts_of(request: HttpRequest) -> QuerySet[Account]:
    accounts = Account.objects.all()
    if is_support(request):
        return accounts
    return accounts.filter(pk__in=owned_accounts(person_of(request)))


def of_person(request: HttpRequest, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Return the rows by or about a person, found by address; never by a row's text.

    An owner finds members of the row's own account alone: a search that found rows of others
    would tell who else has a sign-in, and who of support was at work. Support, who is shown the
    number of each row, may name a person by one, too.
    """
    term = term.replace("\0", "").strip()
    if is_support(request) and term.isascii() and term.isdigit():
        people = [int(term)] if len(term) < len(str(2**63)) else []
    else:
        people = list(User.objects.filter(email=canonical_email(term)).values_list("pk", flat=True))
    by, about = Q(actor_id__in=people), Q(subject_id__in=people)
    if not is_support(request):
        members = Membership.objects.filter(account=OuterRef("account_id"), user__in=people)
        return rows.filter(by | about).filter(Exists(members))
    return rows.filter(by | about)


def form_of(request: HttpRequest) -> dict[str, Any]:
    """Return what the form shows: what is asked for now, and what may be."""
    given = {name: request.GET.get(name, "") for name in TYPED}
    offered = [] if is_support(request) else list(accounts_of(request).order_by("name"))
    return {
        **given,
        "start": given["from"],
        "kinds": [(str(event), words_of(event)) for event in sorted(Event)],
        "is_support": is_support(request),
        "accounts": offered if len(offered) > 1 else [],
        "is_narrowed": any(request.GET.get(name) for name in NAMES),
    }
