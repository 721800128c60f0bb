"""A password that is replaced at the very moment in which it is given, on PostgreSQL."""

from functools import partial

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import passwords, sso_linking
from accounts.models import Identity, User
from enforcement import passes
from tests.enforcement.kit import browser, is_in
from tests.factories import PASSWORD, make_account, make_provider, make_user
from tests.integration.test_owner_races import one_then_other
from tests.integration.threads import raised
from tests.journeys.clock import DAY
from tests.twofactor.people import enrol_app

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def reset(person: User) -> None:
    user, new = User.objects.get(pk=person.pk), "a horse of another colour"
    passwords.reset_password(user=user, password=new, now=timezone.now())


@pytest.mark.proves("S33")
def test_it_signs_nobody_in_whose_pass_has_run_out() -> None:
    then = timezone.now() - 2 * DAY
    person, client = enrol_app(now=then).user, browser()
    passes.grant_pass(user=person, actor=None, reason="Lost", now=then)
    assert client.get("/login/").status_code == 200  # what is loaded once is loaded by now
    give = partial(client.post, "/login/", {"email": person.email, "password": PASSWORD})
    results = one_then_other(partial(reset, person), give)
    assert not raised(results), results
    assert not is_in(client)


def about_to_link(person: User) -> tuple[Client, str]:
    """A browser that came from the provider, and the page that asks for the password."""
    account = make_account(members=(person,), email_domains=["northwind.example"])
    provider = make_provider(account, now=timezone.now())
    client = browser()
    session = client.session
    session[sso_linking.KEY] = {
        "provider": provider.pk,
        "subject": "ada",
        "email": person.email,
        "amr": [],
        "acr": "",
        "auth_time": None,
        "next": "/",
        "at": timezone.now().isoformat(),
    }
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    return client, f"/sso/{provider.slug}/link/"


@pytest.mark.proves("S50")
def test_it_links_nobody_to_a_provider() -> None:
    person = make_user("ada@northwind.example")
    client, page = about_to_link(person)
    assert client.get(page).status_code == 200
    give = partial(client.post, page, {"password": PASSWORD})
    results = one_then_other(partial(reset, person), give)
    assert not raised(results), results
    assert not is_in(client)
    assert not Identity.objects.exists()
