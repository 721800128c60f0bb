"""What an owner may ask a list of the admin by its URL tells nothing of another account's rows."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client

from tests.enforcement.kit import sign_in
from tests.journeys.clock import Clock
from tests.security.admin_routes import NEVER, registered
from tests.security.test_admin_matrix import ask
from tests.security.two_accounts import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.proves("S53")]

# Every other condition that a URL can name is refused, whatever it is about.
TAKEN = {
    "account": {"q", "plan", "plan__exact"},
    "auditevent": {"q", "event", "account"},
    "notice": {"q", "state", "account", "kind"},
    "user": {"q"},
}

SHUT = {"provider"}  # lists of support's: to an owner they are not there


def columns(model: Any) -> Iterator[str]:
    """Return the names of a model's columns, and of those of the rows it leads to."""
    for field in model._meta.get_fields():
        yield field.name
        if getattr(field, "attname", field.name) != field.name:
            yield field.attname
        if field.is_relation and field.related_model:
            for other in field.related_model._meta.concrete_fields:
                yield f"{field.name}__{other.name}"
                if other.is_relation and other.related_model is not model:
                    yield f"{field.name}__{other.name}__name"


def conditions(model: Any) -> list[str]:
    plain = list(dict.fromkeys(columns(model)))
    return [*plain, *(f"{name}__startswith" for name in plain if "__" not in name)]


@pytest.mark.parametrize("model", TAKEN)
def test_all_conditions_but_a_few_are_refused(
    model: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """And what anybody may type into a URL is no fault of the site, to be told as one."""
    assert set(TAKEN) | SHUT == set(registered())
    world = make_world(clock)
    client, number = sign_in(world.alpha.owner), str(world.beta.account.pk)
    names = [name for name in conditions(registered()[model]) if name not in TAKEN[model]]
    site_admin, request = admin.site._registry[registered()[model]], HttpRequest()
    request.user = world.alpha.owner
    assert not [name for name in names if site_admin.lookup_allowed(name, number, request)]
    assert not [name for name in names if asked(client, model, name, number)[0].status_code != 400]
    assert {one.levelname for one in caplog.records if one.levelno > logging.INFO} == {"WARNING"}


@pytest.mark.parametrize("model", TAKEN)
def test_no_condition_finds_anything_of_others(model: str, clock: Clock) -> None:
    world = make_world(clock)
    client, beta = sign_in(world.alpha.owner), world.beta
    number = str(max(beta.numbers()[model]))
    for name in TAKEN[model]:
        for foreign in (beta.word, beta.owner.email, number, str(beta.account.pk)):
            nothing = str(NEVER) if foreign.isdigit() else "qwertzu"
            found, none = (asked(client, model, name, value)[1] for value in (foreign, nothing))
            assert found == none, (name, foreign)


def asked(client: Client, model: str, name: str, value: str) -> tuple[Any, str]:
    """Ask for a list; return the answer, and what it says with the value itself left out."""
    given = urlencode({name: value})
    answer, said = ask(client, "get", f"/admin/accounts/{model}/?{given}")
    for echoed in (f'value="{value}', given):
        said = re.sub(rf"{re.escape(echoed)}(?!\w)", "~", said)
    return answer, said
