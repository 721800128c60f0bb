"""What each route of the admin is, as one literal, and the paths that a matrix of tests asks for.

The admin's own classes and URLs are read from its registry: one that nobody has written down here
fails the tests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

from django.contrib import admin

from accounts.models import Identity
from accounts.references import reference_to
from tests.routes import HOLE, routes
from tests.security.two_accounts import Tenant

PREFIX = "/admin/"


class Kind(Enum):
    SITE = "of the site, about nobody"
    LEAVING = "signs out, by POST"
    LIST = "a list, of the rows that one may see"
    FILE = "the rows of a list as a file, by POST"
    ROW = "a row that owners see, too"
    BUTTON = "a change to an owner's row, by POST"
    DESK = "something of support's alone"
    DESKS_ROW = "a row that support alone sees"
    OWNERS_DESK = "something that an owner may do to a member, too"
    ROOT = "something that a superuser does"
    SHUT = "nothing"


ROUTES = {
    "": Kind.SITE,
    "login/": Kind.SITE,
    "logout/": Kind.LEAVING,
    "password_change/": Kind.SITE,
    "password_change/done/": Kind.SITE,
    "jsi18n/": Kind.SITE,
    "anything": Kind.SHUT,
    "accounts/account/": Kind.LIST,
    "accounts/account/<row:object_id>/": Kind.ROW,
    "accounts/account/<row:object_id>/change/": Kind.ROW,
    "accounts/account/<row:object_id>/requirement/": Kind.ROW,
    "accounts/account/<row:object_id>/remind/": Kind.BUTTON,
    "accounts/account/<row:object_id>/advise/": Kind.BUTTON,
    "accounts/account/<row:object_id>/mails/<row:pk>/again/": Kind.BUTTON,
    "accounts/account/<row:object_id>/export/<str:form>/": Kind.BUTTON,
    "accounts/account/<row:object_id>/provider/": Kind.DESK,
    "accounts/auditevent/": Kind.LIST,
    "accounts/auditevent/export/<str:form>/": Kind.FILE,
    "accounts/auditevent/<row:object_id>/": Kind.ROW,
    "accounts/auditevent/<row:object_id>/change/": Kind.ROW,
    "accounts/notice/": Kind.LIST,
    "accounts/notice/<row:object_id>/": Kind.ROW,
    "accounts/notice/<row:object_id>/change/": Kind.ROW,
    "accounts/provider/": Kind.DESK,
    "accounts/provider/<row:object_id>/change/": Kind.DESKS_ROW,
    "accounts/provider/<row:object_id>/cut/off/": Kind.DESK,
    "accounts/provider/<row:object_id>/edit/": Kind.DESK,
    "accounts/provider/<row:object_id>/off/": Kind.DESK,
    "accounts/provider/<row:object_id>/replace/": Kind.DESK,
    "accounts/provider/<row:object_id>/secret/": Kind.DESK,
    "accounts/provider/<row:object_id>/test/": Kind.DESK,
    "accounts/provider/<row:object_id>/unlink/<row:identity>/": Kind.DESK,
    "accounts/user/": Kind.LIST,
    "accounts/user/add/": Kind.ROOT,
    "accounts/user/<row:object_id>/": Kind.ROW,
    "accounts/user/<row:object_id>/change/": Kind.ROW,
    "accounts/user/<row:object_id>/address/": Kind.DESK,
    "accounts/user/<row:object_id>/approve/": Kind.DESK,
    "accounts/user/<row:object_id>/decline/": Kind.DESK,
    "accounts/user/<row:object_id>/pass/": Kind.DESK,
    "accounts/user/<row:object_id>/pass/revoke/": Kind.OWNERS_DESK,
    "accounts/user/<row:object_id>/reset/": Kind.DESK,
    "accounts/user/<row:object_id>/deactivate/": Kind.DESK,
    "accounts/user/<row:object_id>/reactivate/": Kind.DESK,
    "accounts/user/<row:object_id>/sign/out/": Kind.DESK,
    "accounts/user/<row:object_id>/staff/": Kind.ROOT,
}
# Pages that every class of Django's admin has, and none of ours: they are asked for by hand.
STOCK = ("add/", "{}/delete/", "{}/history/", "autocomplete/")
NEVER = 999_999_937  # the number of no row of any model


@dataclass(frozen=True, slots=True)
class Spot:
    """One path of the admin."""

    path: str
    kind: Kind
    text: str


def found_routes() -> list[str]:
    """Return the texts of the routes that the admin has."""
    return [
        route.text.removeprefix(PREFIX)
        for route in routes()
        if route.name.startswith("admin:") or route.text.startswith(PREFIX)
    ]


def walked() -> list[str]:
    """Return the routes that are written down; one test fails for those that are not."""
    return [text for text in found_routes() if text in ROUTES]


def registered() -> dict[str, type]:
    return {str(model._meta.model_name): model for model in admin.site._registry}


def spots(of: Tenant) -> list[Spot]:
    """Return every path of the admin for every row of an account."""
    numbers = of.numbers()
    return [spot for text in walked() for spot in _filled(text, numbers)]


def samples(of: Tenant) -> list[Spot]:
    """Return one path of each route."""
    return list({spot.text: spot for spot in spots(of)}.values())


def never_was(of: Tenant) -> list[tuple[Spot, Spot]]:
    """Return each path to a row of an account, beside the same path to no row at all."""
    nothing = {model: {NEVER} for model in of.numbers()}
    pairs = []
    for text in walked():
        if "<row:" in text:
            empty = next(iter(_filled(text, nothing)))
            pairs += [(spot, empty) for spot in _filled(text, of.numbers())]
    return pairs


def identities(providers: set[int]) -> list[int]:
    """Return whom the providers know, in one row each; where there is none, what never was."""
    known = Identity.objects.filter(provider__in=providers).order_by("pk")
    return list(known.values_list("pk", flat=True)) or [NEVER]


def references(numbers: Iterable[int]) -> list[str]:
    return [reference_to(number) for number in sorted(numbers)]


def _filled(text: str, numbers: dict[str, set[int]]) -> Iterator[Spot]:
    model = (*text.split("/"), "", "")[1]
    values: dict[str, list[Any]] = {
        "object_id": references(numbers.get(model, ())),
        "pk": references(numbers["notice"]),
        "form": ["csv", "json"],
        "identity": references(identities(numbers["provider"])),
    }
    holes = [hole[2] for hole in HOLE.finditer(text)]
    for filling in product(*(values[hole] for hole in holes)):
        path = HOLE.sub("{}", text).format(*filling)
        yield Spot(PREFIX + path, ROUTES[text], text)
