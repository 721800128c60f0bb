"""The sign-in page leads to the provider of an address's domain, whoever has the address."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import PASSWORD, make_user
from tests.sso.kit import House, known_ada

pytestmark = pytest.mark.django_db


def asked(email: str, next_url: str = "") -> str:
    page = Client().post("/sso/", {"email": email, "next": next_url})
    assert page.status_code == 200
    return page.content.decode()


def wrong(email: str) -> str:
    page = Client().post("/login/", {"email": email, "password": "wrong", "next": "/settings/"})
    assert page.status_code == 200
    return page.content.decode()


def without_token(page: str, email: str) -> str:
    lines = [line for line in page.splitlines() if "csrfmiddlewaretoken" not in line]
    return "\n".join(lines).replace(email, "somebody")


def way_to(house: House, next_url: str = "%2F") -> str:
    return f'href="{house.start_url}?next={next_url}"'


def test_the_sign_in_page_leads_to_it_and_keeps_where_to_go(northwind: House) -> None:
    page = Client().get("/login/", {"next": "/settings/security/"}).content.decode()
    assert 'href="/sso/?next=%2Fsettings%2Fsecurity%2F"' in page
    page = Client().get("/sso/", {"next": "/settings/security/"}).content.decode()
    assert 'value="/settings/security/"' in page


def test_an_address_of_the_domain_is_led_to_the_provider(northwind: House) -> None:
    page = asked("Anybody@Northwind.Example", next_url="/settings/")
    assert way_to(northwind, "%2Fsettings%2F") in page
    assert "https://evil" not in asked("a@northwind.example", next_url="https://evil.example/")


def test_an_address_of_another_domain_is_told_to_use_its_password(northwind: House) -> None:
    for email in ("a@elsewhere.example", "a@sub.northwind.example", "a@hwind.example"):
        assert northwind.start_url not in asked(email)
        assert "Sign in with your password" in asked(email)


@pytest.mark.proves("S58")
def test_known_unknown_and_deactivated_people_are_answered_alike(northwind: House) -> None:
    known_ada(northwind)
    gone = make_user("gone@northwind.example")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    make_user("sso@northwind.example", password=None)
    people = ["ada@northwind.example", "nobody@northwind.example", gone.email,
              "sso@northwind.example"]  # fmt: skip
    for answer in (asked, wrong):
        pages = {without_token(answer(email), email) for email in people}
        assert len(pages) == 1
        assert northwind.start_url in pages.pop()


def test_a_wrong_password_of_another_domain_is_offered_nothing(northwind: House) -> None:
    make_user("ben@elsewhere.example")
    assert "/sso/northwind/" not in wrong("ben@elsewhere.example")


def test_a_provider_that_was_switched_off_is_offered_no_more(northwind: House) -> None:
    northwind.provider.off_at = timezone.now()
    northwind.provider.save()
    assert northwind.start_url not in asked("ada@northwind.example")
    assert northwind.start_url not in wrong("ada@northwind.example")


def test_two_accounts_with_the_domain_are_both_offered(northwind: House, contoso: House) -> None:
    contoso.account.email_domains = ["contoso.example", "northwind.example"]
    contoso.account.save()
    page = asked("ada@northwind.example")
    assert way_to(northwind) in page
    assert way_to(contoso) in page
    assert northwind.account.name in page


def test_a_password_still_signs_in_beside_it(northwind: House) -> None:
    ada = known_ada(northwind)
    client = Client()
    answer: Any = client.post("/login/", {"email": ada.email, "password": PASSWORD, "next": ""})
    assert answer.status_code == 302
    assert "sso" not in client.session
