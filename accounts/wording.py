"""Words of ours in mails: a row keeps them as codes, or in English, and each reader gets their own.

A row is written in the language of whoever acts, or by a job that has none. So nothing of ours in
it is told before ``accounts.letters`` tells it to the one who reads it. Names stay as they are.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import pgettext, pgettext_lazy

from accounts.models import User

Context = Mapping[str, Any]
Teller = Callable[[Context], str]

SUPPORT, OPERATOR = "our support", "the operator of this site"

_tellers: dict[str, tuple[str, Teller]] = {}


def name_of(actor: User | None) -> str:
    """Return how mails name who acted; support staff appear as what they are."""
    if actor is None:
        return OPERATOR
    return SUPPORT if actor.is_bound_staff else actor.get_full_name()


def register(name: str, teller: Teller, *, kept_in: str = "") -> None:
    """Tell ``name`` by ``teller`` in each mail whose row has it, or has ``kept_in``."""
    _tellers[name] = (kept_in or name, teller)


def told(context: Context) -> dict[str, str]:
    """Return the words of ours that ``context`` keeps, in the language that is active."""
    return {name: teller(context) for name, (kept, teller) in _tellers.items() if context.get(kept)}


def among(words: Mapping[str, str | Promise], name: str) -> Teller:
    """Return a teller of words that are known; anything else is told as it is."""
    return lambda context: str(words.get(context[name], context[name]))


ROLES: dict[str, str | Promise] = {
    "owner": pgettext_lazy("role within a sentence", "owner"),
    "admin": pgettext_lazy("role within a sentence", "admin"),
    "member": pgettext_lazy("role within a sentence", "member"),
}


def _role(name: str) -> Teller:
    return lambda context: str(ROLES.get(str(context[name]).lower(), context[name]))


def behind_by(name: str) -> str:
    """Return who acted, as it stands behind "by", in a page as in a mail."""
    words = {
        SUPPORT: pgettext("who acted, behind 'by'", "our support"),
        OPERATOR: pgettext("who acted, behind 'by'", "the operator of this site"),
    }
    return words.get(name, name)


def _actor_begins(context: Context) -> str:
    """Return who acted, as a sentence begins with it."""
    words = {
        SUPPORT: pgettext("who acted, begins a sentence", "Our support"),
        OPERATOR: pgettext("who acted, begins a sentence", "The operator of this site"),
    }
    name = str(context["actor_name"])
    return words.get(name, name)


register("role", _role("role"))
register("old_role", _role("old_role"))
register("actor_name", lambda context: behind_by(str(context["actor_name"])))
register("actor_begins", _actor_begins, kept_in="actor_name")
